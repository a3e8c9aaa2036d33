// SPDX-License-Identifier: MIT
//
// The scheduler: who runs when, and what becomes of those who are left over.
#include <pirn/sched/scheduler.hpp>

#include <pirn/base/error.hpp>

#include "support/account.hpp"
#include "support/sanitizers.hpp"
#include "support/stacks.hpp"
#include "support/tasks.hpp"

#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using scheduler = support::balanced<>;

using support::leaving;
using support::stand_still;

TEST_F(scheduler, runs_tasks_in_the_order_of_their_spawns_and_never_inside_spawn) {
    pirn::scheduler tasks;
    std::string order;
    for (const char name : {'a', 'b', 'c'}) {
        tasks.spawn([&order, name] { order += name; }).detach();
    }
    EXPECT_EQ(order, "");
    EXPECT_FALSE(tasks.tick());
    EXPECT_EQ(order, "abc");
}

TEST_F(scheduler, gives_each_runnable_task_one_turn_a_tick) {
    pirn::scheduler tasks;
    std::string order;
    for (const char name : {'a', 'b'}) {
        tasks
            .spawn([&order, name] {
                for (int turn = 0; turn < 3; ++turn) {
                    order += name;
                    pirn::yield_now();
                }
            })
            .detach();
    }
    EXPECT_TRUE(tasks.tick());
    EXPECT_EQ(order, "ab");
    EXPECT_TRUE(tasks.tick());
    EXPECT_EQ(order, "abab");
    EXPECT_TRUE(tasks.tick());
    EXPECT_EQ(order, "ababab");
    EXPECT_FALSE(tasks.tick()); // both return
    EXPECT_EQ(tasks.alive(), 0U);
}

TEST_F(scheduler, gives_turns_in_the_same_order_when_nobody_counts_ticks) {
    for (const std::size_t between : {1U, 2U, 5U, 128U}) {
        pirn::scheduler tasks{{.turns_between_polls = between}};
        std::string order;
        for (const char name : {'a', 'b', 'c'}) {
            tasks
                .spawn([&order, name] {
                    for (int turn = 0; turn < 40; ++turn) {
                        order += name;
                        pirn::yield_now();
                    }
                })
                .detach();
        }
        tasks.run();
        std::string expected;
        for (int turn = 0; turn < 40; ++turn) {
            expected += "abc";
        }
        EXPECT_EQ(order, expected) << between;
    }
}

TEST_F(scheduler, returns_when_the_awaited_task_ends_although_others_never_do) {
    pirn::scheduler tasks;
    for (int i = 0; i < 3; ++i) {
        tasks
            .spawn([] {
                for (;;) {
                    pirn::yield_now();
                }
            })
            .detach();
    }
    EXPECT_EQ(tasks.spawn([] { return 7; }).get(), 7);
    EXPECT_EQ(tasks.alive(), 3U);
    tasks.request_stop_all();
    tasks.run();
}

TEST_F(scheduler, lets_a_task_spawned_by_a_task_begin_in_the_next_tick_behind_who_waited) {
    pirn::scheduler tasks;
    std::string order;
    tasks
        .spawn([&] {
            order += 'a';
            pirn::scheduler::current()->spawn([&] { order += 'n'; }).detach();
            pirn::yield_now();
            order += 'A';
        })
        .detach();
    tasks.spawn([&] { order += 'b'; }).detach();
    EXPECT_TRUE(tasks.tick());
    EXPECT_EQ(order, "ab");
    tasks.tick();
    EXPECT_EQ(order, "abnA");
}

TEST_F(scheduler, counts_who_is_alive) {
    pirn::scheduler tasks;
    EXPECT_EQ(tasks.alive(), 0U);
    EXPECT_FALSE(tasks.tick());
    tasks.spawn([] { pirn::yield_now(); }).detach();
    tasks.spawn([] {}).detach();
    EXPECT_EQ(tasks.alive(), 2U);
    tasks.tick();
    EXPECT_EQ(tasks.alive(), 1U);
    tasks.tick();
    EXPECT_EQ(tasks.alive(), 0U);
}

TEST_F(scheduler, runs_until_nobody_is_alive_grandchildren_included) {
    pirn::scheduler tasks;
    int ended = 0;
    tasks
        .spawn([&] {
            pirn::scheduler::current()
                ->spawn([&] {
                    pirn::yield_now();
                    pirn::scheduler::current()->spawn([&] { ++ended; }).detach();
                    ++ended;
                })
                .detach();
            ++ended;
        })
        .detach();
    tasks.run();
    EXPECT_EQ(ended, 3);
    tasks.run(); // nobody: returns at once
}

TEST_F(scheduler, is_current_inside_its_tasks_only) {
    pirn::scheduler tasks;
    EXPECT_EQ(pirn::scheduler::current(), nullptr);
    tasks.spawn([&] { EXPECT_EQ(pirn::scheduler::current(), &tasks); }).detach();
    tasks.run();
    EXPECT_EQ(pirn::scheduler::current(), nullptr);
}

TEST_F(scheduler, may_be_driven_by_a_task_of_another_which_then_goes_on_in_its_own) {
    pirn::scheduler outer;
    pirn::scheduler inner;
    std::string order;
    outer
        .spawn([&] {
            inner
                .spawn([&] {
                    EXPECT_EQ(pirn::scheduler::current(), &inner);
                    order += "i";
                    pirn::yield_now();
                    order += "I";
                })
                .detach();
            inner.run();
            EXPECT_EQ(pirn::scheduler::current(), &outer);
            order += "o";
            pirn::yield_now();
            order += "O";
        })
        .detach();
    outer.spawn([&] { order += "x"; }).detach();
    outer.run();
    EXPECT_EQ(order, "iIoxO");
}

