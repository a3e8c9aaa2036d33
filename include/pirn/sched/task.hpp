// SPDX-License-Identifier: MIT
//
// A task: a coroutine that a scheduler runs. Its control block stands where any coroutine's does, at the
// high end of its own stack, so that spawning allocates nothing but the stack.
//
// This is not API. It is installed because spawn is a template; users hold a join_handle.
//
// Mutable state. What is not named with a lock is written on the thread of the task's scheduler. Where a scheduler
// is alone, no lock is taken.
//
//   home            at the spawn; by whoever takes the task over, under the lock of the queue that it is taken from
//   queue_link      a run queue; a stealable one under that queue's lock
//   alive_link      the scheduler's list of everything alive, under its lock
//   listed          whether it is in that list: written by whoever has the task, and passed on with it
//   parked_on       park and unpark; null while runnable or running. Others only look whether it is null
//   abort_called    park, and whoever ends the wait early: once per wait
//   joiners         join, under guard
//   over            at the end, under guard
//   references      the scheduler's one, the handle's, and one while `nudge` is on its way
//   root, innermost scopes: see cancel_node.hpp. A node of the task's group hangs root below itself
//   stop_requested  the same as innermost->asked
//   stops_seen      the task itself, each time when it is told that it is asked to stop
//   attempt_left    a scope that is entered after its deadline, and the first operation inside
//   nudge, nudged   whoever asks the task to stop, on another thread
//   on_its_way      send, and the arrival at the worker that it was spawned for: `nudge` brings it there
//   begun           each turn; others may look at any time
//   on_end          at the spawn, by a group
//   may_not_suspend no_suspend, which counts
//   ties            what keeps a migratable task where it is
//   requeue         yield of a migratable task: to be queued when it is off its stack
//   waits_for       park: what it waits for, for reports; others may look at any time
//   locals          task_local values
//   group_error     see keep_group_error
//   held            lock and unlock, by the task itself
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/list.hpp>
#include <pirn/base/mpsc.hpp>
#include <pirn/base/spin_lock.hpp>
#include <pirn/coro/frame.hpp>
#include <pirn/sched/cancel_node.hpp>
#include <pirn/sched/options.hpp>
#include <pirn/sched/park.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <utility>

namespace pirn {

class scheduler;

namespace detail {

// remote_call: a function that a scheduler is to call on its own thread, outside of any task; asked for on any
// thread. Stays where it is until it has been called.
struct remote_call : mpsc_link {
    explicit remote_call(void (*what)(remote_call&) noexcept) noexcept : call{what} {}
    void (*const call)(remote_call&) noexcept;
};

// end_hook: who wants to know at once that a task has ended. Called on the scheduler's thread, outside of any
// task; may take the failure.
struct end_hook {
    void (*call)(end_hook& self, task& ended) noexcept;
};

struct local_values; // task_local.hpp
struct task;

// held_lock: a lock that a task has, on the list of that task; a mutex holds one. A task that ends must have none.
struct held_lock {
    void (*complain)(const held_lock& self, const task& owner); // stops the program
    held_lock* next = nullptr;
};

struct PIRN_EXPORT task : frame {
    task(const placement& place, const frame_behaviour& typed,
         const coroutine_options& options) noexcept
        : frame{place, typed, options} {
        root.whose = this;
    }

    bool ended() const noexcept { return over.load(std::memory_order_acquire); }
    bool asked_to_stop() const noexcept { return stop_requested.load(std::memory_order_relaxed); }
    bool parked() const noexcept { return parked_on.load(std::memory_order_relaxed) != nullptr; }

    // nudge: gets the task to look at stop_requested; on its scheduler's thread.
    struct nudge_call : remote_call {
        explicit nudge_call(task& of) noexcept : remote_call{&arrived}, whose{of} {}
        static void arrived(remote_call& which) noexcept;
        task& whose;
    };

