// SPDX-License-Identifier: MIT
//
// Seeing what is alive, as data, text and JSON. With groups, and deadlocks: tests/sync/deadlock_test.cpp.
#include <pirn/sched/report.hpp>

#include <pirn/sched/scheduler.hpp>

#include "support/account.hpp"

#include <string>

#include <gtest/gtest.h>

namespace {

class reports : public support::balanced<> {};

TEST_F(reports, of_nothing_are_empty) {
    EXPECT_EQ(pirn::task_tree(), "");
    EXPECT_EQ(pirn::task_tree_json(), "");
    pirn::scheduler tasks;
    EXPECT_EQ(pirn::task_tree(tasks), "0 tasks\n");
    EXPECT_EQ(pirn::task_tree_json(tasks), R"({"tasks":[]})");
}

TEST_F(reports, tell_name_state_wait_and_parent_of_each_task) {
    pirn::scheduler tasks;
    tasks
        .spawn({.name = "main"},
               [&] {
                   auto waits = pirn::scheduler::current()->spawn({.name = "joins"}, [&] {
                       auto child = pirn::scheduler::current()->spawn({.name = "yields"}, [] {
                           pirn::yield_now();
                           pirn::yield_now();
                       });
                       child.join();
                   });
                   auto fresh = pirn::scheduler::current()->spawn({.name = "say \"x\"\n"}, [] {});
                   const auto before = pirn::live_tasks(tasks);
                   ASSERT_EQ(before.size(), 3U);
                   EXPECT_EQ(before[0].name, "main");
                   EXPECT_EQ(before[0].state, pirn::task_state::running);
                   EXPECT_EQ(before[1].state, pirn::task_state::fresh);
                   pirn::yield_now();
                   const auto after = pirn::live_tasks(tasks);
                   ASSERT_EQ(after.size(), 3U); // the last one has ended, and a child has begun
                   EXPECT_EQ(after[1].state, pirn::task_state::waiting);
                   EXPECT_EQ(after[1].waits_for, "the end of a task");
                   EXPECT_EQ(after[2].name, "yields");
                   EXPECT_EQ(after[2].state, pirn::task_state::runnable);
                   waits.request_stop();
                   EXPECT_NE(pirn::task_tree().find(
                                 "\"joins\" #" + std::to_string(after[1].id) +
                                 ", waits for its turn, asked to stop (request_stop), spawned at "),
                             std::string::npos)
                       << pirn::task_tree();
               })
        .get();
}

} // namespace
