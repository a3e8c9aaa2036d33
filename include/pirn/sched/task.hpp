// SPDX-License-Identifier: MIT
//
// A task: a coroutine that a scheduler runs. Its control block stands where any coroutine's does, at the
// high end of its own stack, so that spawning allocates nothing but the stack.
//
// This is not API. It is installed because spawn is a template; users hold a join_handle.
//
// Mutable state, all of it written on the scheduler's own thread:
//
//   home            at the spawn
//   queue_link      the run queue
//   alive_link      the scheduler's list of everything alive
//   parked_on       park and unpark; null while runnable or running
//   joiners         join
//   references      the scheduler's one, and the handle's
//   root, innermost scopes: see cancel_node.hpp. A node of the task's group hangs root below itself
//   stop_requested  the same as innermost->asked
//   on_end          at the spawn, by a group
//   may_not_suspend no_suspend, which counts
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/list.hpp>
#include <pirn/coro/frame.hpp>
#include <pirn/sched/cancel_node.hpp>
#include <pirn/sched/options.hpp>
#include <pirn/sched/park.hpp>

#include <cstdint>

namespace pirn {

class scheduler;

namespace detail {

// end_hook: who wants to know at once that a task has ended. Called on the scheduler's thread, outside of any
// task; may take the failure.
struct end_hook {
    void (*call)(end_hook& self, task& ended) noexcept;
};

struct PIRN_EXPORT task : frame {
    task(const placement& place, const frame_behaviour& typed,
         const coroutine_options& options) noexcept
        : frame{place, typed, options} {
        root.whose = this;
    }

    bool ended() const noexcept { return phase == frame_phase::done; }

    scheduler* home = nullptr;
    list_link queue_link;
    list_link alive_link;
    waiter* parked_on = nullptr;
    list<waiter, &waiter::link> joiners;
    cancel_node root;
    cancel_node* innermost = &root;
    end_hook* on_end = nullptr;
    std::uint32_t references = 2;
    std::uint16_t may_not_suspend = 0;
    bool stop_requested = false;
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

// start: hands a new task to the scheduler. release: gives up one reference; the last one frees it.
PIRN_EXPORT void start(task& fresh, scheduler& home) noexcept;
// start_within: the same for a task that nobody holds a handle of: `hook` hears of its end, and what `below` is
// asked reaches it.
PIRN_EXPORT void start_within(task& fresh, scheduler& home, cancel_node& below,
                              end_hook& hook) noexcept;
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

// stop_and_join: what a handle does that is let go of. Suspends.
PIRN_EXPORT void stop_and_join(task& which) noexcept;

} // namespace detail
} // namespace pirn
