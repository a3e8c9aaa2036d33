// SPDX-License-Identifier: MIT
//
// The owner's end of a task: what it gets, what it throws, and what becomes of the task when it is let
// go of. Misuse of a handle is in misuse_test.cpp.
#include <pirn/sched/join_handle.hpp>

#include <pirn/base/error.hpp>
#include <pirn/sched/scheduler.hpp>

#include "support/account.hpp"
#include "support/sanitizers.hpp"
#include "support/tasks.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using join_handle = support::balanced<>;
using support::leaving;
using support::stand_still;

static_assert(!std::is_copy_constructible_v<pirn::join_handle<int>>);
static_assert(std::is_nothrow_move_constructible_v<pirn::join_handle<int>>);
static_assert(std::is_nothrow_move_assignable_v<pirn::join_handle<int>>);

TEST_F(join_handle, gives_the_value_that_the_task_returned) {
    pirn::scheduler tasks;
    EXPECT_EQ(tasks.spawn([] { return 42; }).get(), 42);
    EXPECT_EQ(tasks.spawn([] { return std::string(1000, 'x'); }).get().size(), 1000U);
}

TEST_F(join_handle, gives_nothing_for_a_task_that_returns_nothing) {
    pirn::scheduler tasks;
    bool ran = false;
    pirn::join_handle<> handle = tasks.spawn([&] { ran = true; });
    static_assert(std::is_void_v<decltype(handle.get())>);
    handle.get();
    EXPECT_TRUE(ran);
}

TEST_F(join_handle, gives_a_reference_to_the_very_object) {
    pirn::scheduler tasks;
    int object = 7;
    pirn::join_handle<int&> handle = tasks.spawn([&]() -> int& { return object; });
    int& got = handle.get();
    EXPECT_EQ(&got, &object);
    const int constant = 8;
    EXPECT_EQ(&tasks.spawn([&]() -> const int& { return constant; }).get(), &constant);
}

TEST_F(join_handle, moves_out_what_cannot_be_copied) {
    pirn::scheduler tasks;
    std::unique_ptr<int> got = tasks.spawn([] { return std::make_unique<int>(5); }).get();
    EXPECT_EQ(*got, 5);
}

struct tracked {
    explicit tracked(int& counter) : alive{counter} { ++alive; }
    tracked(tracked&& other) noexcept : alive{other.alive} { ++alive; }
    ~tracked() { --alive; }
    int& alive;
};

TEST_F(join_handle, destroys_the_result_exactly_once_whether_it_was_got_or_not) {
    int alive = 0;
    {
        pirn::scheduler tasks;
        {
            const tracked got = tasks.spawn([&] { return tracked{alive}; }).get();
            EXPECT_EQ(alive, 1);
        }
        EXPECT_EQ(alive, 0);
        auto ignored = tasks.spawn([&] { return tracked{alive}; });
        ignored.join();
        EXPECT_EQ(alive, 1);
        tasks.spawn([&] { return tracked{alive}; }).detach();
        tasks.run();
        EXPECT_EQ(alive, 1);
    }
    EXPECT_EQ(alive, 0);
}

// error: compared by identity, so that a copy of it would be noticed.
struct error : std::runtime_error {
    using std::runtime_error::runtime_error;
    int number = 0;
};

TEST_F(join_handle, throws_the_very_exception_that_left_the_task) {
    pirn::scheduler tasks;
    const void* thrown = nullptr;
    auto handle = tasks.spawn([&] {
        try {
            error fault{"broken"};
            fault.number = 3;
            throw fault;
        } catch (const error& fault) {
            thrown = &fault;
            throw;
        }
    });
    try {
        handle.get();
        FAIL() << "nothing was thrown";
    } catch (const error& fault) {
        EXPECT_EQ(&fault, thrown);
        EXPECT_EQ(fault.number, 3);
        EXPECT_STREQ(fault.what(), "broken");
    }
    EXPECT_FALSE(handle.valid());
    EXPECT_THROW(tasks.spawn([] { throw 5; }).get(), int);
}

