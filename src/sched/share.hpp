// SPDX-License-Identifier: MIT
//
// What the other schedulers of a crew touch of one.
//
// Shared state:
//   fresh    under guard: tasks that anybody may take: those that have not started, and migratable ones
//   count    how many; written under guard, read without. seq_cst against `sleepers` of the crew: either who offers
//            a task sees the sleeper, or the sleeper sees the task
//   movers   a migratable task of this scheduler is not moved while it is held: by who wakes it, or ends its wait.
//            Taken last of all locks
//   sleeps   counted by the owner before it sleeps
//   asleep   set by the owner before it sleeps, after the two others; cleared by the scheduler that wakes it, or the owner
//   expects_news  set by the owner before it sleeps
//   ask_all  posted to the owner, once at a time: `asking`
//
// The order of locks, those of one scheduler and those of its tasks: alive_guard_ (whoever asks all tasks to stop wakes
// them under it), a cancel node's, a task's, guard, movers.
#pragma once

#include <pirn/base/spin_lock.hpp>
#include <pirn/sched/crew.hpp>
#include <pirn/sched/scheduler.hpp>
#include <pirn/sched/task.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace pirn {

struct scheduler::share {
    explicit share(scheduler& of) noexcept : ask_all{of} {}

    struct ask_all_call : detail::remote_call {
        explicit ask_all_call(scheduler& of) noexcept : remote_call{&arrived}, whose{of} {}
        static void arrived(detail::remote_call& which) noexcept;
        scheduler& whose;
    };

    alignas(64) detail::spin_lock guard;
    detail::task_queue fresh;
    std::atomic<std::size_t> count{0};
    detail::spin_lock movers;
    alignas(64) std::atomic<std::uint32_t> asleep{0};
    std::atomic<bool> expects_news{true}; // while asleep
    std::atomic<std::uint64_t> sleeps{0};
    std::atomic<std::uint32_t> asking{0};
    ask_all_call ask_all;
    unsigned next_victim = 0; // the owner's
};

// A scheduler that waits until no task of the crew is alive.
class scheduler::watching {
  public:
    explicit watching(crew* where) noexcept : where_{where} {
        if (where_ != nullptr) {
            where_->watchers_.fetch_add(1); // seq_cst: before it looks whether any is alive
        }
    }
    ~watching() {
        if (where_ != nullptr) {
            where_->watchers_.fetch_sub(1);
        }
    }
    watching(const watching&) = delete;
    watching& operator=(const watching&) = delete;

  private:
    crew* where_;
};

// for_each_task: of one scheduler, with whether it runs just now. Under its locks.
template <class Function>
void detail::scheduler_access::for_each_task(const scheduler& of, Function function) {
    const bool shared = of.share_ != nullptr;
    if (shared) {
        scheduler::share& offers = *of.share_;
        const holding held{offers.guard};
        for (task* at = offers.fresh.front(); at != nullptr; at = offers.fresh.next(*at)) {
            if (!at->listed) {
                function(*at, false);
            }
        }
    }
    const holding held{of.alive_guard_, shared};
    for (task* at = of.alive_.front(); at != nullptr; at = of.alive_.next(*at)) {
        function(*at, at == of.running_.load(std::memory_order_relaxed));
    }
}

template <class Function>
void detail::scheduler_access::for_each_own_task(scheduler& of, Function function) {
    const holding held{of.alive_guard_, of.share_ != nullptr};
    for (task* at = of.alive_.front(); at != nullptr; at = of.alive_.next(*at)) {
        function(*at);
    }
}

} // namespace pirn
