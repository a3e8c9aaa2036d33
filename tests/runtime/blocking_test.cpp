// SPDX-License-Identifier: MIT
//
// Calls on the blocking pool: results, errors, requests to stop before, during and after.
#include <pirn/runtime/blocking.hpp>

#include <pirn/io/file.hpp>
#include <pirn/loop/blocking_pool.hpp>
#include <pirn/net/resolver.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/timeout.hpp>

#include "support/account.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

class blocking : public support::balanced<> {};

TEST_F(blocking, gives_back_what_the_function_returns_from_another_thread) {
    pirn::run([] {
        const std::thread::id here = std::this_thread::get_id();
        EXPECT_NE(pirn::blocking([] { return std::this_thread::get_id(); }), here);
        EXPECT_EQ(pirn::blocking([] { return std::string{"text"}; }), "text");
        EXPECT_EQ(*pirn::blocking([] { return std::make_unique<int>(3); }), 3);
        int called = 0;
        pirn::blocking([&called] { ++called; });
        EXPECT_EQ(called, 1);
    });
}

TEST_F(blocking, throws_what_the_function_throws) {
    pirn::run([] {
        EXPECT_THROW(pirn::blocking([]() -> int { throw std::out_of_range{"far"}; }),
                     std::out_of_range);
    });
}

TEST_F(blocking, lets_other_tasks_run_meanwhile) {
    pirn::run([] {
        std::atomic<bool> ran{false};
        auto other = pirn::spawn([&ran] { ran = true; });
        EXPECT_TRUE(pirn::blocking([&ran] {
            for (int i = 0; i < 5000 && !ran; ++i) {
                std::this_thread::sleep_for(1ms);
            }
            return ran.load();
        }));
        other.join();
    });
}

TEST_F(blocking, does_not_begin_in_a_task_that_was_asked_to_stop) {
    pirn::run([] {
        auto task = pirn::spawn(
            [] { EXPECT_THROW(pirn::blocking([] { ADD_FAILURE(); }), pirn::cancelled); });
        task.request_stop();
        task.join();
    });
}

TEST_F(blocking, is_waited_for_once_it_has_begun) {
    pirn::run([] {
        std::atomic<bool> begun{false};
        auto task = pirn::spawn([&begun] {
            return pirn::blocking([&begun] {
                begun = true;
                std::this_thread::sleep_for(20ms);
                return 11;
            });
        });
        while (!begun) {
            pirn::sleep_for(1ms);
        }
        task.request_stop();
        EXPECT_EQ(task.get(), 11);
    });
}

TEST_F(blocking, is_interrupted_in_a_system_call_when_it_looks) {
    pirn::run([] {
        std::array<int, 2> ends{};
        ASSERT_EQ(::pipe(ends.data()), 0);
        std::atomic<bool> begun{false};
        auto task = pirn::spawn([&] {
            return pirn::blocking([&](pirn::blocking_call& call) {
                begun = true;
                char byte = 0;
                while (::read(ends[0], &byte, 1) < 0 && errno == EINTR) { // nobody will write
                    if (call.stop_requested()) {
                        return std::string{"stopped"};
                    }
                }
                return std::string{"read"};
            });
        });
        while (!begun) {
            pirn::sleep_for(1ms);
        }
        pirn::sleep_for(5ms);
        task.request_stop();
        EXPECT_EQ(task.get(), "stopped");
        ::close(ends[0]);
        ::close(ends[1]);
    });
}

// On both backends, as PIRN_BACKEND says: on epoll files need threads, names do on either.
TEST_F(blocking, holds_up_neither_names_nor_files) {
    pirn::run([] {
        std::atomic<int> begun{0};
        std::atomic<bool> over{false};
        std::vector<pirn::join_handle<>> calls;
        for (int i = 0; i < 200; ++i) {
            calls.push_back(pirn::spawn([&] {
                pirn::blocking([&] {
                    ++begun;
                    while (!over) std::this_thread::sleep_for(1ms);
                });
            }));
        }
        while (begun < 16) pirn::sleep_for(1ms);
        EXPECT_TRUE(pirn::try_with_timeout(20s, [] {
            EXPECT_FALSE(pirn::net::resolve("localhost", 1).empty());
            auto file = pirn::io::file::open("/proc/self/exe");
            std::array<std::byte, 4> start{};
            EXPECT_EQ(file.read_at(start, 0), start.size());
        }));
        over = true;
        for (auto& each : calls) each.get();
    });
}

