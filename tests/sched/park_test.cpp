// SPDX-License-Identifier: MIT
//
// The one gate through which a task sleeps: exactly one unpark, early or late, from this thread or
// another, and being asked to stop meanwhile.
#include <pirn/sched/park.hpp>

#include <pirn/base/error.hpp>
#include <pirn/sched/scheduler.hpp>

#include "support/account.hpp"
#include "support/sanitizers.hpp"
#include "support/tasks.hpp"

#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using park = support::balanced<>;

TEST_F(park, sleeps_until_it_is_unparked) {
    pirn::scheduler tasks;
    pirn::waiter* asleep = nullptr;
    auto sleeper = tasks.spawn([&] {
        pirn::waiter here;
        asleep = &here;
        pirn::park(here);
    });
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(tasks.tick());
        EXPECT_FALSE(sleeper.done());
    }
    tasks.spawn([&] { pirn::unpark(*asleep); }).get();
    EXPECT_TRUE(tasks.tick() || sleeper.done());
    EXPECT_TRUE(sleeper.done());
}

TEST_F(park, leaves_errno_as_it_was_whatever_others_do_meanwhile) {
    pirn::scheduler tasks;
    pirn::waiter* asleep = nullptr;
    int after_sleep = 0;
    int after_yield = 0;
    tasks
        .spawn([&] {
            pirn::waiter here;
            asleep = &here;
            errno = 7;
            pirn::park(here);
            after_sleep = errno;
            errno = 8;
            pirn::yield_now();
            after_yield = errno;
        })
        .detach();
    auto disturbs = tasks.spawn([&] {
        errno = ENOENT;
        pirn::unpark(*asleep);
        pirn::yield_now();
        EXPECT_EQ(errno, ENOENT);
        errno = EBADF;
        pirn::yield_now();
        EXPECT_EQ(errno, EBADF);
    });
    tasks.run();
    EXPECT_EQ(after_sleep, 7);
    EXPECT_EQ(after_yield, 8);
}

TEST_F(park, returns_at_once_when_the_unpark_came_first) {
    pirn::scheduler tasks;
    tasks
        .spawn([] {
            pirn::waiter here;
            pirn::unpark(here);
            pirn::park(here);
        })
        .detach();
    tasks.tick();
    EXPECT_EQ(tasks.alive(), 0U);
}

TEST_F(park, is_not_ended_by_the_unpark_of_a_waiter_that_the_task_does_not_sleep_on) {
    pirn::scheduler tasks;
    pirn::waiter* first = nullptr;
    pirn::waiter* second = nullptr;
    std::string order;
    tasks
        .spawn([&] {
            pirn::waiter one;
            pirn::waiter other;
            first = &one;
            second = &other;
            pirn::park(one);
            order += "one ";
            pirn::park(other);
            order += "other";
        })
        .detach();
    tasks.tick();
    tasks
        .spawn([&] {
            pirn::unpark(*second); // early: it sleeps on the first
            pirn::yield_now();
            EXPECT_EQ(order, "");
            pirn::unpark(*first);
        })
        .detach();
    tasks.run();
    EXPECT_EQ(order, "one other");
}

TEST_F(park, may_be_ended_from_outside_of_any_task) {
    pirn::scheduler tasks;
    pirn::waiter* asleep = nullptr;
    tasks
        .spawn([&] {
            pirn::waiter here;
            asleep = &here;
            pirn::park(here);
        })
        .detach();
    tasks.tick();
    pirn::unpark(*asleep);
    tasks.run();
}

TEST_F(park, wakes_sleepers_in_the_order_of_their_unparks) {
    pirn::scheduler tasks;
    std::vector<pirn::waiter*> asleep;
    std::string order;
    for (const char name : {'a', 'b', 'c'}) {
        tasks
            .spawn([&, name] {
                pirn::waiter here;
                asleep.push_back(&here);
                pirn::park(here);
                order += name;
            })
            .detach();
    }
    tasks.tick();
    for (const std::size_t which : {1U, 2U, 0U}) pirn::unpark(*asleep[which]);
    tasks.run();
    EXPECT_EQ(order, "bca");
}

// ---- being asked to stop

struct abortable : pirn::waiter {
    abortable() : waiter{&end} {}
    static void end(pirn::waiter& on) noexcept {
        ++static_cast<abortable&>(on).aborts;
        pirn::unpark(on);
    }
    int aborts = 0;
};

TEST_F(park, that_can_be_aborted_ends_when_the_task_is_asked_to_stop_and_throws_nothing_itself) {
    pirn::scheduler tasks;
    auto sleeper = tasks.spawn([] {
        abortable here;
        pirn::park(here);
        EXPECT_TRUE(pirn::stop_requested());
        return here.aborts;
    });
    tasks.tick();
    sleeper.request_stop();
    EXPECT_EQ(sleeper.get(), 1);
}

TEST_F(park, is_aborted_at_its_beginning_when_the_task_had_been_asked_before) {
    pirn::scheduler tasks;
    auto sleeper = tasks.spawn([] {
        abortable here;
        pirn::park(here);
        return here.aborts;
    });
    sleeper.request_stop();
    EXPECT_EQ(sleeper.get(), 1);
}