TEST_F(scheduler, wakes_a_task_of_its_own_from_within_another_that_it_drives) {
    pirn::scheduler outer;
    pirn::scheduler inner;
    pirn::waiter* asleep = nullptr;
    std::string order;
    outer
        .spawn([&] {
            pirn::waiter here;
            asleep = &here;
            pirn::park(here);
            order += "woken";
        })
        .detach();
    outer
        .spawn([&] {
            inner.spawn([&] { pirn::unpark(*asleep); }).detach();
            inner.run();
            EXPECT_EQ(order, ""); // the outer one has its turn when the inner one is done
        })
        .detach();
    outer.run();
    EXPECT_EQ(order, "woken");
}

TEST_F(scheduler, asks_everybody_to_stop_at_once) {
    pirn::scheduler tasks;
    int stopped = 0;
    for (int i = 0; i < 3; ++i) {
        tasks
            .spawn([&] {
                try {
                    stand_still();
                } catch (const pirn::cancelled&) {
                    ++stopped;
                    throw;
                }
            })
            .detach();
    }
    tasks.tick();
    tasks.request_stop_all();
    tasks.run();
    EXPECT_EQ(stopped, 3);
}

TEST_F(scheduler, asks_those_to_stop_who_are_spawned_while_everybody_is_leaving) {
    pirn::scheduler tasks;
    bool child_stopped = false;
    tasks
        .spawn([&] {
            try {
                stand_still();
            } catch (const pirn::cancelled&) {
                // As an accept loop does whose last connection was faster than the request to stop.
                pirn::scheduler::current()
                    ->spawn([&] {
                        child_stopped = pirn::stop_requested();
                        pirn::throw_if_stopped();
                        for (;;) pirn::yield_now();
                    })
                    .detach();
            }
        })
        .detach();
    tasks.tick();
    tasks.request_stop_all();
    for (int tick = 0; tick < 10; ++tick) tasks.tick();
    EXPECT_TRUE(child_stopped);
    EXPECT_EQ(tasks.alive(), 0U);
    // That was then: who comes afterwards is not concerned.
    EXPECT_FALSE(tasks.spawn([] { return pirn::stop_requested(); }).get());
    tasks.request_stop_all(); // nobody is there to be asked
    EXPECT_FALSE(tasks.spawn([] { return pirn::stop_requested(); }).get());
}

TEST_F(scheduler, reports_and_ends_at_its_destruction_who_is_still_alive) {
    int left = 0;
    int ran = 0;
    unsigned line = 0;
    testing::internal::CaptureStderr();
    {
        pirn::scheduler tasks;
        const pirn::spawn_options dreamer{.name = "dreamer"};
        const auto dreams = [&] {
            const leaving on_the_way_out{left};
            stand_still();
        };
        line = __LINE__ + 1;
        tasks.spawn(dreamer, dreams).detach();
        tasks.tick();
        tasks
            .spawn([&] { // never had a turn: begins, and ends at its first suspension
                const leaving on_the_way_out{left};
                ++ran;
                pirn::yield_now();
                ++ran;
            })
            .detach();
    }
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_EQ(left, 2);
    EXPECT_EQ(ran, 1);
    EXPECT_NE(said.find("2 task(s) alive"), std::string::npos) << said;
    EXPECT_NE(said.find("\"dreamer\", suspended, spawned at "), std::string::npos) << said;
    EXPECT_NE(said.find("scheduler_test.cpp:" + std::to_string(line)), std::string::npos) << said;
    EXPECT_NE(said.find("\"unnamed\", start, spawned at "), std::string::npos) << said;
}

TEST_F(scheduler, says_nothing_at_its_destruction_when_nobody_is_alive) {
    testing::internal::CaptureStderr();
    {
        pirn::scheduler tasks;
        tasks.spawn([] { pirn::yield_now(); }).get();
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(scheduler, holds_a_hundred_thousand_tasks_at_once) {
    constexpr std::size_t count = support::under_valgrind    ? 1'000
                                  : support::under_sanitizer ? 5'000
                                                             : 100'000;
    constexpr std::size_t slot = 16'384;
    const support::raw_memory memory{count * slot};
    pirn::fixed_stack_source stacks{memory.all(), slot};
    pirn::scheduler tasks;
    std::size_t begun = 0;
    std::size_t ended = 0;
    const pirn::spawn_options options{.stack_size = slot, .stacks = &stacks};
    for (std::size_t i = 0; i < count; ++i) {
        tasks
            .spawn(options,
                   [&] {
                       ++begun;
                       pirn::yield_now();
                       ++ended;
                   })
            .detach();
    }
    EXPECT_EQ(tasks.alive(), count);
    EXPECT_TRUE(tasks.tick());
    EXPECT_EQ(begun, count);
    EXPECT_EQ(ended, 0U);
    tasks.tick();
    EXPECT_EQ(ended, count);
}

TEST_F(scheduler, hears_a_wake_from_another_thread_while_a_task_yields_in_a_loop) {
    pirn::scheduler tasks;
    std::atomic<pirn::waiter*> asleep{nullptr};
    bool woken = false;
    tasks
        .spawn([&] {
            pirn::waiter here;
            asleep.store(&here);
            pirn::park(here);
            woken = true;
        })
        .detach();
    tasks
        .spawn([&] {
            while (!woken) pirn::yield_now(); // for ever, if nobody listened meanwhile
        })
        .detach();
    std::thread other{[&] {
        pirn::waiter* found = nullptr;
        while ((found = asleep.load()) == nullptr) std::this_thread::yield();
        pirn::unpark(*found);
    }};
    tasks.run();
    other.join();
    EXPECT_TRUE(woken);
}

} // namespace
