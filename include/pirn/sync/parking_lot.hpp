// SPDX-License-Identifier: MIT
//
// What all primitives of this room wait in: a fair queue, first come, first served, under the primitive's own
// small lock. A primitive is its state, one lock and one or two queues; everything that has to be right about
// waiting is here.
//
//              push (lock held)            take (lock held)
//   outside ─────────────────► queued ─────────────────────► taken, and owed exactly one unpark
//                                 │
//                                 │ asked to stop: leave (lock held), then unpark oneself
//                                 ▼
//                              outside, result `none`: the wait has had no effect
//
// Whoever takes a place out of the queue owes its sleeper the one unpark, and pays it after the lock is
// released. A request to stop that finds the place taken does nothing, because the unpark is coming. So there
// is exactly one unpark per wait, whoever is faster.
//
// A select has a place in several queues at a time. Whoever takes one of them must win the select before it may
// do anything: one compare-and-swap on `choice::winner`. Places of a select that somebody else has won are
// dropped by take.
//
// Sleepers are tasks, or plain threads, which block.
//
// Shared state: everything in a place is guarded by the lock of the primitive in whose queue it is, until it is
// taken, and then belongs to its sleeper from the unpark on. `queued` may also be read without the lock.
//
// This is not API. It is installed because the primitives hold their queues by value.
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/base/export.hpp>
#include <pirn/base/list.hpp>
#include <pirn/base/spin_lock.hpp>
#include <pirn/base/time.hpp>
#include <pirn/sched/park.hpp>
#include <pirn/sched/task.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace pirn::detail {

// outcome: what a wait, or an attempt, has brought.
enum class outcome : std::uint8_t {
    none,   // nothing: not ready, or asked to stop
    done,   // what was asked for
    closed, // it can never be had
    again,  // nothing, but it is worth another attempt
};

struct choice;

// place: one place in one queue.
struct place {
    place() = default;
    place(const place&) = delete;
    place& operator=(const place&) = delete;

    list_link link;
    waiter* sleeper = nullptr;
    choice* part_of = nullptr; // the select that it belongs to; null when it is waited in alone
    void* slot = nullptr; // what is given, or where to put what is received; the primitive's affair
    place* following = nullptr; // among the woken
    std::atomic<bool> queued{false};
    outcome result = outcome::none;
};

// choice: a select that waits. Whoever first puts its place into `winner` decides it.
struct PIRN_EXPORT choice : waiter {
    choice() noexcept;
    // claim: whether this place has won. Thread-safe.
    bool claim(place& by) noexcept;

    std::atomic<place*> winner{nullptr};
    place stopped; // wins when the task is asked to stop

  private:
    explicit choice(task* self) noexcept;
};

// wait_queue: all calls with the lock held.
class wait_queue {
  public:
    // May be false although there are only places of selects that were won elsewhere.
    bool empty() const noexcept { return places_.empty(); }
    place* front() const noexcept { return places_.front(); }

    void push(place& last) noexcept {
        last.queued.store(true, std::memory_order_relaxed);
        places_.push_back(last);
    }
    // push_first: for a place that was taken in vain. Not for one of a select, which is won by then.
    void push_first(place& first) noexcept {
        first.queued.store(true, std::memory_order_relaxed);
        places_.push_front(first);
    }
    void leave(place& any) noexcept {
        places_.erase(any);
        any.queued.store(false, std::memory_order_relaxed);
    }
    // take: the first place that is still to be had, or null. The caller owes its sleeper an unpark.
    place* take() noexcept {
        while (place* first = places_.pop_front()) {
            const bool ours = first->part_of == nullptr || first->part_of->claim(*first);
            // release: pairs with the acquire of a select that was won elsewhere and leaves its queues. When it
            // sees this it does not ask for the lock, and may be gone.
            first->queued.store(false, std::memory_order_release);
            if (ours) {
                return first;
            }
        }
        return nullptr;
    }

  private:
    list<place, &place::link> places_;
};

// woken: those who are owed an unpark, in order. Declared before the lock is taken, so that they get it after
// the lock is released.
class woken {
  public:
    woken() = default;
    woken(const woken&) = delete;
    woken& operator=(const woken&) = delete;
    ~woken() {
        while (first_ != nullptr) {
            // Read the link first: the place is gone as soon as its sleeper runs.
            place& now = *first_;
            first_ = now.following;
            unpark(*now.sleeper);
        }
    }