TEST_F(join_handle, join_waits_whatever_the_outcome_and_get_still_throws_it) {
    pirn::scheduler tasks;
    auto handle = tasks.spawn([] {
        pirn::yield_now();
        throw error{"later"};
    });
    EXPECT_FALSE(handle.done());
    EXPECT_NO_THROW(handle.join());
    EXPECT_TRUE(handle.done());
    EXPECT_TRUE(handle.valid());
    handle.join(); // again: at once
    EXPECT_THROW(handle.get(), error);
}

TEST_F(join_handle, can_be_joined_inside_a_task_of_the_same_scheduler) {
    pirn::scheduler tasks;
    std::string order;
    tasks
        .spawn([&] {
            auto child = pirn::scheduler::current()->spawn([&] {
                order += "c";
                pirn::yield_now();
                order += "C";
                return 9;
            });
            order += "p";
            EXPECT_EQ(child.get(), 9);
            order += "P";
        })
        .get();
    EXPECT_EQ(order, "pcCP");
}

TEST_F(join_handle, wakes_every_task_that_joins_it_in_their_order) {
    pirn::scheduler tasks;
    std::string order;
    auto target = tasks.spawn([] {
        for (int i = 0; i < 3; ++i) pirn::yield_now();
    });
    for (const char name : {'a', 'b', 'c'}) {
        tasks
            .spawn([&, name] {
                target.join();
                order += name;
            })
            .detach();
    }
    tasks.run();
    EXPECT_EQ(order, "abc");
}

TEST_F(join_handle, stops_and_joins_at_the_end_of_its_scope_like_a_jthread) {
    pirn::scheduler tasks;
    int left = 0;
    tasks
        .spawn([&] {
            {
                const auto child = pirn::scheduler::current()->spawn([&] {
                    const leaving on_the_way_out{left};
                    stand_still();
                });
                pirn::yield_now();
            }
            EXPECT_EQ(left, 1); // here, not some time later
        })
        .get();
    {
        const auto outside = tasks.spawn([&] {
            const leaving on_the_way_out{left};
            stand_still();
        });
        tasks.tick();
    }
    EXPECT_EQ(left, 2);
    EXPECT_EQ(tasks.alive(), 0U);
}

TEST_F(join_handle, waits_in_its_destructor_for_a_task_that_takes_its_time_to_leave) {
    pirn::scheduler tasks;
    bool finished = false;
    {
        const auto slow = tasks.spawn([&] {
            try {
                stand_still();
            } catch (const pirn::cancelled&) {
                // What is done on the way out does not ask whether it may.
                for (int i = 0; i < 10; ++i) pirn::detail::let_others_run();
                finished = true;
                throw;
            }
        });
        tasks.tick();
    }
    EXPECT_TRUE(finished);
}

TEST_F(join_handle, joins_in_its_destructor_also_while_an_exception_is_under_way) {
    pirn::scheduler tasks;
    int left = 0;
    EXPECT_THROW(tasks
                     .spawn([&] {
                         const auto child = pirn::scheduler::current()->spawn([&] {
                             const leaving on_the_way_out{left};
                             stand_still();
                         });
                         pirn::yield_now();
                         throw error{"under way"};
                     })
                     .get(),
                 error);
    EXPECT_EQ(left, 1);
}

TEST_F(join_handle, detached_lets_the_task_run_on) {
    pirn::scheduler tasks;
    int ran = 0;
    {
        auto handle = tasks.spawn([&] {
            pirn::yield_now();
            ++ran;
        });
        handle.detach();
        EXPECT_FALSE(handle.valid());
    }
    EXPECT_EQ(tasks.alive(), 1U);
    tasks.run();
    EXPECT_EQ(ran, 1);
    auto ended = tasks.spawn([&] { ++ran; });
    tasks.run();
    ended.detach(); // after the end as well
    EXPECT_EQ(ran, 2);
}

