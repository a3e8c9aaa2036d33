// SPDX-License-Identifier: MIT
//
// What waits beside a task that computes: it is late by about one step of that task, and not by a number of steps.
//
// Steps are counted rather than measured, so that a busy machine, which makes steps longer, fails no test: of the steps
// that begin after an event, only those may pass before the event is seen that fit into the millisecond after which
// the loop is asked for news, and one more.
#include <pirn/io/memory_pipe.hpp>
#include <pirn/io/signal.hpp>
#include <pirn/net/unix.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/task_group.hpp>
#include <pirn/scope/timeout.hpp>
#include <pirn/sync/channel.hpp>
#include <pirn/sync/mutex.hpp>
#include <pirn/sync/semaphore.hpp>

#include "support/account.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;

// computation: steps that take a given time each. Used by the tasks of one thread.
struct computation {
    explicit computation(microseconds length) : step{length} { begun.reserve(1 << 16); }

    // compute: one step. Never suspends.
    void compute() {
        const auto begin = pirn::clock::now();
        begun.push_back(begin);
        while (pirn::clock::now() - begin < step) {
        }
    }
    // begun_since: steps that have begun since then.
    int begun_since(pirn::time_point point) const {
        int count = 0;
        for (auto at = begun.rbegin(); at != begun.rend() && *at > point; ++at) ++count;
        return count;
    }
    // allowed: how many steps may begin between an event and the task that sees it.
    int allowed() const { return 2 + static_cast<int>(1000us / step); }

    microseconds step;
    std::vector<pirn::time_point> begun;
};

// Steps of 0.1 to 20 ms, on one thread and on four, all tasks of a test on the same thread.
class lateness : public support::balanced<testing::TestWithParam<std::tuple<int, std::size_t>>> {
  protected:
    static microseconds step() { return microseconds{std::get<0>(GetParam())}; }

    static void beside(const std::function<void(computation&)>& way_to_give_way,
                       const std::function<void(computation&)>& watcher) {
        pirn::run({.threads = std::get<1>(GetParam())}, [&] {
            computation work{step()};
            pirn::task_group group;
            group.run([&] {
                group.spawn({.name = "computes", .worker = pirn::this_worker}, [&] {
                    for (;;) {
                        work.compute();
                        way_to_give_way(work);
                    }
                });
                watcher(work);
                group.cancel();
            });
        });
    }

    static void watch_timers(computation& work) {
        for (int i = 0; i < 5; ++i) {
            const auto due = pirn::now() + 2ms;
            pirn::sleep_until(due);
            EXPECT_LE(work.begun_since(due), work.allowed()) << i;
        }
    }
};