    // What each turn touches is side by side.
    std::atomic<scheduler*> home{nullptr};
    list_link queue_link;
    std::uint16_t may_not_suspend = 0;
    std::uint16_t ties = 0;
    std::atomic<bool> stop_requested{false};
    bool migratable = false;
    bool requeue = false;
    std::atomic<bool> begun{false}; // for reports: it has had a turn
    std::atomic<waiter*> parked_on{nullptr};
    std::atomic<const wait_kind*> waits_for{nullptr};
    list_link alive_link;
    list<waiter, &waiter::link> joiners;
    cancel_node root;
    cancel_node* innermost = &root;
    end_hook* on_end = nullptr;
    local_values* locals = nullptr;
    std::exception_ptr group_error;
    held_lock* held = nullptr; // the last one first
    nudge_call nudge{*this};
    std::atomic<std::uint32_t> references{2};
    int worker = any_worker;
    std::uint32_t stops_seen = 0;
    spin_lock guard;
    std::atomic<bool> over{false};
    std::atomic<std::uint32_t> nudged{0};
    bool on_its_way = false; // nudge brings it to the worker that it was spawned for
    bool listed = false;     // among what is alive here
    bool abort_called = false;
    bool attempt_left = false;       // asked to stop, but the next operation is attempted once
    bool in_reported_circle = false; // the scheduler's, when it looks for deadlocks
};

using task_queue = list<task, &task::queue_link>;

// current_task: the task that this thread is running, also from within a coroutine that the task has
// resumed; null outside of any. Never suspends.
PIRN_EXPORT task* current_task() noexcept;

// spend_answer: a task whose every request is answered at once would never suspend, and nobody else
// would run. False when the current task has had its share for this turn and should yield before the
// next request. Never suspends.
PIRN_EXPORT bool spend_answer() noexcept;

// let_others_run: yield_now without its exception. Suspends.
PIRN_EXPORT void let_others_run();

// checkpoint: what a suspending call begins with that is mostly answered at once: throw_if_stopped, and lets
// others run when this task has had its share. Outside of any task, nothing. Suspends.
PIRN_EXPORT void checkpoint();

// check_stop: throw_if_stopped, for calls that may suspend: a task that swallows `cancelled` again and again lets others
// run when it has had its share. Suspends.
PIRN_EXPORT void check_stop();

// park_for: park, and if it is known who should run meanwhile, that one: off every queue. Suspends.
PIRN_EXPORT void park_for(waiter& on, task* next);

// start: hands a new task to the scheduler. release: gives up one reference; the last one frees it.
PIRN_EXPORT void start(task& fresh, scheduler& home) noexcept;
// start_within: the same for a task that nobody holds a handle of: `hook` hears of its end, and what `below` is
// asked reaches it.
// The caller may keep a reference for itself, which it releases.
PIRN_EXPORT void start_within(task& fresh, scheduler& home, cancel_node& below, end_hook& hook,
                              bool keeps_reference = false) noexcept;
PIRN_EXPORT void release(task& which) noexcept;

// wait_for_end: parks the current task until the other has ended; outside of any task, drives the
// scheduler instead. Suspends. When `cancellable`, throws cancelled if the current task is asked to stop.
PIRN_EXPORT void wait_for_end(task& other, bool cancellable);

// tell_end: the waiter will be unparked when the other task ends; false, and nothing is kept, when it has
// ended already. forget_end: takes that back, if it has not happened. On the thread of the task's scheduler.
// Never suspends.
PIRN_EXPORT bool tell_end(task& other, waiter& on) noexcept;
PIRN_EXPORT void forget_end(task& other, waiter& on) noexcept;

// ask_to_stop: from now on every suspending call of the task ends with `cancelled`. Never suspends.
PIRN_EXPORT void ask_to_stop(task& which) noexcept;

// take_failure: rethrows what left the task's function, once.
PIRN_EXPORT void take_failure(task& ended);

// keep_group_error: an error of a task group whose owner, the current task, leaves the group with `cancelled`
// because of it. take_group_error: gives it to the code that catches that `cancelled` and throws the error in its
// place; null if there is none. An error that is not taken becomes the task's own failure if it ends with `cancelled`. Else it
// is printed on stderr, at the end of the task, or when it is next told to stop: that is another `cancelled`. Never suspend.
PIRN_EXPORT void keep_group_error(std::exception_ptr error) noexcept;
PIRN_EXPORT std::exception_ptr take_group_error() noexcept;
inline void throw_group_error() {
    if (std::exception_ptr error = take_group_error()) {
        std::rethrow_exception(std::move(error));
    }
}

// stop_and_join: what a handle does that is let go of. Suspends.
PIRN_EXPORT void stop_and_join(task& which) noexcept;

} // namespace detail
} // namespace pirn