    void add(place& taken, outcome result = outcome::done) noexcept {
        taken.result = result;
        taken.following = nullptr;
        (first_ == nullptr ? first_ : last_->following) = &taken;
        last_ = &taken;
    }
    // add_all: empties a queue.
    void add_all(wait_queue& from, outcome result = outcome::done) noexcept {
        while (place* next = from.take()) {
            add(*next, result);
        }
    }

  private:
    place* first_ = nullptr;
    place* last_ = nullptr;
};

// thread_wait_until: blocks the thread until `on`, a waiter without a task whose function is wake_thread, was
// unparked: true; or the deadline has come: false, and the unpark may still come.
PIRN_EXPORT bool thread_wait_until(waiter& on, time_point deadline) noexcept;
PIRN_EXPORT void wake_thread(waiter& on) noexcept;

// lone_wait: a wait for one thing, by the current task, or outside of any by the thread.
struct PIRN_EXPORT lone_wait : waiter, place {
    // A primitive that must do more when a place is left empty brings its own function for that; null: the wait
    // does not end when the task is asked to stop.
    explicit lone_wait(spin_lock& lock, wait_queue& waits_in,
                       abort_function when_stopped = &leave) noexcept
        : lone_wait{current_task(), lock, waits_in, when_stopped} {}
    // Leaves, if it is unwound.
    ~lone_wait() {
        if (PIRN_UNLIKELY(queued.load(std::memory_order_relaxed))) {
            abandon();
        }
    }

    // sleep: until the unpark; with the place in the queue and the lock released. Suspends.
    outcome sleep();
    // sleep_or_throw: the same, and throws `cancelled` when it was in vain. Suspends.
    outcome sleep_or_throw();

    // leave: ends the wait in vain, unless the place was taken.
    static void leave(waiter& on) noexcept;

    spin_lock& guard;
    wait_queue& queue;

  private:
    void abandon() noexcept;
    lone_wait(task* self, spin_lock& lock, wait_queue& waits_in,
              abort_function when_stopped) noexcept
        : waiter{self, PIRN_UNLIKELY(self == nullptr) ? &wake_thread : when_stopped}, guard{lock},
          queue{waits_in} {
        sleeper = this;
    }
};

// who_am_i: the identity of the current task, or outside of any of the thread: an address that nobody else has.
// Never suspends.
PIRN_EXPORT const void* who_am_i() noexcept;

// task_of_identity: the task whose identity this is, or null if it is a thread's, or none. Never suspends.
PIRN_EXPORT task* task_of_identity(const void* identity) noexcept;

// keep_lock, drop_lock: puts a lock on the list of the task with that identity, and takes it off; of a thread, nothing
// is known. By the task itself. Never suspend.
inline void keep_lock(held_lock& lock, const void* identity) noexcept {
    if (task* const self = task_of_identity(identity)) {
        lock.next = std::exchange(self->held, &lock);
    }
}
inline void drop_lock(held_lock& lock, const void* identity) noexcept {
    if (task* const self = task_of_identity(identity)) {
        held_lock** at = &self->held;
        while (*at != &lock) {
            at = &(*at)->next;
        }
        *at = lock.next;
    }
}

// fail_with_lock: a task has ended while it has a lock; `first` is the first that waits for the lock, or null.
[[noreturn]] PIRN_EXPORT PIRN_COLD void fail_with_lock(const char* kind, const held_lock& lock,
                                                       const task& owner, const place* first);

// select_case: one registration of a select, made for the duration of one select.
struct select_case : place {
    // attempt: what the case stands for, at once, or `none`. With the lock held, if there is one. May throw when
    // moving a value does; then nothing has happened.
    virtual outcome attempt(woken& wake) = 0;
    // arm, disarm: for what has no queue. Once armed, it claims `part_of` with this place and unparks the sleeper.
    virtual void arm() noexcept {}
    virtual void disarm() noexcept {}

    spin_lock* guard = nullptr;  // both null: it has no queue
    wait_queue* queue = nullptr; // where to wait for it
    time_point deadline = never; // only of a case that waits for the time
    std::size_t index = 0;       // as the user counts

  protected:
    ~select_case() = default;
};

} // namespace pirn::detail
