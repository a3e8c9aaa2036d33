// SPDX-License-Identifier: MIT
//
// Parking: the one gate through which a task sleeps. Whoever makes a task wait, for a join, a timer or
// a byte from the network, puts a waiter on the task's stack, lets the event know its address, and
// parks. Whoever has the event unparks.
//
//              park                      unpark
//   armed ─────────────► parked ─────────────────► over
//     │                    │ the task is asked to stop: abort(waiter), which sees to it
//     │                    │ that unpark comes soon
//     └── unpark ──► over, and park returns at once
//
// Exactly one unpark per waiter. It may come from any thread.
#pragma once

#include <pirn/base/error.hpp>
#include <pirn/base/export.hpp>
#include <pirn/base/list.hpp>
#include <pirn/base/mpsc.hpp>

#include <atomic>

namespace pirn {

namespace detail {
struct task;
}

struct waiter;

// wait_kind: what a task waits for, in words, for reports: "a mutex". Static.
struct wait_kind {
    const char* name;
    // The task without whose doing the wait cannot end; null if that cannot be told. Called on the thread of the
    // waiting task's scheduler, or while no task runs at all.
    detail::task* (*depends_on)(const waiter& on) noexcept = nullptr;
};

struct PIRN_EXPORT waiter : mpsc_link {
    // abort: how to end the wait early when the task is asked to stop; null when it cannot be. Called on
    // the task's scheduler, at most once per park. It must lead to the unpark, then or later.
    using abort_function = void (*)(waiter&) noexcept;

    // For the current task. Never suspends.
    explicit waiter(abort_function how = nullptr) noexcept;

    // For the given task, which is the current one; or, if null, for what is not a task: then unpark calls
    // `how` and does nothing else, on whatever thread it was called. Never suspends.
    waiter(detail::task* whose, abort_function how) noexcept : who{whose}, abort{how} {}

    detail::task* const who;
    const abort_function abort; // without a task: what unpark calls
    list_link link;             // in the wait queue of whatever is waited for
    const wait_kind* kind = nullptr;
    bool over = false; // unparked; written on the task's scheduler
};

// park: sleeps until the waiter is unparked. If the task has been asked to stop, abort is called first.
// Does not throw `cancelled` itself: the caller knows what the wait has brought. Suspends.
PIRN_EXPORT void park(waiter& on);

// unpark: ends the wait. The waiter may be gone when this returns. Thread-safe. Never suspends.
PIRN_EXPORT void unpark(waiter& on) noexcept;

// yield_now: lets the other runnable tasks of this scheduler run first. Throws `cancelled` if the task
// has been asked to stop. Suspends.
PIRN_EXPORT void yield_now();

// stop_requested: whether the current task has been asked to stop; false outside of any task. For long
// computations that never suspend. Never suspends.
PIRN_EXPORT bool stop_requested() noexcept;

// throw_if_stopped: throws `cancelled` if the current task has been asked to stop. Every suspending call
// begins with it. Never suspends.
PIRN_EXPORT void throw_if_stopped();

namespace detail {

// stop_refuses: what an operation begins with that can be answered at once: whether it is refused because the current
// task has been asked to stop. A scope whose deadline had passed when it was entered admits one. Never suspends.
PIRN_EXPORT bool stop_refuses() noexcept;

// attempt_left: whether that one operation is still to come. Never suspends.
PIRN_EXPORT bool attempt_left() noexcept;

// note_stop: the current task is told that it is asked to stop: a wait has ended by that. Never suspends.
PIRN_EXPORT void note_stop() noexcept;

} // namespace detail
} // namespace pirn
