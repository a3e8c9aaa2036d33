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
//   walks, and alive_walks_ of the scheduler    under guard, and alive_guard_: walks over these lists that let go of the
//            lock from time to time; what leaves a list moves them on
//
// The order of locks, those of one scheduler and those of its tasks: alive_guard_ (whoever asks all tasks to stop wakes
// them under it), a cancel node's, a task's, guard, movers.
#pragma once

#include <pirn/base/spin_lock.hpp>
#include <pirn/base/time.hpp>
#include <pirn/sched/crew.hpp>
#include <pirn/sched/scheduler.hpp>
#include <pirn/sched/task.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace pirn {

// walk: over a list, with its lock held for a part at a time. Of a million tasks each is looked at, and no thread waits
// for the lock for longer than a part takes.
class detail::walk {
  public:
    walk(spin_lock& guard, walk*& all) noexcept : guard_{guard}, all_{all} {}
    ~walk() {
        const holding held{guard_};
        walk** at = &all_;
        while (*at != nullptr && *at != this) {
            at = &(*at)->other_;
        }
        if (*at == this) {
            *at = other_;
        }
    }
    walk(const walk&) = delete;
    walk& operator=(const walk&) = delete;

    // over: calls `function` of each, under the lock. Of what comes or leaves meanwhile some is seen.
    template <class List, class Function>
    void over(const List& of, Function function) {
        for (bool begun = false; !begun || next_ != nullptr; begun = true) {
            if (begun) {
                let_others();
            }
            const holding held{guard_};
            if (!begun) {
                next_ = of.front();
                other_ = all_;
                all_ = this;
            }
            for (int i = 0; i < at_once && next_ != nullptr; ++i) {
                task& one = *next_;
                next_ = of.next(one);
                function(one);
            }
        }
    }

    // leaves: before a task leaves the list, under its lock. Never suspends.
    template <class List>
    static void leaves(walk* all, const List& list, task& leaving) noexcept {
        for (; all != nullptr; all = all->other_) {
            if (all->next_ == &leaving) {
                all->next_ = list.next(leaving);
            }
        }
    }

  private:
    // let_others: long enough for a thread that waits for the lock, and looks at it now and then, to find it free.
    static void let_others() noexcept {
        for (const time_point until = clock::now() + std::chrono::microseconds{1};
             clock::now() < until;) {
        }
    }

    static constexpr int at_once = 64;

    spin_lock& guard_;
    walk*& all_;
    walk* other_ = nullptr;
    task* next_ = nullptr;
};

struct scheduler::share {
    explicit share(scheduler& of) noexcept : ask_all{of} {}

    struct ask_all_call : detail::remote_call {
        explicit ask_all_call(scheduler& of) noexcept : remote_call{&arrived}, whose{of} {}
        static void arrived(detail::remote_call& which) noexcept;
        scheduler& whose;
    };

    // leaves: takes the task out of `fresh`, under guard. Never suspends.
    void leaves(detail::task& taken) noexcept {
        if (PIRN_UNLIKELY(walks != nullptr)) {
            detail::walk::leaves(walks, fresh, taken);
        }
        fresh.erase(taken);
    }

    alignas(64) detail::spin_lock guard;
    detail::task_queue fresh;
    detail::walk* walks = nullptr;
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
    const auto listed = [&](task& each) {
        function(each, &each == of.running_.load(std::memory_order_relaxed));
    };
    if (of.share_ == nullptr) {
        for (task* at = of.alive_.front(); at != nullptr; at = of.alive_.next(*at)) {
            listed(*at);
        }
        return;
    }
    scheduler::share& offers = *of.share_;
    walk{offers.guard, offers.walks}.over(offers.fresh, [&](task& each) {
        if (!each.listed) {
            function(each, false);
        }
    });
    walk{of.alive_guard_, of.alive_walks_}.over(of.alive_, listed);
}

template <class Function>
void detail::scheduler_access::for_each_own_task(scheduler& of, Function function) {
    if (of.share_ == nullptr) {
        for (task* at = of.alive_.front(); at != nullptr; at = of.alive_.next(*at)) {
            function(*at);
        }
        return;
    }
    walk{of.alive_guard_, of.alive_walks_}.over(of.alive_, function);
}

} // namespace pirn
