// SPDX-License-Identifier: MIT
//
// Sleeping tasks: never early, in order, and gone when asked to stop.
#include <pirn/runtime/sleep.hpp>

#include <pirn/base/error.hpp>
#include <pirn/loop/file.hpp>
#include <pirn/loop/test_clock.hpp>
#include <pirn/runtime/await.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"
#include "support/sanitizers.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using sleeping = support::balanced<>;

TEST_F(sleeping, is_never_over_early) {
    pirn::run([] {
        for (const auto delay : {1us, 50us, 999us, 1000us, 1001us, 3000us}) {
            const auto deadline = pirn::after(delay);
            pirn::sleep_until(deadline);
            EXPECT_GE(pirn::clock::now(), deadline);
        }
    });
}

TEST_F(sleeping, of_two_thousand_ends_in_the_order_of_their_deadlines) {
    constexpr int sleepers = 2000 / support::slowness;
    std::vector<pirn::time_point> woken;
    bool all_slept = false;
    // Once more, with more time, if a busy machine has let a deadline pass before its task could sleep.
    for (auto margin = 400ms; !all_slept && margin < 15s; margin *= 3) {
        std::mt19937 random{1};
        woken.clear();
        all_slept = true;
        pirn::run([&] {
            const auto begin = pirn::after(margin);
            for (int i = 0; i < sleepers; ++i) {
                const auto deadline = begin + std::chrono::microseconds{random() % 50'000};
                pirn::spawn([&, begin, deadline] {
                    all_slept = all_slept && pirn::clock::now() < begin;
                    pirn::sleep_until(deadline);
                    EXPECT_GE(pirn::clock::now(), deadline);
                    woken.push_back(deadline);
                }).detach();
            }
        });
    }
    EXPECT_TRUE(all_slept);
    EXPECT_EQ(woken.size(), std::size_t{sleepers});
    EXPECT_TRUE(std::ranges::is_sorted(woken));
}

TEST_F(sleeping, for_nothing_or_less_lets_others_go_first) {
    pirn::run([] {
        int turns = 0;
        auto other = pirn::spawn([&] { ++turns; });
        pirn::sleep_for(0s);
        EXPECT_EQ(turns, 1);
        pirn::sleep_for(-1h);
        pirn::sleep_until(pirn::time_point::min());
    });
}

TEST_F(sleeping, forever_ends_when_the_task_is_asked_to_stop) {
    pirn::run([] {
        bool thrown = false;
        auto sleeper = pirn::spawn([&] {
            try {
                pirn::sleep_for(std::chrono::hours::max());
            } catch (const pirn::cancelled&) {
                thrown = true;
                throw;
            }
        });
        pirn::yield_now();
        EXPECT_EQ(pirn::live().timers, 1);
        sleeper.request_stop();
        sleeper.join();
        EXPECT_TRUE(thrown);
        EXPECT_EQ(pirn::live().timers, 0);
    });
}

TEST_F(sleeping, does_not_begin_in_a_task_that_was_asked_to_stop_before) {
    pirn::run([] {
        auto sleeper = pirn::spawn([] {
            for (int i = 0; i < 3; ++i) {
                EXPECT_THROW(pirn::sleep_for(1h), pirn::cancelled);
                EXPECT_THROW(pirn::sleep_for(0s), pirn::cancelled);
            }
        });
        sleeper.request_stop();
        sleeper.get();
    });
}

TEST_F(sleeping, by_a_clock_for_tests_takes_a_year_at_once) {
    pirn::test_clock time{pirn::when_idle::jumps};
    const auto begin = pirn::clock::now();
    pirn::run({.loop = {.time = &time}}, [] {
        EXPECT_EQ(pirn::now(), pirn::time_point{});
        auto hourly = pirn::spawn([] {
            for (int hour = 1; hour <= 24 * 365; ++hour) {
                pirn::sleep_for(1h);
                EXPECT_EQ(pirn::now(), pirn::time_point{} + hour * 1h);
            }
        });
        pirn::sleep_until(pirn::time_point{} + 90min);
        EXPECT_EQ(pirn::now(), pirn::time_point{} + 90min);
        hourly.join();
    });
    EXPECT_EQ(time.now(), pirn::time_point{} + 24h * 365);
    EXPECT_LT(pirn::clock::now() - begin, 60s);
    EXPECT_GE(pirn::now(), begin); // the test's clock is gone
}

TEST_F(sleeping, by_a_clock_for_tests_waits_until_it_is_moved) {
    pirn::test_clock time;
    pirn::run({.loop = {.time = &time}}, [&time] {
        bool awake = false;
        auto sleeper = pirn::spawn([&awake] {
            pirn::sleep_for(1h);
            awake = true;
        });
        pirn::yield_now();
        time.advance(1h - 1ns);
        for (int i = 0; i < 1000; ++i) {
            pirn::yield_now();
        }
        EXPECT_FALSE(awake);
        time.advance(1ns);
        sleeper.join();
        EXPECT_TRUE(awake);
    });
}

TEST_F(sleeping, by_a_clock_for_tests_stands_while_a_task_waits_for_somebody_else) {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    std::jthread writer{[&ends] {
        for (int i = 0; i < 3; ++i) {
            std::this_thread::sleep_for(30ms);
            EXPECT_EQ(write(ends[1], "x", 1), 1);
        }
    }};
    pirn::test_clock time{pirn::when_idle::jumps};
    pirn::run({.loop = {.time = &time}}, [&ends] {
        // Joins that wait are looked through for circles, once a second.
        auto reader = pirn::spawn([&ends] {
            for (int i = 0; i < 3; ++i) {
                std::array<std::byte, 1> space{};
                pirn::awaitable<pirn::read_operation> read{ends[0], space, std::int64_t{-1}};
                EXPECT_EQ(pirn::await(read), 1);
            }
        });
        reader.join();
        EXPECT_EQ(pirn::now(), pirn::time_point{});
    });
    close(ends[0]);
    writer.join();
    close(ends[1]);
}

using sleeping_death = sleeping;

TEST_F(sleeping_death, by_a_clock_for_tests_is_for_one_thread) {
    pirn::test_clock time;
    EXPECT_DEATH(pirn::run({.threads = 2, .loop = {.time = &time}}, [] {}),
                 "a test_clock is for one thread");
}

TEST_F(sleeping, in_a_child_process_is_an_error) {
    SKIP_WHEN(support::under_thread_sanitizer, "ThreadSanitizer starts a thread in the child");
    pirn::run([] {
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            try {
                pirn::sleep_for(10s); // one that was over by now would not be refused
                _exit(1);
            } catch (const std::system_error& refused) {
                _exit(refused.code() == std::errc::no_such_process ? 0 : 2);
            }
        }
        int status = -1;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
        pirn::sleep_for(1ms); // the parent's goes on
    });
}

} // namespace
