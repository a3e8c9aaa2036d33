// SPDX-License-Identifier: MIT
//
// Shields that go up when the request has come already: what is inside may do its last things.
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/task_group.hpp>

#include "support/account.hpp"
#include "support/tasks.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <tuple>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;

// Alone, and where other threads could touch the tree.
class shields : public support::balanced<testing::TestWithParam<std::size_t>> {
  protected:
    template <class Function>
    static void run(Function function) {
        pirn::run({.threads = GetParam()}, function);
    }
};
INSTANTIATE_TEST_SUITE_P(threads, shields, testing::Values(1, 2),
                         [](const auto& of) { return "on_" + std::to_string(of.param); });

bool asked() {
    const bool told = pirn::stop_requested();
    try {
        pirn::yield_now();
    } catch (const pirn::cancelled&) {
        EXPECT_TRUE(told);
        return true;
    }
    EXPECT_FALSE(told);
    return false;
}

TEST_P(shields, that_go_up_late_keep_off_what_was_asked_of_the_task) {
    run([] {
        int done = 0;
        auto task = pirn::spawn({.worker = pirn::this_worker}, [&] {
            pirn::cancel_scope scope;
            std::ignore = scope.run([&] {
                try {
                    support::stand_still();
                } catch (const pirn::cancelled&) {
                    EXPECT_TRUE(asked());
                    scope.shield();
                    EXPECT_FALSE(asked());
                    pirn::sleep_for(1ms); // a wait, and not only a yield
                    EXPECT_EQ(pirn::cancel_cause(), "");
                    ++done;
                    scope.shield(false);
                    EXPECT_TRUE(asked()) << "it comes back when the shield goes";
                    scope.shield();
                    EXPECT_FALSE(asked());
                    ++done;
                }
            });
            EXPECT_TRUE(asked()) << "outside it holds";
            ++done;
        });
        while (!task.done()) {
            task.request_stop();
            pirn::yield_now();
        }
        task.get();
        EXPECT_EQ(done, 3);
    });
}

TEST_P(shields, that_go_up_late_keep_off_what_was_asked_of_a_scope_around) {
    run([] {
        pirn::cancel_scope outer;
        std::ignore = outer.run([&] {
            pirn::cancel_scope middle;
            std::ignore = middle.run([&] {
                pirn::cancel_scope inner;
                std::ignore = inner.run([&] {
                    outer.cancel();
                    EXPECT_TRUE(asked());
                    middle.shield(); // not where the task stands: what is inside has been told
                    EXPECT_TRUE(asked());
                });
                EXPECT_FALSE(asked()) << "here it is shielded";
                pirn::cancel_scope next;
                EXPECT_TRUE(next.run([] { EXPECT_FALSE(asked()); })) << "and so is what follows";
                pirn::task_group tasks;
                tasks.spawn([] { pirn::sleep_for(1ms); });
                tasks.wait();
                middle.shield(false);
                EXPECT_TRUE(asked());
            });
            EXPECT_TRUE(asked());
        });
        EXPECT_FALSE(asked());
    });
}

TEST_P(shields, do_not_keep_off_what_was_asked_of_themselves) {
    run([] {
        pirn::cancel_scope outer;
        std::ignore = outer.run([&] {
            pirn::cancel_scope inner;
            std::ignore = inner.run([&] {
                inner.cancel();
                inner.shield();
                EXPECT_TRUE(asked());
                outer.cancel();
                EXPECT_TRUE(asked());
                inner.shield(false);
                inner.shield();
                EXPECT_TRUE(asked());
            });
        });
        EXPECT_FALSE(asked());
    });
}

} // namespace
