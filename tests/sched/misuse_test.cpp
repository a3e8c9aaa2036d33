// SPDX-License-Identifier: MIT
//
// Programmer errors around tasks: each stops the program with a sentence that says what was wrong.
#include "support/misuse.hpp"

#include <pirn/sched/join_handle.hpp>
#include <pirn/sched/park.hpp>
#include <pirn/sched/scheduler.hpp>

#include "support/account.hpp"
#include "support/child.hpp"
#include "support/tasks.hpp"

#include <csignal>
#include <optional>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace {

using misuse = support::balanced<>;
using support::complains;

// stops: whether the code ends the process, saying these words. For checks inside of noexcept.
template <class Code>
testing::AssertionResult stops(Code&& code, std::string_view words) {
    const support::child_end end = support::in_child(std::forward<Code>(code));
    if (end.killed_by(SIGABRT) && end.said(words)) {
        return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << end;
}

TEST_F(misuse, of_a_suspending_call_outside_of_any_task) {
    EXPECT_TRUE(stops([] { pirn::waiter here; }, "outside of any task"));
    EXPECT_TRUE(stops([] { pirn::yield_now(); }, "outside of any task"));
}

TEST_F(misuse, of_a_suspending_call_in_the_main_loop_of_a_scheduler) {
    const auto code = [] {
        pirn::scheduler tasks;
        tasks.spawn([] { pirn::yield_now(); }).detach();
        tasks.tick();
        pirn::yield_now(); // a scheduler is there, but this is not one of its tasks
    };
    EXPECT_TRUE(stops(code, "outside of any task"));
}

TEST_F(misuse, of_waiting_for_ones_own_end) {
    pirn::scheduler tasks;
    pirn::join_handle<> mine;
    mine = tasks.spawn({.name = "narcissus"}, [&] {
        EXPECT_TRUE(complains([&] { mine.join(); }, "cannot wait for its own end", "narcissus"));
    });
    mine.get();
}

TEST_F(misuse, of_a_handle_that_goes_out_of_scope_in_its_own_task) {
    const auto code = [] {
        pirn::scheduler tasks;
        pirn::join_handle<> mine;
        mine = tasks.spawn([&] { mine = {}; });
        tasks.run();
    };
    EXPECT_TRUE(stops(code, "cannot wait for its own end"));
}

TEST_F(misuse, of_joining_a_task_of_another_scheduler) {
    pirn::scheduler one;
    pirn::scheduler other;
    auto foreign = other.spawn({.name = "foreign"}, [] {});
    one.spawn({.name = "local"},
              [&] {
                  EXPECT_TRUE(complains([&] { foreign.join(); }, "tasks of its own scheduler",
                                        "name=\"local\", other=\"foreign\""));
              })
        .get();
    foreign.get();
}

TEST_F(misuse, of_driving_ones_own_scheduler) {
    pirn::scheduler tasks;
    tasks
        .spawn([&] {
            EXPECT_TRUE(complains([&] { tasks.tick(); }, "cannot drive its own scheduler"));
            EXPECT_TRUE(complains([&] { tasks.run(); }, "cannot drive its own scheduler"));
        })
        .get();
}

TEST_F(misuse, of_driving_ones_own_scheduler_through_another) {
    pirn::scheduler outer;
    pirn::scheduler inner;
    outer
        .spawn([&] {
            inner
                .spawn([&] {
                    EXPECT_TRUE(complains([&] { outer.tick(); }, "cannot drive its own scheduler"));
                })
                .detach();
            inner.run();
        })
        .get();
}

TEST_F(misuse, of_waiting_with_one_scheduler_for_a_task_of_another) {
    pirn::scheduler one;
    pirn::scheduler other;
    struct open : pirn::join_handle<> {
        explicit open(pirn::join_handle<>&& from) : join_handle{std::move(from)} {}
        pirn::detail::task& task() const { return checked(); }
    };
    open foreign{other.spawn([] {})};
    EXPECT_TRUE(complains([&] { one.run_until_ended(foreign.task()); }, "another scheduler"));
}

TEST_F(misuse, of_a_scheduler_that_one_of_its_tasks_destroys) {
    const auto code = [] {
        std::optional<pirn::scheduler> tasks;
        tasks.emplace();
        tasks->spawn([&] { tasks.reset(); }).detach();
        tasks->run();
    };
    EXPECT_TRUE(stops(code, "destroyed by one of its own tasks"));
}

TEST_F(misuse, of_a_handle_without_a_task) {
    EXPECT_TRUE(stops([] { static_cast<void>(pirn::join_handle<>{}.done()); }, "no task any more"));
    EXPECT_TRUE(stops([] { pirn::join_handle<>{}.join(); }, "no task any more"));
    EXPECT_TRUE(stops([] { pirn::join_handle<int>{}.get(); }, "no task any more"));
    EXPECT_TRUE(stops([] { pirn::join_handle<>{}.request_stop(); }, "no task any more"));
    EXPECT_TRUE(stops([] { pirn::join_handle<>{}.detach(); }, "no task any more"));
    EXPECT_TRUE(stops([] { static_cast<void>(pirn::join_handle<>{}.name()); }, "no task any more"));
}

TEST_F(misuse, of_asking_twice_for_a_result) {
    const auto code = [] {
        pirn::scheduler tasks;
        auto handle = tasks.spawn([] { return 1; });
        handle.get();
        handle.get();
    };
    EXPECT_TRUE(stops(code, "no task any more"));
}

} // namespace
