// SPDX-License-Identifier: MIT
//
// Alarms: they ring once, never early, and not after they were turned off.
#include <pirn/runtime/alarm.hpp>

#include <pirn/base/time.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;

using alarm = support::balanced<>;

struct counting : pirn::alarm {
    counting() noexcept : alarm{&ring} {}
    static void ring(pirn::alarm& which) noexcept {
        auto& self = static_cast<counting&>(which);
        self.rang_at = pirn::clock::now();
        ++self.rings;
    }
    int rings = 0;
    pirn::time_point rang_at{};
};

TEST_F(alarm, rings_once_and_never_early) {
    pirn::run([] {
        counting rings;
        EXPECT_FALSE(rings.is_set());
        const auto when = pirn::after(10ms);
        rings.set(when);
        EXPECT_TRUE(rings.is_set());
        while (rings.rings == 0) pirn::sleep_for(1ms);
        EXPECT_FALSE(rings.is_set());
        EXPECT_GE(rings.rang_at, when);
        pirn::sleep_for(20ms);
        EXPECT_EQ(rings.rings, 1);
        rings.set(pirn::clock::now() - 1s); // the past: soon, not at once
        EXPECT_EQ(rings.rings, 1);
        pirn::sleep_for(1ms);
        EXPECT_EQ(rings.rings, 2);
    });
}

TEST_F(alarm, does_not_ring_once_it_is_off) {
    pirn::run([] {
        counting rings;
        rings.off();
        for (int i = 0; i < 50; ++i) {
            rings.set(pirn::after(std::chrono::microseconds{i * 4}));
            if (i % 2 == 0) pirn::yield_now();
            rings.off();
            EXPECT_FALSE(rings.is_set());
            const int before = rings.rings;
            pirn::sleep_for(300us);
            EXPECT_EQ(rings.rings, before);
        }
        const counting goes_out_of_scope;
    });
}

TEST_F(alarm, can_be_turned_off_by_a_task_that_was_asked_to_stop) {
    pirn::run([] {
        auto stopped = pirn::spawn([] {
            counting rings;
            rings.set(pirn::after(1h));
            EXPECT_THROW(pirn::sleep_for(1h), pirn::cancelled);
        });
        pirn::yield_now();
        stopped.request_stop();
        stopped.get();
        EXPECT_EQ(pirn::live().timers, 0);
    });
}

} // namespace