INSTANTIATE_TEST_SUITE_P(steps, lateness,
                         testing::Combine(testing::Values(100, 1'000, 5'000, 20'000),
                                          testing::Values(std::size_t{1}, std::size_t{4})),
                         [](const auto& parameters) {
                             return "of_" + std::to_string(std::get<0>(parameters.param)) +
                                    "_us_on_" + std::to_string(std::get<1>(parameters.param));
                         });

TEST_P(lateness, of_timers_is_one_step_of_a_task_that_yields) {
    beside([](computation&) { pirn::yield_now(); }, &watch_timers);
}

TEST_P(lateness, of_timers_is_one_step_after_many_quick_turns) {
    int quick = 0;
    beside(
        [&](computation& work) {
            pirn::yield_now();
            if (++quick == 10) { // for a while, turns are very short
                for (int i = 0; i < 20'000; ++i) pirn::yield_now();
                work.compute();
                pirn::yield_now();
            }
        },
        &watch_timers);
}

TEST_P(lateness, of_timers_is_one_step_of_a_task_that_is_answered_at_once) {
    pirn::semaphore free{1};
    beside(
        [&](computation&) {
            free.acquire();
            free.release();
        },
        &watch_timers);
    pirn::channel<int> buffered{1};
    beside(
        [&](computation&) {
            buffered.send(1);
            static_cast<void>(buffered.receive());
        },
        &watch_timers);
    auto [left, right] = pirn::io::memory_pipe();
    beside(
        [&](computation&) {
            std::array<std::byte, 1> byte{};
            left.write_all(byte);
            static_cast<void>(right.read(byte));
        },
        &watch_timers);
}

// A turn is 32 answers. How far the coarse clock counts at once is 4 ms on most kernels.
TEST_P(lateness, of_timers_is_one_turn_once_after_many_quick_answers) {
    const int turn = 32 + static_cast<int>(4000us / step());
    pirn::semaphore free{1};
    int steps = 0;
    beside(
        [&](computation&) {
            // For a while answers are very quick, and then one follows each step.
            for (int i = 0; steps == 0 && i < 400'000; ++i) {
                free.acquire();
                free.release();
            }
            ++steps;
            free.acquire();
            free.release();
        },
        [&](computation& work) {
            while (steps ==
                   0) { // the last of these timers is due when the steps begin, or after that
                const auto due = pirn::now() + 2ms;
                pirn::sleep_until(due);
                EXPECT_LE(work.begun_since(due), turn + work.allowed());
            }
            watch_timers(work);
        });
}

TEST_P(lateness, of_timers_is_one_step_of_a_task_that_reads_what_is_there) {
    beside(
        [](computation& work) {
            auto [left, right] = pirn::net::unix_pair();
            std::array<std::byte, 64> bytes{};
            left.write_all(bytes);
            for (std::size_t i = 0; i < bytes.size(); ++i) {
                work.compute();
                static_cast<void>(right.read(std::span{bytes}.first(1)));
            }
        },
        &watch_timers);
}

TEST_P(lateness, of_timers_is_one_step_of_tasks_that_are_spawned_and_joined) {
    beside(
        [](computation& work) {
            pirn::spawn({.worker = pirn::this_worker}, [&] { work.compute(); }).get();
        },
        [](computation& work) {
            for (int i = 0; i < 5; ++i) {
                const auto due = pirn::now() + 2ms;
                pirn::sleep_until(due);
                EXPECT_LE(work.begun_since(due), work.allowed() + 1) << i; // two in each round
            }
        });
}

TEST_P(lateness, of_a_deadline_is_one_step_of_the_task_inside_it) {
    const std::array<std::function<void(pirn::semaphore&)>, 2> ways{
        [](pirn::semaphore&) { pirn::yield_now(); },
        [](pirn::semaphore& free) {
            free.acquire();
            free.release();
        }};
    for (const auto& way : ways) {
        pirn::run({.threads = std::get<1>(GetParam())}, [&] {
            computation work{step()};
            pirn::semaphore free{1};
            const auto deadline = pirn::now() + 5ms;
            EXPECT_FALSE(pirn::try_with_timeout(deadline, [&] {
                for (;;) {
                    work.compute();
                    way(free);
                }
            }));
            EXPECT_LE(work.begun_since(deadline), work.allowed());
        });
    }
}

TEST_P(lateness, of_bytes_from_another_process_is_one_step) {
    beside([](computation&) { pirn::yield_now(); },
           [](computation& work) {
               auto [ours, theirs] = pirn::net::unix_pair();
               for (int i = 0; i < 5; ++i) {
                   pirn::time_point sent;
                   auto sender = pirn::spawn({.worker = pirn::this_worker}, [&] {
                       // Without the loop, as another process would.
                       sent = pirn::now();
                       EXPECT_EQ(::write(theirs.native_handle(), "x", 1), 1);
                   });
                   std::array<std::byte, 1> byte{};
                   EXPECT_EQ(ours.read(byte), 1U);
                   EXPECT_LE(work.begun_since(sent), work.allowed()) << i;
                   sender.join();
               }
           });
}

TEST_P(lateness, of_a_signal_is_one_step) {
    beside([](computation&) { pirn::yield_now(); },
           [](computation& work) {
               pirn::io::signal_set signals{SIGUSR1};
               for (int i = 0; i < 3; ++i) {
                   pirn::time_point sent;
                   auto sender = pirn::spawn({.worker = pirn::this_worker}, [&] {
                       sent = pirn::now();
                       EXPECT_EQ(::kill(::getpid(), SIGUSR1), 0);
                   });
                   EXPECT_EQ(signals.wait(), SIGUSR1);
                   EXPECT_LE(work.begun_since(sent), work.allowed()) << i;
                   sender.join();
               }
           });
}

} // namespace
