// SPDX-License-Identifier: MIT
//
// Positive controls for ThreadSanitizer, like those of the coroutines: races are planted in tasks of a crew, and each
// test passes only if its race is reported. What the schedulers themselves put in order must not hide what they do not.
//
//   sched_planted BUG        the names are those of the table at the end
#include <pirn/sched/scheduler.hpp>

#include "support/helpers.hpp"
#include "support/planting.hpp"

#include <array>
#include <atomic>
#include <functional>
#include <thread>

namespace {

// Runs main as a task of one of two workers.
void on_two_workers(const std::function<void(pirn::scheduler&)>& main) {
    support::with_helpers(1,
                          [&](pirn::scheduler& tasks) { tasks.spawn([&] { main(tasks); }).get(); });
}

// Waits until so many are here, each on a thread of its own, and puts nothing in order.
void meet(std::atomic<int>& here, int all) {
    here.fetch_add(1, std::memory_order_relaxed);
    while (here.load(std::memory_order_relaxed) < all) {
        std::this_thread::yield();
    }
}

// Many accesses, and nothing between them.
void count(volatile int& shared) {
    for (int i = 0; i < 100'000; ++i) {
        shared = shared + 1;
    }
}

// Two tasks of two workers, and nothing between them but the end of both.
void unordered_tasks() {
    on_two_workers([](pirn::scheduler& tasks) {
        volatile int shared = 0;
        std::atomic<int> begun{0};
        const auto counts = [&] {
            meet(begun, 2);
            for (int i = 0; i < 1000; ++i) {
                shared = shared + 1;
                pirn::yield_now();
            }
        };
        auto here = tasks.spawn({.worker = 0}, counts);
        auto there = tasks.spawn({.worker = 1}, counts);
        here.join();
        there.join();
    });
}

// A spawn orders what came before it, and not what its caller does afterwards.
void after_the_spawn() {
    on_two_workers([](pirn::scheduler& tasks) {
        volatile int shared = 0;
        std::atomic<int> begun{0};
        const int other = pirn::scheduler::current()->number() == 0 ? 1 : 0; // than this one
        auto counts = tasks.spawn({.worker = other}, [&] {
            meet(begun, 2);
            count(shared);
        });
        meet(begun, 2);
        count(shared);
        counts.join();
    });
}

// A task that moves takes its own accesses along in order, and nobody else's.
void migrating_task() {
    on_two_workers([](pirn::scheduler& tasks) {
        volatile int shared = 0;
        std::atomic<int> begun{0};
        std::atomic<bool> over{false};
        auto moves = tasks.spawn({.migratable = true}, [&] {
            // The other worker has taken it, as this one waits without giving way.
            meet(begun, 2);
            do {
                count(shared);
                pirn::yield_now();
            } while (!over.load(std::memory_order_relaxed));
        });
        meet(begun, 2);
        count(shared);
        over.store(true, std::memory_order_relaxed);
        moves.join();
    });
}

constexpr std::array bugs{support::bug{"unordered-tasks", &unordered_tasks},
                          support::bug{"after-the-spawn", &after_the_spawn},
                          support::bug{"migrating-task", &migrating_task}};

} // namespace

int main(int argc, char** argv) { return support::plant(argc, argv, bugs); }
