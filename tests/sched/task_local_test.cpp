// SPDX-License-Identifier: MIT
//
// Values of tasks: who sees which, and for how long.
#include <pirn/sched/task_local.hpp>

#include <pirn/sched/scheduler.hpp>

#include "support/account.hpp"
#include "support/misuse.hpp"

#include <algorithm>
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

// A value that counts how many of its kind there are.
struct counted {
    explicit counted(int with) : value{with} { ++alive; }
    counted(counted&& from) noexcept : value{from.value} { ++alive; }
    counted& operator=(counted&&) = delete;
    ~counted() { --alive; }
    int value;
    inline static int alive = 0;
};

pirn::task_local<counted> first;
pirn::task_local<counted> second;
pirn::task_local<counted> third;

// Each task of a chain sets what the one before has set, and spawns the next.
TEST_F(task_locals, that_are_set_again_and_again_do_not_keep_what_they_hide) {
    constexpr int generations = 2000;
    int most = 0;
    struct chain {
        pirn::scheduler& tasks;
        int& most;
        void next(int left) {
            most = std::max(most, counted::alive);
            EXPECT_EQ(third->value, -1);
            if (left == 0) return;
            first.with(counted{left}, [&] {
                second.with(counted{10 * left}, [&] {
                    EXPECT_EQ(first->value, left);
                    EXPECT_EQ(second->value, 10 * left);
                    tasks.spawn([this, left] { next(left - 1); }).detach();
                });
            });
        }
    } all{tasks, most};
    tasks.spawn([&] { third.with(counted{-1}, [&] { all.next(generations); }); }).detach();
    tasks.run();
    EXPECT_LT(most, 10);
    EXPECT_EQ(counted::alive, 0);
}

TEST_F(task_locals, that_hide_others_give_them_back_at_the_end) {
    in_task([] {
        first.with(counted{1}, [] {
            second.with(counted{2}, [] {
                third.with(counted{3}, [] {
                    first.with(counted{4}, [] {
                        EXPECT_EQ(first->value + second->value + third->value, 9);
                        second.with(counted{5}, [] {
                            EXPECT_EQ(first->value + second->value + third->value, 12);
                        });
                        EXPECT_EQ(second->value, 2);
                    });
                    EXPECT_EQ(first->value + second->value + third->value, 6);
                });
                EXPECT_EQ(third.get(), nullptr);
            });
        });
    });
    EXPECT_EQ(counted::alive, 0);
}

} // namespace
