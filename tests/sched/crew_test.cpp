// SPDX-License-Identifier: MIT
//
// Schedulers that share what has not begun: who takes what, what stays where it is, and that nothing is lost on the
// way between threads.
#include <pirn/sched/crew.hpp>

#include <pirn/sched/scheduler.hpp>

#include "support/account.hpp"
#include "support/helpers.hpp"
#include "support/sanitizers.hpp"
#include "support/threads.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <latch>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

using namespace std::chrono_literals;
using support::thread_now;
using support::with_helpers;

namespace {

class crews : public support::balanced<> {};

void compute_for(std::chrono::microseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
    }
}

TEST_F(crews, take_tasks_that_have_not_begun) {
    with_helpers(1, [](pirn::scheduler& tasks) {
        const std::thread::id here = thread_now();
        std::atomic<bool> elsewhere{false};
        std::vector<pirn::join_handle<>> handles;
        // The first one keeps this thread busy until another thread has taken one.
        for (int i = 0; i < 8; ++i) {
            handles.push_back(tasks.spawn([&] {
                if (thread_now() != here) {
                    elsewhere = true;
                    return;
                }
                for (int k = 0; k < 5000 && !elsewhere; ++k) {
                    std::this_thread::sleep_for(1ms);
                }
            }));
        }
        tasks.run();
        EXPECT_TRUE(elsewhere);
    });
}

TEST_F(crews, leave_a_task_that_has_begun_where_it_is) {
    with_helpers(2, [](pirn::scheduler& tasks) {
        std::atomic<int> moved{0};
        for (int i = 0; i < 60; ++i) {
            tasks
                .spawn([&] {
                    const std::thread::id mine = thread_now();
                    for (int k = 0; k < 50; ++k) {
                        pirn::yield_now();
                        moved += thread_now() != mine ? 1 : 0;
                    }
                })
                .detach();
        }
        tasks.run();
        EXPECT_EQ(moved, 0);
    });
}

TEST_F(crews, pin_a_task_to_the_worker_that_was_asked_for) {
    with_helpers(2, [](pirn::scheduler& tasks) {
        std::set<std::size_t> numbers;
        tasks
            .spawn([&] {
                const std::thread::id here = thread_now();
                for (int k = 0; k < 20; ++k) {
                    tasks
                        .spawn({.worker = pirn::this_worker},
                               [&] { EXPECT_EQ(thread_now(), here); })
                        .join();
                }
                for (int worker = 0; worker < 3; ++worker) {
                    numbers.insert(tasks
                                       .spawn({.worker = worker},
                                              [] { return pirn::scheduler::current()->number(); })
                                       .get());
                }
            })
            .get();
        // Whichever thread was first is the first.
        EXPECT_EQ(numbers, (std::set<std::size_t>{0, 1, 2}));
    });
}

TEST_F(crews, spawn_on_their_own_thread_whichever_of_them_is_named) {
    with_helpers(1, [](pirn::scheduler& tasks) {
        tasks
            .spawn([&] {
                const int elsewhere = tasks.number() == 0 ? 1 : 0;
                tasks
                    .spawn({.worker = elsewhere},
                           [&] {
                               ASSERT_NE(pirn::scheduler::current(), &tasks);
                               const std::thread::id here = thread_now();
                               tasks
                                   .spawn({.worker = pirn::this_worker},
                                          [&] { EXPECT_EQ(thread_now(), here); })
                                   .join();
                           })
                    .join();
            })
            .get();
    });
}

TEST_F(crews, move_a_migratable_task_while_it_waits_for_its_turn) {
    with_helpers(1, [](pirn::scheduler& tasks) {
        std::atomic<bool> moved{false};
        tasks
            .spawn({.migratable = true},
                   [&] {
                       const std::thread::id first = thread_now();
                       // The thread that it leaves is kept busy, so that the other one takes it.
                       for (int i = 0; i < 2000 && !moved; ++i) {
                           tasks.current()
                               ->spawn({.worker = pirn::this_worker}, [] { compute_for(200us); })
                               .detach();
                           pirn::yield_now();
                           moved = thread_now() != first;
                       }
                   })
            .detach();
        tasks.run();
        EXPECT_TRUE(moved);
    });
}

