// SPDX-License-Identifier: MIT
//
// Seeing what is alive, as data, text and JSON. With groups, and deadlocks: tests/sync/deadlock_test.cpp.
#include <pirn/sched/report.hpp>

#include <pirn/sched/scheduler.hpp>

#include "support/account.hpp"

#include <algorithm>
#include <string>
#include <string_view>

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

TEST_F(reports, draw_so_many_tasks_and_count_the_others) {
    pirn::scheduler tasks;
    for (int i = 0; i < 5000; ++i) {
        tasks.spawn([] {}).detach();
    }
    const std::string tree = pirn::task_tree(tasks);
    EXPECT_TRUE(tree.starts_with("5000 tasks\n")) << tree.substr(0, 100);
    EXPECT_TRUE(tree.ends_with("… 4900 tasks more\n")) << tree.substr(tree.size() - 100);
    EXPECT_EQ(std::ranges::count(tree, '\n'), 102);
    const std::string all = pirn::task_tree(tasks, {.width = 10'000, .lines = 10'000});
    EXPECT_EQ(std::ranges::count(all, '\n'), 5001);
    const std::string few = pirn::task_tree(tasks, {.width = 10'000, .lines = 7});
    EXPECT_TRUE(few.ends_with("… 4993 tasks more\n")) << few;
    tasks.run();
}

TEST_F(reports, replace_in_json_what_is_no_utf8) {
    pirn::scheduler tasks;
    const auto json_of = [&](std::string_view name) {
        tasks.spawn({.name = name}, [] {}).detach();
        const std::string json = pirn::task_tree_json(tasks);
        tasks.run();
        const std::size_t begin = json.find("\"name\":\"") + 8;
        return json.substr(begin, json.find("\",\"state") - begin);
    };
    EXPECT_EQ(json_of("ä€😀"), "ä€😀");
    EXPECT_EQ(json_of("a\xc3"), "a\\ufffd");
    EXPECT_EQ(json_of("\xe2\x82"), "\\ufffd\\ufffd");
    EXPECT_EQ(json_of("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd") << "a surrogate";
    EXPECT_EQ(json_of("\xc0\xaf"), "\\ufffd\\ufffd") << "longer than needed";
    EXPECT_EQ(json_of("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd") << "beyond the last";
    EXPECT_EQ(json_of("\xf0\x9f\x98\x80"), "😀");
}

} // namespace
