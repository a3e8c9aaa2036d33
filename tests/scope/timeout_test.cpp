// SPDX-License-Identifier: MIT
//
// Functions with a limit of time.
#include <pirn/scope/timeout.hpp>

#include <pirn/loop/test_clock.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"
#include "support/threads.hpp"

#include <chrono>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using timeouts = support::balanced<>;

TEST_F(timeouts, give_the_result_when_it_comes_in_time) {
    pirn::run([] {
        EXPECT_EQ(pirn::with_timeout(1h, [] { return 5; }), 5);
        pirn::with_timeout(1h, [] { pirn::sleep_for(1ms); });
        EXPECT_EQ(*pirn::with_timeout(1h, [] { return std::make_unique<int>(3); }), 3);
        EXPECT_EQ(pirn::try_with_timeout(pirn::after(1h), [] { return 6; }), 6);
        EXPECT_TRUE(pirn::try_with_timeout(1h, [] {}));
    });
}

TEST_F(timeouts, throw_or_give_nothing_when_it_does_not) {
    pirn::run([] {
        const auto forever = [] { pirn::sleep_until(pirn::never); };
        EXPECT_THROW(pirn::with_timeout(1ms, forever), pirn::timed_out);
        try {
            pirn::with_timeout(1ms, forever);
            ADD_FAILURE() << "no timeout";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), std::errc::timed_out);
        }
        EXPECT_FALSE(pirn::try_with_timeout(1ms, forever));
        EXPECT_EQ(pirn::try_with_timeout(1ms,
                                         [&] {
                                             forever();
                                             return 1;
                                         }),
                  std::nullopt);
        EXPECT_THROW(pirn::with_timeout(-1s, [] { pirn::yield_now(); }), pirn::timed_out);
    });
}

TEST_F(timeouts, let_errors_pass) {
    pirn::run([] {
        EXPECT_THROW(pirn::with_timeout(1h, [] { throw std::logic_error{"no"}; }),
                     std::logic_error);
    });
}

TEST_F(timeouts, nest_and_the_nearest_counts) {
    pirn::run([] {
        const auto begin = pirn::clock::now();
        EXPECT_THROW(
            pirn::with_timeout(2ms, [] { pirn::with_timeout(1h, [] { pirn::sleep_for(1h); }); }),
            pirn::timed_out);
        bool outer_goes_on = false;
        pirn::with_timeout(1h, [&] {
            EXPECT_THROW(pirn::with_timeout(2ms, [] { pirn::sleep_for(1h); }), pirn::timed_out);
            outer_goes_on = true;
        });
        EXPECT_TRUE(outer_goes_on);
        EXPECT_GE(pirn::clock::now() - begin, 4ms);
    });
}

TEST_F(timeouts, are_not_taken_for_a_request_to_stop) {
    pirn::run([] {
        auto task = pirn::spawn([] { pirn::with_timeout(1h, [] { pirn::sleep_for(1h); }); });
        pirn::yield_now();
        task.request_stop();
        EXPECT_THROW(task.get(), pirn::cancelled);
    });
}

TEST_F(timeouts, keep_a_task_that_may_be_moved_where_the_deadline_is) {
    pirn::run({.threads = 2}, [] {
        const auto moves = [](int turns) {
            const std::thread::id first = support::thread_now();
            for (int i = 0; i < turns && support::thread_now() == first; ++i) {
                // This thread is kept busy, so that the other one takes what it may.
                pirn::spawn({.worker = pirn::this_worker}, [] {
                    const auto end = std::chrono::steady_clock::now() + 200us;
                    while (std::chrono::steady_clock::now() < end) {
                    }
                }).detach();
                pirn::yield_now();
            }
            return support::thread_now() != first;
        };
        pirn::spawn({.migratable = true}, [&moves] {
            EXPECT_FALSE(pirn::with_timeout(1h, [&moves] { return moves(200); }));
            EXPECT_TRUE(moves(5000)); // it could be moved all the time
        }).join();
    });
}

TEST_F(timeouts, go_by_the_clock_of_a_test) {
    pirn::test_clock time{pirn::when_idle::jumps};
    pirn::run({.loop = {.time = &time}}, [] {
        EXPECT_EQ(pirn::with_timeout(2h,
                                     [] {
                                         pirn::sleep_for(1h);
                                         return 7;
                                     }),
                  7);
        EXPECT_EQ(pirn::now(), pirn::time_point{} + 1h);
        EXPECT_FALSE(pirn::try_with_timeout(2h, [] { pirn::sleep_for(3h); }));
        EXPECT_EQ(pirn::now(), pirn::time_point{} + 3h);
    });
}

} // namespace