TEST_F(park, without_an_abort_holds_out_until_the_unpark) {
    pirn::scheduler tasks;
    pirn::waiter* asleep = nullptr;
    auto sleeper = tasks.spawn([&] {
        pirn::waiter here;
        asleep = &here;
        pirn::park(here);
        return pirn::stop_requested();
    });
    tasks.tick();
    sleeper.request_stop();
    for (int i = 0; i < 3; ++i) tasks.tick();
    EXPECT_FALSE(sleeper.done());
    pirn::unpark(*asleep);
    EXPECT_TRUE(sleeper.get());
}

TEST_F(park, that_is_over_is_not_aborted_any_more) {
    pirn::scheduler tasks;
    pirn::waiter* asleep = nullptr;
    auto sleeper = tasks.spawn([&] {
        abortable here;
        asleep = &here;
        pirn::park(here);
        return here.aborts;
    });
    tasks.tick();
    tasks.spawn([&] { pirn::unpark(*asleep); }).get();
    sleeper.request_stop(); // runnable, and has not run yet
    EXPECT_EQ(sleeper.get(), 0);
}

// ---- other threads

// Each thread wakes sleepers of its own, over and over, and counts for itself: at the end every wake
// has been slept through exactly once.
void wake_from(int threads) {
    const int each = 100'000 / threads / support::slowness;
    struct pair {
        std::atomic<pirn::waiter*> asleep{nullptr};
        int slept = 0;
    };
    pirn::scheduler tasks;
    const auto pairs = std::make_unique<pair[]>(static_cast<std::size_t>(threads));
    std::vector<std::thread> others;
    for (int i = 0; i < threads; ++i) {
        pair& mine = pairs[static_cast<std::size_t>(i)];
        tasks
            .spawn([&mine, each] {
                while (mine.slept < each) {
                    pirn::waiter here;
                    mine.asleep.store(&here, std::memory_order_release);
                    pirn::park(here);
                    ++mine.slept;
                }
            })
            .detach();
        others.emplace_back([&mine, each] {
            for (int woken = 0; woken < each;) {
                // Often before it parks, sometimes while it does, sometimes long after.
                if (pirn::waiter* found = mine.asleep.exchange(nullptr)) {
                    pirn::unpark(*found);
                    ++woken;
                } else {
                    std::this_thread::yield();
                }
            }
        });
    }
    tasks.run();
    for (std::thread& other : others) other.join();
    for (int i = 0; i < threads; ++i) {
        EXPECT_EQ(pairs[static_cast<std::size_t>(i)].slept, each);
    }
}

TEST_F(park, loses_and_doubles_no_wake_from_one_thread) { wake_from(1); }
TEST_F(park, loses_and_doubles_no_wake_from_two_threads) { wake_from(2); }
TEST_F(park, loses_and_doubles_no_wake_from_four_threads) { wake_from(4); }
TEST_F(park, loses_and_doubles_no_wake_from_eight_threads) { wake_from(8); }

TEST_F(park, wakes_between_two_schedulers_on_two_threads_back_and_forth) {
    const int rounds = 20'000 / support::slowness;
    struct side {
        std::atomic<pirn::waiter*> asleep{nullptr};
    } left, right;
    const auto bounce = [rounds](side& mine, side& theirs, bool begins) {
        pirn::scheduler tasks;
        int woken = 0;
        tasks
            .spawn([&] {
                for (int round = 0; round < rounds; ++round) {
                    pirn::waiter here;
                    mine.asleep.store(&here, std::memory_order_release);
                    if (begins || round > 0) {
                        pirn::waiter* other = nullptr;
                        while ((other = theirs.asleep.exchange(nullptr)) == nullptr) {
                            std::this_thread::yield();
                        }
                        pirn::unpark(*other);
                    }
                    pirn::park(here);
                    ++woken;
                }
                if (!begins) {
                    pirn::waiter* other = nullptr;
                    while ((other = theirs.asleep.exchange(nullptr)) == nullptr) {
                        std::this_thread::yield();
                    }
                    pirn::unpark(*other);
                }
            })
            .get();
        EXPECT_EQ(woken, rounds);
    };
    std::thread other{[&] { bounce(right, left, false); }};
    bounce(left, right, true);
    other.join();
}

// The woken task was the last one: its scheduler ends while the thread that woke it is still inside
// unpark. Under a sanitizer a thread that comes too late is a report.
TEST_F(park, lets_a_scheduler_end_only_when_who_woke_its_last_task_has_let_go_of_it) {
    const int rounds = 1'000 / support::slowness;
    std::atomic<pirn::waiter*> asleep{nullptr};
    std::thread other{[&] {
        for (int round = 0; round < rounds; ++round) {
            asleep.wait(nullptr);
            pirn::unpark(*asleep.exchange(nullptr));
        }
    }};
    for (int round = 0; round < rounds; ++round) {
        pirn::scheduler tasks;
        tasks
            .spawn([&] {
                pirn::waiter here;
                asleep.store(&here);
                asleep.notify_one();
                pirn::park(here);
            })
            .get();
    }
    other.join();
}

TEST_F(park, is_not_needed_for_others_to_have_their_turn_beside_calls_that_are_answered_at_once) {
    pirn::scheduler tasks;
    bool had_its_turn = false;
    int calls = 0;
    auto busy = tasks.spawn([&] {
        while (!had_its_turn && calls < 10'000'000) {
            pirn::detail::checkpoint();
            ++calls;
        }
    });
    auto other = tasks.spawn([&] { had_its_turn = true; });
    busy.get();
    EXPECT_LT(calls, 10'000) << "it has kept its thread to itself";
    other.get();
}

} // namespace
