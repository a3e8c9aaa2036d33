// SPDX-License-Identifier: MIT
//
// What a task costs: its stack, and nothing else. Counts every call of operator new in this program,
// which is why the replacement stands in a file of its own.
#include <pirn/sched/scheduler.hpp>

#include "support/account.hpp"
#include "support/allocations.hpp"
#include "support/helpers.hpp"
#include "support/sanitizers.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

namespace {

using allocation = support::balanced<>;

// What a body allocates when it is repeated, after a first time that may warm things up.
template <class Body>
long allocated_by(Body body) {
    body();
    const long before = support::allocations.load();
    for (int i = 0; i < 100; ++i) body();
    return support::allocations.load() - before;
}

TEST_F(allocation, is_noticed_at_all) {
    SKIP_WHEN(support::under_sanitizer, "operator new is the sanitizer's");
    SKIP_WHEN(support::under_valgrind, "operator new is valgrind's");
    EXPECT_EQ(allocated_by([] {
                  int* seen = new int{1};        // NOLINT: naked on purpose
                  asm volatile("" : "+r"(seen)); // else the compiler drops the pair
                  delete seen;
              }),
              100); // NOLINT: naked on purpose
}

TEST_F(allocation, does_not_happen_when_a_task_is_spawned_run_and_joined) {
    SKIP_WHEN(support::under_sanitizer, "operator new is the sanitizer's");
    SKIP_WHEN(support::under_valgrind, "operator new is valgrind's");
    pirn::scheduler tasks;
    const std::array<std::byte, 1000> large{};
    EXPECT_EQ(allocated_by([&] {
                  auto handle = tasks.spawn(
                      {.name = "worker"},
                      [large](std::size_t number) { return large.size() + number; },
                      std::size_t{1});
                  handle.get();
              }),
              0);
}

TEST_F(allocation, does_not_happen_when_tasks_yield_park_join_and_stop) {
    SKIP_WHEN(support::under_sanitizer, "operator new is the sanitizer's");
    SKIP_WHEN(support::under_valgrind, "operator new is valgrind's");
    pirn::scheduler tasks;
    EXPECT_EQ(allocated_by([&] {
                  tasks
                      .spawn([] {
                          pirn::waiter* asleep = nullptr;
                          auto sleeper = pirn::scheduler::current()->spawn([&] {
                              pirn::waiter here;
                              asleep = &here;
                              pirn::park(here);
                          });
                          pirn::yield_now();
                          pirn::unpark(*asleep);
                          sleeper.join();
                          auto other = pirn::scheduler::current()->spawn([] { pirn::yield_now(); });
                          other.detach();
                      })
                      .get();
                  tasks.run();
              }),
              0);
}

TEST_F(allocation, does_not_happen_for_a_hundred_tasks_at_a_time) {
    SKIP_WHEN(support::under_sanitizer, "operator new is the sanitizer's");
    SKIP_WHEN(support::under_valgrind, "operator new is valgrind's");
    pirn::scheduler tasks;
    EXPECT_EQ(allocated_by([&] {
                  for (int i = 0; i < 100; ++i) tasks.spawn([] { pirn::yield_now(); }).detach();
                  tasks.run();
              }),
              0);
}

// One worker spawns, and the other takes what it can get.
TEST_F(allocation, does_not_happen_when_tasks_end_on_another_thread_than_they_began) {
    SKIP_WHEN(support::under_sanitizer, "operator new is the sanitizer's");
    SKIP_WHEN(support::under_valgrind, "operator new is valgrind's");
    support::with_helpers(1, [](pirn::scheduler& tasks) {
        std::atomic<int> taken{0};
        const auto spawns_many = [&] {
            std::array<pirn::join_handle<void>, 50> some;
            for (auto& each : some) {
                each = pirn::scheduler::current()->spawn([&] {
                    taken += pirn::scheduler::current() == &tasks ? 0 : 1;
                    pirn::yield_now();
                });
            }
            for (auto& each : some) each.join();
        };
        // Each thread gets its pool of stacks when it first spawns.
        for (int worker = 0; worker < 2; ++worker) {
            tasks.spawn({.worker = worker}, spawns_many).get();
        }
        // Until the other one has taken some, a few times: which it does whenever it has time to.
        EXPECT_EQ(allocated_by([&] {
                      for (const int before = taken; taken == before;)
                          tasks.spawn(spawns_many).get();
                  }),
                  0);
        EXPECT_GE(taken, 100);
    });
}

} // namespace