TEST_F(crews, leave_a_migratable_task_where_it_is_while_it_is_tied) {
    with_helpers(1, [](pirn::scheduler& tasks) {
        bool moved = false;
        tasks
            .spawn({.migratable = true},
                   [&] {
                       ++pirn::detail::current_task()->ties;
                       const std::thread::id first = thread_now();
                       for (int i = 0; i < 100 && !moved; ++i) {
                           tasks.current()->spawn([] { compute_for(200us); }).detach();
                           pirn::yield_now();
                           moved = thread_now() != first;
                       }
                       --pirn::detail::current_task()->ties;
                   })
            .detach();
        tasks.run();
        EXPECT_FALSE(moved);
    });
}

TEST_F(crews, bring_results_and_errors_home_from_any_thread) {
    with_helpers(3, [](pirn::scheduler& tasks) {
        const int sum = tasks
                            .spawn([&] {
                                std::vector<pirn::join_handle<int>> parts;
                                for (int i = 0; i < 200; ++i) {
                                    parts.push_back(tasks.current()->spawn([i] {
                                        compute_for(20us);
                                        return i % 100 == 99 ? throw std::runtime_error{"no"} : i;
                                    }));
                                }
                                int total = 0;
                                for (auto& each : parts) {
                                    try {
                                        total += each.get();
                                    } catch (const std::runtime_error&) {
                                        total += 1000;
                                    }
                                }
                                return total;
                            })
                            .get();
        EXPECT_EQ(sum, 199 * 200 / 2 - 99 - 199 + 2000);
    });
}

TEST_F(crews, stop_tasks_on_other_threads) {
    with_helpers(2, [](pirn::scheduler& tasks) {
        std::atomic<int> left{0};
        tasks
            .spawn([&] {
                std::vector<pirn::join_handle<>> handles;
                for (int i = 0; i < 100; ++i) {
                    handles.push_back(tasks.current()->spawn([&left] {
                        struct counting {
                            ~counting() { ++count; }
                            std::atomic<int>& count;
                        } const at_the_end{left};
                        for (;;) {
                            pirn::yield_now();
                        }
                    }));
                }
                for (int i = 0; i < 10; ++i) {
                    pirn::yield_now();
                }
                for (auto& each : handles) {
                    each.request_stop();
                }
                for (auto& each : handles) {
                    each.join();
                }
            })
            .get();
        tasks
            .run(); // a task counts as alive until its thread has put it away, a moment after it was joined
        EXPECT_LE(left, 100); // those that had not begun have left without a word
        EXPECT_EQ(tasks.alive(), 0U);
    });
}

TEST_F(crews, ask_everybody_to_stop) {
    with_helpers(2, [](pirn::scheduler& tasks) {
        for (int i = 0; i < 50; ++i) {
            tasks
                .spawn([] {
                    for (;;) {
                        pirn::yield_now();
                    }
                })
                .detach();
        }
        for (int i = 0; i < 20; ++i) {
            tasks.tick();
        }
        tasks.request_stop_all();
        tasks.run();
        EXPECT_EQ(tasks.alive(), 0U);
        EXPECT_EQ(tasks.spawn([] { return pirn::stop_requested(); }).get(), false);
    });
}

TEST_F(crews, stop_a_task_that_is_still_on_its_way_to_its_worker) {
    with_helpers(1, [](pirn::scheduler& tasks) {
        tasks
            .spawn([] {
                std::vector<pirn::join_handle<>> handles;
                for (int i = 0; i < 2000 / support::slowness; ++i) {
                    handles.push_back(pirn::scheduler::current()->spawn({.worker = i % 2},
                                                                        [] { compute_for(1us); }));
                    handles.back().request_stop();
                }
                for (auto& each : handles) {
                    each.join();
                }
            })
            .get();
    });
}

// holds_in_time: false when it takes absurdly long.
template <class Condition>
bool holds_in_time(Condition holds) {
    const auto patience = std::chrono::steady_clock::now() + 20s;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > patience) {
            return false;
        }
        std::this_thread::sleep_for(100us);
    }
    return true;
}

// other_than: of the two workers, the other one.
int other_than(const pirn::scheduler& one) { return one.number() == 0 ? 1 : 0; }

