// SPDX-License-Identifier: MIT
//
// Alarms: never early, once, and not at all when unset.
#include <pirn/runtime/alarm.hpp>

#include <pirn/loop/loop.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>

#include "support/account.hpp"

#include <chrono>
#include <optional>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using alarms = support::balanced<>;

struct bell : pirn::alarm {
    bell() noexcept : alarm{&on_time} {}
    static void on_time(alarm& which) noexcept {
        auto& self = static_cast<bell&>(which);
        ++self.rung;
        self.at = pirn::clock::now();
    }
    int rung = 0;
    pirn::time_point at;
};

TEST_F(alarms, ring_once_and_never_early) {
    pirn::run([] {
        bell one;
        EXPECT_EQ(one.when(), pirn::never);
        const auto deadline = pirn::after(2ms);
        one.set(deadline);
        EXPECT_EQ(one.when(), deadline);
        pirn::sleep_for(5ms);
        EXPECT_EQ(one.rung, 1);
        EXPECT_GE(one.at, deadline);
        EXPECT_EQ(one.when(), pirn::never);
    });
}

TEST_F(alarms, can_be_set_anew_unset_and_destroyed) {
    pirn::run([] {
        bell later;
        later.set(pirn::after(1ms));
        later.set(pirn::after(1h));
        bell unset;
        unset.set(pirn::after(1ms));
        unset.unset();
        unset.unset();
        bell endless;
        endless.set(pirn::never);
        {
            bell gone;
            gone.set(pirn::after(1ms));
        }
        pirn::sleep_for(4ms);
        EXPECT_EQ(later.rung + unset.rung + endless.rung, 0);
        EXPECT_EQ(pirn::current_loop().pending(), 1U) << "that is `later`";
    });
}

TEST_F(alarms, may_be_destroyed_by_one_that_rings_at_the_same_time) {
    pirn::run([] {
        struct first : pirn::alarm {
            explicit first(std::optional<bell>& of) noexcept : alarm{&on_time}, other{of} {}
            static void on_time(alarm& which) noexcept { static_cast<first&>(which).other.reset(); }
            std::optional<bell>& other;
        };
        std::optional<bell> second;
        second.emplace();
        first kills{second};
        const auto when = pirn::after(1ms);
        kills.set(when);
        second->set(when);
        pirn::sleep_for(3ms);
        EXPECT_FALSE(second);
    });
}

} // namespace
