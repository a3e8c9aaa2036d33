// SPDX-License-Identifier: MIT
//
// Sleeping tasks: never early, in order, and gone when asked to stop.
#include <pirn/runtime/sleep.hpp>

#include <pirn/base/error.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <vector>

#include <gtest/gtest.h>

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
    std::mt19937 random{1};
    std::vector<pirn::time_point> woken;
    pirn::run([&] {
        const auto begin = pirn::after(400ms);
        for (int i = 0; i < 2000; ++i) {
            const auto deadline = begin + std::chrono::microseconds{random() % 50'000};
            pirn::spawn([&woken, deadline] {
                pirn::sleep_until(deadline);
                EXPECT_GE(pirn::clock::now(), deadline);
                woken.push_back(deadline);
            }).detach();
        }
    });
    EXPECT_EQ(woken.size(), 2000U);
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

} // namespace