// never_looking: a worker that sleeps does so until it is woken, and not until it looks for a deadlock.
const pirn::scheduler_options never_looking{.report_deadlock_after = 0s};

TEST_F(crews, wake_a_worker_that_sleeps_for_a_task_of_its_own) {
    with_helpers(
        1,
        [](pirn::scheduler& tasks) {
            for (int round = 0; round < 5; ++round) {
                std::this_thread::sleep_for(10ms); // it has nothing to do, and goes to sleep
                std::atomic<bool> ran{false};
                auto task = tasks.spawn({.worker = other_than(tasks)}, [&] { ran = true; });
                ASSERT_TRUE(holds_in_time([&] { return ran.load(); })) << "in round " << round;
                task.join();
            }
        },
        never_looking);
}

TEST_F(crews, end_one_wait_after_the_other_of_a_task_on_another_thread) {
    with_helpers(
        1,
        [](pirn::scheduler& tasks) {
            constexpr int rounds = 5;
            bool heard = true;
            static constexpr pirn::detail::cancel_origin why{"a test", {}};
            std::array<pirn::detail::cancel_node, rounds> scopes;
            std::atomic<int> standing{-1};
            std::atomic<int> left{0};
            std::atomic<pirn::waiter*> waits{nullptr};
            auto task = tasks.spawn({.worker = other_than(tasks)}, [&] {
                for (int i = 0; i < rounds; ++i) {
                    auto& scope = scopes[static_cast<std::size_t>(i)];
                    pirn::detail::enter(scope, *pirn::detail::current_task());
                    pirn::waiter here{[](pirn::waiter& on) noexcept { pirn::unpark(on); }};
                    waits = &here;
                    standing = i;
                    pirn::park(here);
                    pirn::detail::leave(scope);
                    ++left;
                }
            });
            for (int i = 0; i < rounds; ++i) {
                ASSERT_TRUE(holds_in_time([&] { return standing == i; }));
                std::this_thread::sleep_for(5ms); // it is parked, and its worker asleep
                pirn::detail::request_cancel(scopes[static_cast<std::size_t>(i)], why);
                heard = heard && holds_in_time([&] { return left == i + 1; });
                EXPECT_TRUE(heard) << "in round " << i;
                if (!heard) {
                    pirn::unpark(*waits); // so that the test ends
                }
            }
            task.join();
        },
        never_looking);
}

TEST_F(crews, ask_everybody_to_stop_also_those_who_wait_and_may_be_moved) {
    with_helpers(2, [](pirn::scheduler& tasks) {
        std::atomic<int> waiting{0};
        for (int i = 0; i < 20; ++i) {
            tasks
                .spawn({.migratable = true},
                       [&waiting] {
                           auto child = pirn::scheduler::current()->spawn([] {
                               for (;;) {
                                   pirn::yield_now();
                               }
                           });
                           ++waiting;
                           child.join();
                       })
                .detach();
        }
        while (waiting < 20) {
            tasks.tick();
        }
        tasks.request_stop_all();
        tasks.run();
        EXPECT_EQ(tasks.alive(), 0U);
    });
}

TEST_F(crews, join_from_outside_a_task_that_another_thread_has_taken) {
    with_helpers(1, [](pirn::scheduler& tasks) {
        for (int i = 0; i < 200; ++i) {
            auto handle = tasks.spawn([i] {
                compute_for(std::chrono::microseconds{i % 7});
                return i;
            });
            EXPECT_EQ(handle.get(), i);
        }
    });
}

TEST_F(crews, walk_a_tree_of_joins_on_all_threads) {
    struct tree {
        static long grow(int depth) {
            if (depth == 0) {
                return 1;
            }
            auto left = pirn::scheduler::current()->spawn([depth] { return grow(depth - 1); });
            auto right = pirn::scheduler::current()->spawn([depth] { return grow(depth - 1); });
            return left.get() + right.get();
        }
    };
    for (const std::size_t helpers : {0U, 1U, 3U, 7U}) {
        with_helpers(helpers, [](pirn::scheduler& tasks) {
            constexpr int depth = support::slowness > 1 ? 6 : 12;
            EXPECT_EQ(tasks.spawn([] { return tree::grow(depth); }).get(), 1L << depth);
        });
    }
}

} // namespace
