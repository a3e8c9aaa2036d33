// SPDX-License-Identifier: MIT
//
// Being asked to stop: level-triggered, invisible to handlers of errors, and impossible to lose.
#include <pirn/base/error.hpp>
#include <pirn/sched/scheduler.hpp>

#include "support/account.hpp"
#include "support/tasks.hpp"

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

namespace {

using cancellation = support::balanced<>;
using support::stand_still;

static_assert(!std::is_base_of_v<std::exception, pirn::cancelled>);

TEST_F(cancellation, ends_every_suspending_call_from_then_on_and_not_only_the_first) {
    pirn::scheduler tasks;
    int thrown = 0;
    auto stubborn = tasks.spawn([&] {
        auto child = pirn::scheduler::current()->spawn([] {
            for (int i = 0; i < 100; ++i) pirn::detail::let_others_run();
        });
        const auto counts = [&](auto call) {
            try {
                call();
                ADD_FAILURE() << "went through";
            } catch (const pirn::cancelled&) {
                ++thrown;
            }
        };
        counts([] { stand_still(); });
        counts([] { stand_still(); });
        counts([] { pirn::yield_now(); });
        counts([] { pirn::yield_now(); });
        counts([] { pirn::throw_if_stopped(); });
        counts([&] { child.join(); });
        counts([&] { child.get(); });
        EXPECT_TRUE(pirn::stop_requested());
        EXPECT_FALSE(child.done());
    });
    tasks.tick();
    stubborn.request_stop();
    stubborn.get();
    EXPECT_EQ(thrown, 7);
}

TEST_F(cancellation, is_not_seen_by_a_handler_for_errors) {
    pirn::scheduler tasks;
    auto stopped = tasks.spawn([] {
        try {
            stand_still();
        } catch (const std::exception&) {
            ADD_FAILURE() << "taken for an error";
        }
    });
    tasks.tick();
    stopped.request_stop();
    EXPECT_THROW(stopped.get(), pirn::cancelled);
}

TEST_F(cancellation, cannot_be_lost_in_a_handler_for_everything) {
    pirn::scheduler tasks;
    int rounds = 0;
    auto stopped = tasks.spawn([&] {
        for (;;) {
            try {
                ++rounds;
                stand_still();
            } catch (...) { // NOLINT(bugprone-empty-catch): the stray one that the law speaks of
            }
            pirn::yield_now(); // outside of it: leaves
        }
    });
    tasks.tick();
    stopped.request_stop();
    EXPECT_THROW(stopped.get(), pirn::cancelled);
    EXPECT_EQ(rounds, 1);
}

TEST_F(cancellation, of_a_task_that_has_not_begun_meets_its_first_suspension) {
    pirn::scheduler tasks;
    std::string order;
    auto early = tasks.spawn([&] {
        order += "begun ";
        EXPECT_TRUE(pirn::stop_requested());
        pirn::yield_now();
        order += "never";
    });
    early.request_stop();
    EXPECT_THROW(early.get(), pirn::cancelled);
    EXPECT_EQ(order, "begun ");
}

TEST_F(cancellation, leaves_a_task_that_never_suspends_its_result) {
    pirn::scheduler tasks;
    auto quick = tasks.spawn([] { return pirn::stop_requested() ? 1 : 2; });
    quick.request_stop();
    EXPECT_EQ(quick.get(), 1);
}

TEST_F(cancellation, by_oneself_is_met_at_the_next_suspension) {
    pirn::scheduler tasks;
    pirn::join_handle<> mine;
    bool went_on = false;
    mine = tasks.spawn([&] {
        mine.request_stop();
        went_on = true;
        pirn::yield_now();
        ADD_FAILURE() << "did not leave";
    });
    EXPECT_THROW(mine.get(), pirn::cancelled);
    EXPECT_TRUE(went_on);
}

TEST_F(cancellation, asked_for_twice_or_after_the_end_changes_nothing) {
    pirn::scheduler tasks;
    int aborts = 0;
    struct counted : pirn::waiter {
        explicit counted(int& counter) : waiter{&end}, count{counter} {}
        static void end(waiter& on) noexcept {
            ++static_cast<counted&>(on).count;
            pirn::unpark(on);
        }
        int& count;
    };
    auto stopped = tasks.spawn([&] {
        counted here{aborts};
        pirn::park(here);
    });
    tasks.tick();
    stopped.request_stop();
    stopped.request_stop();
    tasks.run();
    stopped.request_stop();
    EXPECT_EQ(aborts, 1);
    stopped.get();
}

TEST_F(cancellation, is_not_heard_outside_of_any_task) {
    EXPECT_FALSE(pirn::stop_requested());
    EXPECT_NO_THROW(pirn::throw_if_stopped());
}

TEST_F(cancellation, of_one_task_does_not_touch_its_siblings) {
    pirn::scheduler tasks;
    auto one = tasks.spawn(&stand_still);
    auto other = tasks.spawn([] {
        for (int i = 0; i < 3; ++i) pirn::yield_now();
        return pirn::stop_requested();
    });
    tasks.tick();
    one.request_stop();
    EXPECT_FALSE(other.get());
    EXPECT_TRUE(one.done());
}

TEST_F(cancellation, runs_down_a_chain_of_joins) {
    pirn::scheduler tasks;
    std::string order;
    // Each waits for the next one and stops it when it is stopped itself.
    auto first = tasks.spawn([&] {
        auto second = pirn::scheduler::current()->spawn([&] {
            auto third = pirn::scheduler::current()->spawn([&] {
                try {
                    stand_still();
                } catch (...) {
                    order += '3';
                    throw;
                }
            });
            try {
                third.join();
            } catch (...) {
                order += '2';
                throw;
            }
        });
        try {
            second.join();
        } catch (...) {
            order += '1';
            throw;
        }
    });
    for (int i = 0; i < 3; ++i) tasks.tick();
    first.request_stop();
    EXPECT_THROW(first.get(), pirn::cancelled);
    EXPECT_EQ(order, "123");
    EXPECT_EQ(tasks.alive(), 0U);
}

} // namespace
