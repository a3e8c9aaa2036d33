// SPDX-License-Identifier: MIT
//
// The promise not to suspend, kept and broken.
#include <pirn/scope/no_suspend.hpp>

#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"
#include "support/misuse.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using no_suspend = support::balanced<>;

TEST_F(no_suspend, forbids_what_suspends_and_allows_the_rest) {
    pirn::run([] {
        const auto refused = [](auto call) {
            return support::complains(call, "suspended where it had said that it does not");
        };
        {
            const pirn::no_suspend here;
            {
                const pirn::no_suspend again;
            }
            pirn::spawn([] {}).detach(); // does not suspend
            EXPECT_TRUE(refused([] { pirn::yield_now(); }))
                << "the inner one's end does not end ours";
        }
        pirn::yield_now();
    });
}

TEST_F(no_suspend, is_the_promise_of_one_task_only) {
    pirn::run([] {
        auto other = pirn::spawn([] {
            pirn::yield_now();
            pirn::sleep_for(1ms);
        });
        {
            const pirn::no_suspend here;
        }
        other.join();
    });
}

TEST_F(no_suspend, means_nothing_outside_of_any_task) { const pirn::no_suspend here; }

} // namespace
