// SPDX-License-Identifier: MIT
//
// Whatever makes a task, reports name the line of the user's that asked for it. Each call below stands on one line with
// the macro that looks, so that all compilers agree on the line.
#include <pirn/coro/current.hpp>
#include <pirn/coro/generator.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/sched/report.hpp>
#include <pirn/scope/all_any.hpp>
#include <pirn/scope/as_completed.hpp>
#include <pirn/scope/task_group.hpp>

#include "support/account.hpp"

#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace {

using places = support::balanced<>;

// at: whether the running task, or coroutine, says that it was made on that line of this file.
int at(unsigned line) {
    const std::source_location place = pirn::current()->created_at();
    EXPECT_EQ(place.line(), line);
    EXPECT_TRUE(std::string_view{place.file_name()}.ends_with("places_test.cpp"))
        << place.file_name();
    return 1;
}

// clang-format off
#define LOOK [] { return at(__LINE__); }
#define LOOK_WITH(...) [](__VA_ARGS__) { return at(__LINE__); }

TEST_F(places, of_main_are_the_call_of_run) {
    pirn::run(LOOK);
    pirn::run({.threads = 2}, LOOK);
    pirn::runtime kept; kept.run(LOOK);
    pirn::run({.main = {.name = "mine"}}, LOOK);
    const pirn::runtime_options elsewhere{};
    pirn::run(elsewhere, LOOK);
}

TEST_F(places, of_spawned_tasks_are_the_call_of_spawn) {
    pirn::run([] {
        const pirn::spawn_options kept{.name = "kept"};
        pirn::spawn(LOOK).join();
        pirn::spawn(LOOK_WITH(int), 1).join();
        pirn::spawn(LOOK_WITH(std::unique_ptr<int>, std::string), nullptr, "x").join();
        pirn::spawn(LOOK_WITH(int, int, int, int, int, int, int, int, int, int, int, int), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12).join();
        pirn::spawn({.name = "named"}, LOOK).join();
        pirn::spawn({.name = "named"}, LOOK_WITH(int), 1).join();
        pirn::spawn(kept, LOOK).join();
        pirn::spawn(kept, LOOK_WITH(int), 1).join();
        pirn::scheduler& here = *pirn::scheduler::current();
        here.spawn(LOOK).join();
        here.spawn(LOOK_WITH(int), 1).join();
        here.spawn(kept, LOOK).join();
        here.spawn(kept, LOOK_WITH(int), 1).join();
    });
}

TEST_F(places, of_groups_are_the_calls_of_their_members) {
    pirn::run([] {
        const pirn::spawn_options kept{.name = "kept"};
        pirn::task_group group;
        group.spawn(LOOK);
        group.spawn(LOOK_WITH(int), 1);
        group.spawn({.name = "named"}, LOOK);
        group.spawn({.name = "named"}, LOOK_WITH(int), 1);
        group.spawn(kept, LOOK);
        group.spawn(kept, LOOK_WITH(int), 1);
        group.start([](pirn::started<>& ready) { at(__LINE__); ready(); });
        EXPECT_EQ(group.start<int>([](pirn::started<int>& ready) { ready(at(__LINE__)); }), 1);
        group.wait();
    });
}

TEST_F(places, of_several_functions_are_the_call_that_takes_them) {
    pirn::run([] {
        const auto [one, other] = pirn::all(LOOK, LOOK);
        EXPECT_EQ(one + other, 2);
        EXPECT_EQ(pirn::any(LOOK, LOOK), 1);
        EXPECT_EQ(pirn::race(LOOK, LOOK), 1);
        using functions = std::vector<std::function<int()>>;
        { functions some{LOOK, LOOK}; EXPECT_EQ(pirn::all(some).size(), 2U); }
        { functions some{LOOK, LOOK}; EXPECT_EQ(pirn::any(some), 1); }
        { functions some{LOOK, LOOK}; EXPECT_EQ(pirn::race(some), 1); }
        { functions some{LOOK, LOOK}; for (auto& each : pirn::as_completed(some)) { EXPECT_EQ(each.get(), 1); } }
    });
}

TEST_F(places, of_coroutines_are_where_they_are_made) {
    pirn::coroutine<void, void, int> plain{LOOK}; plain.resume();
    pirn::coroutine<void, void, int> with{LOOK_WITH(pirn::yielder<>&, int), 1}; with.resume();
    pirn::generator<int> some{LOOK_WITH(pirn::yielder<int&>&, int), 1}; some.begin();
}
// clang-format on

TEST_F(places, that_options_name_win) {
    pirn::run([] {
        const std::source_location mine = std::source_location::current();
        const auto look = [&](int) { at(mine.line()); };
        pirn::spawn({.where = mine}, look, 1).join();
        pirn::task_group group;
        group.spawn({.where = mine}, look, 1);
        group.wait();
    });
}

TEST_F(places, are_in_the_tree_of_tasks) {
    pirn::run([] {
        const unsigned line = __LINE__ + 1;
        auto waits = pirn::spawn([](int) { pirn::yield_now(); }, 1);
        EXPECT_NE(pirn::task_tree().find("places_test.cpp:" + std::to_string(line)),
                  std::string::npos)
            << pirn::task_tree();
        EXPECT_EQ(pirn::task_tree().find("unknown"), std::string::npos) << pirn::task_tree();
        EXPECT_EQ(pirn::task_tree().find(".hpp"), std::string::npos) << pirn::task_tree();
    });
}

} // namespace
