// SPDX-License-Identifier: MIT
//
// The error of a group that nothing has claimed, because the block was left by an error of its own or its `cancelled`
// was swallowed: it is printed, and comes out of no scope that has nothing to do with it.
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/task_group.hpp>
#include <pirn/scope/timeout.hpp>

#include "support/account.hpp"
#include "support/tasks.hpp"

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using support::stand_still;

[[noreturn]] void fail_after_a_turn() {
    pirn::yield_now();
    throw std::runtime_error{"the task's"};
}

// The block of a group is left by an error of its own, after a task has failed.
void leave_by_an_error() {
    try {
        pirn::task_group group;
        group.spawn(fail_after_a_turn);
        pirn::cancel_scope shield;
        shield.shield();
        static_cast<void>(shield.run([&group] {
            while (!group.cancel_requested()) pirn::sleep_for(1ms);
            throw std::logic_error{"the block's"};
        }));
    } catch (const std::logic_error& error) {
        EXPECT_STREQ(error.what(), "the block's");
    }
}

// A handler swallows the `cancelled` that the error has caused.
void swallow() {
    try {
        pirn::task_group group;
        group.spawn(fail_after_a_turn);
        stand_still();
    } catch (const pirn::cancelled&) { // NOLINT(bugprone-empty-catch): that is the point
    }
}

class unclaimed : public support::balanced<testing::TestWithParam<void (*)()>> {
  protected:
    // Runs the function, and gives what was printed.
    static std::string printed_by(const std::function<void()>& main) {
        testing::internal::CaptureStderr();
        pirn::run(main);
        return testing::internal::GetCapturedStderr();
    }
};

INSTANTIATE_TEST_SUITE_P(group_error, unclaimed, testing::Values(&leave_by_an_error, &swallow),
                         [](const auto& which) { return which.index == 0 ? "left" : "swallowed"; });

TEST_P(unclaimed, does_not_come_out_of_a_later_timeout) {
    const std::string printed = printed_by([] {
        GetParam()();
        EXPECT_FALSE(pirn::try_with_timeout(1ms, [] { stand_still(); }));
    });
    EXPECT_NE(printed.find("the task's"), std::string::npos) << printed;
}

TEST_P(unclaimed, does_not_come_out_of_a_scope_around_the_block) {
    const std::string printed = printed_by([] {
        pirn::cancel_scope scope;
        EXPECT_FALSE(scope.run([&] {
            GetParam()();
            scope.cancel();
            pirn::yield_now();
        }));
    });
    EXPECT_NE(printed.find("the task's"), std::string::npos) << printed;
}

TEST_P(unclaimed, does_not_hide_the_error_of_a_later_group) {
    static_cast<void>(printed_by([] {
        GetParam()();
        pirn::task_group outer;
        EXPECT_THROW(outer.run([] {
            pirn::task_group group;
            group.spawn([] { throw std::out_of_range{"later"}; });
            stand_still();
        }),
                     std::out_of_range);
    }));
}

TEST_P(unclaimed, is_printed_at_the_end_of_the_task) {
    const std::string printed = printed_by([] { GetParam()(); });
    EXPECT_NE(printed.find("the task's"), std::string::npos) << printed;
}

TEST(group_error, passes_a_handler_that_suspends_and_throws_on) {
    pirn::run([] {
        pirn::task_group outer;
        EXPECT_THROW(outer.run([] {
            try {
                pirn::task_group group;
                group.spawn(fail_after_a_turn);
                stand_still();
            } catch (const pirn::cancelled&) {
                pirn::sleep_for(1ms);
                throw;
            }
        }),
                     std::runtime_error);
    });
}

} // namespace