TEST_F(blocking, runs_on_the_pool_that_is_named_for_calls) {
    const auto pool = std::make_shared<pirn::blocking_pool>();
    pirn::run({.loop = {.calls = pool}},
              [&] { pirn::blocking([&] { EXPECT_EQ(pool->threads(), 1U); }); });
}

TEST_F(blocking, that_may_be_abandoned_gives_and_throws_as_ever) {
    pirn::run([] {
        EXPECT_EQ(pirn::blocking({.abandon = true}, [] { return std::string{"text"}; }), "text");
        EXPECT_EQ(*pirn::blocking({.abandon = true}, [own = std::make_unique<int>(
                                                          3)]() mutable { return std::move(own); }),
                  3);
        int called = 0;
        pirn::blocking({.abandon = true}, [&called] { ++called; });
        pirn::blocking({}, [&called] { ++called; });
        EXPECT_EQ(called, 2);
        EXPECT_THROW(
            pirn::blocking({.abandon = true}, []() -> int { throw std::out_of_range{"far"}; }),
            std::out_of_range);
    });
}

class abandoned : public support::balanced<testing::TestWithParam<std::size_t>> {};

// gate: what a function on the pool waits for, although it is asked to stop.
struct gate {
    std::atomic<bool> begun{false};
    std::atomic<bool> open{false};
    std::atomic<bool> passed{false};
    void pass() {
        begun = true;
        while (!open) std::this_thread::sleep_for(1ms);
        passed = true;
    }
};

TEST_P(abandoned, calls_end_with_their_scope_and_are_waited_for_by_the_runtime) {
    const auto way = std::make_shared<gate>();
    pirn::run({.threads = GetParam()}, [&] {
        const auto got = pirn::try_with_timeout(20ms, [&] {
            return pirn::blocking({.abandon = true}, [way] {
                way->pass();
                return std::string{"too late to be wanted"};
            });
        });
        EXPECT_FALSE(got.has_value());
        EXPECT_FALSE(way->passed);
        way->open = true;
    });
    EXPECT_EQ(way->passed, way->begun);
    EXPECT_EQ(way.use_count(), 1); // what the function owned has gone with the runtime
}

TEST_P(abandoned, calls_know_that_they_are) {
    std::atomic<bool> told{false};
    pirn::run({.threads = GetParam()}, [&] {
        std::atomic<bool> begun{false};
        auto task = pirn::spawn([&] {
            pirn::blocking({.abandon = true}, [&](pirn::blocking_call& call) {
                begun = true;
                while (!call.stop_requested()) std::this_thread::sleep_for(1ms);
                told = true;
            });
        });
        while (!begun) pirn::sleep_for(1ms);
        task.request_stop();
        EXPECT_THROW(task.get(), pirn::cancelled);
        while (!told) pirn::sleep_for(1ms); // `begun` is ours until then
    });
    EXPECT_TRUE(told);
}

TEST_P(abandoned, calls_that_throw_are_reported) {
    const auto way = std::make_shared<gate>();
    testing::internal::CaptureStderr();
    pirn::run({.threads = GetParam()}, [&] {
        auto task = pirn::spawn([&] {
            pirn::blocking({.abandon = true}, [way] {
                way->pass();
                throw std::runtime_error{"too late"};
            });
        });
        while (!way->begun) pirn::sleep_for(1ms);
        task.request_stop();
        EXPECT_THROW(task.get(), pirn::cancelled);
        way->open = true;
    });
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("too late"), std::string::npos) << said;
    EXPECT_NE(said.find("blocking_test.cpp"), std::string::npos) << said;
}

TEST_P(abandoned, calls_that_had_not_begun_are_not_made) {
    pirn::run({.threads = GetParam()}, [] {
        auto task = pirn::spawn({.worker = pirn::this_worker}, [] {
            EXPECT_THROW(pirn::blocking({.abandon = true}, [] { ADD_FAILURE(); }), pirn::cancelled);
        });
        task.request_stop();
        task.join();
    });
}

TEST_P(abandoned, calls_are_not_where_nobody_says_so) {
    const auto way = std::make_shared<gate>();
    pirn::run({.threads = GetParam()}, [&] {
        auto task = pirn::spawn([&] {
            return pirn::blocking({}, [way] {
                way->pass();
                return 11;
            });
        });
        while (!way->begun) pirn::sleep_for(1ms);
        task.request_stop();
        way->open = true;
        EXPECT_EQ(task.get(), 11);
    });
}

INSTANTIATE_TEST_SUITE_P(on_threads, abandoned, testing::Values(1, 4));

} // namespace
