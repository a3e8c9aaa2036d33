// SPDX-License-Identifier: MIT
//
// Spawning from within a task.
#include <pirn/runtime/spawn.hpp>

#include <pirn/runtime/runtime.hpp>

#include "support/account.hpp"
#include "support/misuse.hpp"

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace {

using spawning = support::balanced<>;

int add(int a, std::unique_ptr<int> b) { return a + *b; }

TEST_F(spawning, calls_the_function_with_its_arguments_moved) {
    EXPECT_EQ(pirn::run([] { return pirn::spawn(add, 40, std::make_unique<int>(2)).get(); }), 42);
}

TEST_F(spawning, takes_a_name_and_knows_its_place) {
    pirn::run([] {
        auto named = pirn::spawn({.name = "bobbin"},
                                 [] { return std::string{pirn::detail::current_task()->name()}; });
        EXPECT_EQ(named.name(), "bobbin");
        EXPECT_EQ(named.get(), "bobbin");
        const auto line_of = [] { return pirn::detail::current_task()->created_at.line(); };
        auto placed = pirn::spawn(line_of);
        EXPECT_EQ(placed.get(), unsigned{__LINE__ - 1});
    });
}

TEST_F(spawning, begins_when_the_spawner_suspends_and_not_before) {
    pirn::run([] {
        bool begun = false;
        auto task = pirn::spawn([&] { begun = true; });
        EXPECT_FALSE(begun);
        pirn::yield_now();
        EXPECT_TRUE(begun);
    });
}

TEST_F(spawning, is_refused_outside_of_a_task) {
    EXPECT_TRUE(
        support::complains([] { static_cast<void>(pirn::spawn([] {})); }, "outside of any task"));
}

} // namespace
