// SPDX-License-Identifier: MIT
//
// Values of tasks: who sees which, and for how long.
#include <pirn/sched/task_local.hpp>

#include <pirn/sched/scheduler.hpp>

#include "support/account.hpp"
#include "support/misuse.hpp"

#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace {

class task_locals : public support::balanced<> {
  protected:
    template <class Function>
    void in_task(Function function) {
        tasks.spawn(std::move(function)).get();
    }
    pirn::scheduler tasks;
};

pirn::task_local<std::string> name;
pirn::task_local<int> number;

TEST_F(task_locals, are_not_set_at_first) {
    EXPECT_EQ(name.get(), nullptr);
    in_task([] {
        EXPECT_EQ(name.get(), nullptr);
        EXPECT_EQ(number.value_or(3), 3);
    });
}

TEST_F(task_locals, hold_for_the_duration_of_a_function) {
    in_task([] {
        const int got = name.with("outer", [] {
            EXPECT_EQ(*name, "outer");
            number.with(1, [] {
                name.with("inner", [] {
                    EXPECT_EQ(*name, "inner");
                    EXPECT_EQ(*number, 1);
                });
            });
            EXPECT_EQ(*name, "outer");
            EXPECT_EQ(number.get(), nullptr);
            return 7;
        });
        EXPECT_EQ(got, 7);
        EXPECT_EQ(name.get(), nullptr);
        EXPECT_THROW(name.with("x", [] { throw std::runtime_error{"no"}; }), std::runtime_error);
        EXPECT_EQ(name.get(), nullptr);
    });
}

TEST_F(task_locals, are_seen_by_what_is_spawned_and_outlive_the_function) {
    const auto witness = std::make_shared<int>(5);
    static pirn::task_local<std::shared_ptr<int>> shared;
    in_task([&] {
        auto child = shared.with(witness, [&] {
            return tasks.spawn([&] {
                pirn::yield_now();
                EXPECT_EQ(**shared, 5);
                auto grandchild = tasks.spawn([] { EXPECT_EQ(**shared, 5); });
                grandchild.join();
            });
        });
        EXPECT_EQ(shared.get(), nullptr);
        EXPECT_GT(witness.use_count(), 1);
        child.join();
    });
    EXPECT_EQ(witness.use_count(), 1);
}

TEST_F(task_locals, of_one_task_are_not_those_of_another) {
    in_task([&] {
        auto one = tasks.spawn([] {
            name.with("one", [] {
                pirn::yield_now();
                EXPECT_EQ(*name, "one");
            });
        });
        auto other = tasks.spawn([] {
            name.with("other", [] {
                pirn::yield_now();
                EXPECT_EQ(*name, "other");
            });
        });
        one.join();
        other.join();
    });
}

TEST_F(task_locals, used_wrongly_say_so) {
    EXPECT_TRUE(support::complains([] { name.with("x", [] {}); }, "outside of any task"));
    EXPECT_TRUE(support::complains([] { static_cast<void>(*name); }, "has no value"));
}

} // namespace
