// SPDX-License-Identifier: MIT
//
// What may be chosen at a spawn and for a scheduler, and that it is heeded.
#include <pirn/sched/options.hpp>

#include <pirn/base/error.hpp>
#include <pirn/coro/current.hpp>
#include <pirn/sched/scheduler.hpp>
#include <pirn/stack/sources.hpp>

#include "support/account.hpp"
#include "support/child.hpp"
#include "support/stacks.hpp"

#include <csignal>
#include <cstddef>
#include <string>

#include <gtest/gtest.h>

namespace {

using options = support::balanced<>;

TEST_F(options, names_the_task_seen_from_inside_and_outside) {
    pirn::scheduler tasks;
    auto handle =
        tasks.spawn({.name = "fetch"}, [] { return std::string{pirn::current()->name()}; });
    EXPECT_EQ(handle.name(), "fetch");
    EXPECT_EQ(handle.get(), "fetch");
    EXPECT_EQ(tasks.spawn([] { return pirn::current()->name().size(); }).get(), 0U);
}

TEST_F(options, copies_the_name_and_cuts_it_off_at_31_characters) {
    pirn::scheduler tasks;
    std::string name(40, 'n');
    auto handle = tasks.spawn({.name = name}, [] {});
    name.assign(40, 'x');
    EXPECT_EQ(handle.name(), std::string(31, 'n'));
}

TEST_F(options, takes_the_stack_from_the_source_and_gives_it_back_when_nobody_needs_it) {
    const support::raw_memory memory{2 * 65'536};
    pirn::fixed_stack_source stacks{memory.all(), 65'536};
    pirn::scheduler tasks;
    auto handle =
        tasks.spawn({.stack_size = 65'536, .stacks = &stacks}, [&] { return stacks.available(); });
    EXPECT_EQ(stacks.available(), 1U);
    handle.join();
    EXPECT_EQ(stacks.available(), 1U); // the result stands on it
    EXPECT_EQ(handle.get(), 1U);
    EXPECT_EQ(stacks.available(), 2U);
    tasks.spawn({.stack_size = 65'536, .stacks = &stacks}, [] {}).detach();
    tasks.run();
    EXPECT_EQ(stacks.available(), 2U);
}

TEST_F(options, gives_at_least_the_size_that_was_wished_for) {
    pirn::mapped_stack_source stacks;
    pirn::scheduler tasks;
    const std::size_t size = std::size_t{1} << 20U;
    EXPECT_GT(
        tasks.spawn({.stack_size = size, .stacks = &stacks}, [] { return pirn::remaining_stack(); })
            .get(),
        size * 9 / 10);
}

TEST_F(options, takes_arguments_behind_the_options) {
    pirn::scheduler tasks;
    EXPECT_EQ(tasks.spawn({.name = "sum"}, [](int a, int b) { return a + b; }, 3, 4).get(), 7);
}

TEST_F(options, remembers_the_spawn_site_also_without_options) {
    pirn::scheduler tasks;
    const auto line_of_this_task = [] { return pirn::current()->created_at().line(); };
    auto bare = tasks.spawn(line_of_this_task);
    EXPECT_EQ(bare.get(), static_cast<unsigned>(__LINE__ - 1));
    const pirn::spawn_options given{.name = "given"};
    auto with = tasks.spawn(given, line_of_this_task);
    EXPECT_EQ(with.get(), static_cast<unsigned>(__LINE__ - 1)) << "of the call, not of the options";
}

TEST_F(options, refuses_a_scheduler_that_would_never_poll) {
    const auto end = support::in_child([] { pirn::scheduler{{.turns_between_polls = 0}}; });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("turns_between_polls is at least 1")) << end;
}

} // namespace