TEST_F(join_handle, is_empty_when_moved_from_and_stops_its_own_when_assigned_to) {
    pirn::scheduler tasks;
    EXPECT_FALSE(pirn::join_handle<>{}.valid());
    int left = 0;
    const auto waits = [&] {
        const leaving on_the_way_out{left};
        stand_still();
    };
    auto one = tasks.spawn({.name = "one"}, waits);
    auto other = tasks.spawn({.name = "other"}, waits);
    tasks.tick();
    EXPECT_EQ(one.name(), "one");
    one = std::move(other);
    EXPECT_EQ(left, 1);
    EXPECT_EQ(one.name(), "other");
    EXPECT_FALSE(other.valid()); // NOLINT(bugprone-use-after-move): that is the question
    auto& itself = one;
    one = std::move(itself);
    EXPECT_TRUE(one.valid());
    const auto last = std::move(one);
    EXPECT_FALSE(one.valid()); // NOLINT(bugprone-use-after-move)
    EXPECT_FALSE(last.done());
    EXPECT_EQ(left, 1);
}

TEST_F(join_handle, outlives_its_scheduler_with_the_result) {
    pirn::join_handle<int> handle;
    {
        pirn::scheduler tasks;
        handle = tasks.spawn([] { return 6; });
        tasks.run();
    }
    EXPECT_TRUE(handle.done());
    EXPECT_EQ(handle.get(), 6);
}

TEST_F(join_handle, a_joiner_that_is_stopped_leaves_and_the_task_goes_on) {
    pirn::scheduler tasks;
    bool went_on = false;
    auto target = tasks.spawn([&] {
        for (int i = 0; i < 5; ++i) pirn::yield_now();
        went_on = true;
        return 1;
    });
    auto joiner = tasks.spawn([&] { target.join(); });
    tasks.tick();
    joiner.request_stop();
    EXPECT_THROW(joiner.get(), pirn::cancelled);
    EXPECT_FALSE(went_on);
    EXPECT_TRUE(target.valid());
    EXPECT_EQ(target.get(), 1);
    EXPECT_TRUE(went_on);
}

TEST_F(join_handle, a_joiner_that_was_stopped_before_does_not_wait_at_all) {
    pirn::scheduler tasks;
    auto ended = tasks.spawn([] { return 1; });
    tasks.run();
    auto joiner = tasks.spawn([&] { return ended.get(); });
    joiner.request_stop();
    EXPECT_THROW(joiner.get(), pirn::cancelled);
    EXPECT_EQ(ended.get(), 1); // nothing was lost
}

TEST_F(join_handle, a_joiner_that_is_stopped_in_the_moment_of_the_end_has_joined) {
    pirn::scheduler tasks;
    auto target = tasks.spawn([] { pirn::yield_now(); });
    auto joiner = tasks.spawn([&] {
        target.join();
        return true;
    });
    tasks.tick(); // the target has yielded, the joiner waits
    tasks.tick(); // the target ends, the joiner is runnable
    EXPECT_TRUE(target.done());
    joiner.request_stop();
    EXPECT_TRUE(joiner.get());
}

// Ten tasks below each, joined one after the other: whoever has begun is as deep as the tree, not as broad.
long grow(long size, std::size_t& most) {
    if (size == 1) {
        most = std::max(most, pirn::scheduler::current()->alive());
        return 1;
    }
    std::vector<pirn::join_handle<long>> parts;
    for (int i = 0; i < 10; ++i) {
        parts.push_back(
            pirn::scheduler::current()->spawn([size, &most] { return grow(size / 10, most); }));
    }
    long sum = 0;
    for (auto& each : parts) {
        sum += each.get();
    }
    return sum;
}

TEST_F(join_handle, walks_a_tree_with_few_tasks_alive) {
    constexpr long leaves = support::slowness > 1 ? 1000 : 100'000;
    pirn::scheduler tasks;
    std::size_t most = 0;
    EXPECT_EQ(tasks.spawn([&] { return grow(leaves, most); }).get(), leaves);
    EXPECT_GT(most, 20U);
    EXPECT_LT(most, 2000U); // of 111,111
}

TEST_F(join_handle, of_one_who_spawns_and_joins_without_end_leaves_others_their_turns) {
    pirn::scheduler tasks;
    bool done = false;
    auto other = tasks.spawn([&] {
        for (int turn = 0; turn < 3; ++turn) {
            pirn::yield_now();
        }
        done = true;
    });
    auto endless = tasks.spawn([&] {
        long joined = 0;
        while (!done) {
            pirn::scheduler::current()->spawn([] {}).join();
            ++joined;
        }
        return joined;
    });
    EXPECT_LT(endless.get(), 200'000);
    other.join();
}

} // namespace
