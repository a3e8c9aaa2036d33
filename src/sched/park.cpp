// SPDX-License-Identifier: MIT
//
// Sleeping and waking. On the scheduler's own thread a wake is a push to its run queue; from another
// thread it goes through the inbox, which the scheduler empties on its own stack: so a task is never
// woken before it has really gone to sleep.
#include <pirn/sched/park.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/coro/switch.hpp>

#include "base/sanitizers.hpp"
#include "sched/access.hpp"

#include <utility>

namespace pirn {
namespace {

detail::task& required_task() noexcept {
    detail::task* self = detail::running_task();
    PIRN_REQUIRE(self != nullptr,
                 "a suspending call was made outside of any task; call it from inside "
                 "pirn::run or a spawned task");
    return *self;
}

scheduler& home_of(const detail::task& which) noexcept {
    return *which.home.load(std::memory_order_relaxed);
}

// The one way in which a task is put aside: if it is known who runs next, straight to that one, else back to
// the scheduler. errno is the thread's, and the tasks that run meanwhile write to it; it is handed back: on the
// thread where the task goes on, whose scheduler knows where it is.
PIRN_ALWAYS_INLINE void put_aside(detail::task& self, detail::task* next) {
    const int kept = detail::scheduler_access::errno_of(home_of(self));
    if (next != nullptr) {
        detail::scheduler_access::runs_now(home_of(self), *next);
        detail::transfer(self, *next);
    } else {
        detail::suspend(self);
    }
    detail::scheduler_access::errno_of(home_of(self)) = kept;
}

// Asked before anything is changed.
void require_that_it_may_suspend(const detail::task& self) {
    PIRN_REQUIRE(self.may_not_suspend == 0,
                 "a task suspended where it had said that it does not (no_suspend)",
                 {"name", self.name()});
}

// see_stop: the task is told that it is asked to stop, mostly by a new `cancelled`. An error that a group has kept for an
// earlier one is not for this.
PIRN_ALWAYS_INLINE void see_stop(detail::task& self) noexcept {
    ++self.stops_seen;
    if (PIRN_UNLIKELY(self.group_error != nullptr)) {
        detail::drop_unclaimed_group_error(self);
    }
}

// put_aside_only, put_aside_unless_stopped: the two ends of pass_turn. They are calls in the last place, so that a switch
// from yield to yield returns to where the processor foresees it.
PIRN_NOINLINE void put_aside_only(detail::task& self, detail::task* next) { put_aside(self, next); }

PIRN_NOINLINE void put_aside_unless_stopped(detail::task& self, detail::task* next) {
    put_aside(self, next);
    if (PIRN_UNLIKELY(self.asked_to_stop())) { // by what came meanwhile, such as a deadline
        see_stop(self);
        throw cancelled{};
    }
}

// pass_turn: to the end of the queue. `home` is the scheduler that runs the task.
PIRN_ALWAYS_INLINE void pass_turn(detail::task& self, scheduler& home,
                                  void (*put)(detail::task& self, detail::task* next)) {
    require_that_it_may_suspend(self);
    if (PIRN_UNLIKELY(self.migratable)) {
        self.requeue = true; // by the scheduler, when nothing runs on its stack any more
        put(self, nullptr);
        return;
    }
    detail::scheduler_access::runnable(home).push_back(self);
    detail::task* next = detail::scheduler_access::next_in_turn(home);
    if (next == &self) { // no other task wants to run
        if (!detail::scheduler_access::poll_is_late(home)) {
            detail::scheduler_access::renew_answers(home);
            return;
        }
        self.requeue = true;
        next = nullptr;
    } else if (PIRN_UNLIKELY(next == nullptr)) { // the scheduler's turn: behind what is news
        detail::scheduler_access::runnable(home).erase(self);
        self.requeue = true;
    }
    put(self, next);
}

// refuse_cancelled: a task that is asked to stop and swallows `cancelled` again and again gives way as any other.
[[noreturn]] PIRN_COLD void refuse_cancelled(detail::task& self) {
    scheduler& home = home_of(self);
    if (!detail::scheduler_access::spend_answer(home)) {
        pass_turn(self, home, &put_aside_only);
    }
    see_stop(self);
    throw cancelled{};
}

constexpr wait_kind unnamed_kind{"something"};

// abort_wait: on the thread of the task's scheduler.
void abort_wait(waiter& on) noexcept {
    if (on.abort != nullptr && !on.who->abort_called) {
        on.who->abort_called = true;
        on.abort(on);
    }
}

} // namespace

waiter::waiter(abort_function how) noexcept : who{&required_task()}, abort{how} {}

void park(waiter& on) { detail::park_for(on, nullptr); }

void unpark(waiter& on) noexcept {
    if (PIRN_UNLIKELY(on.who == nullptr)) {
        on.abort(on);
        return;
    }
    detail::task& sleeper = *on.who;
    scheduler* home = sleeper.home.load(std::memory_order_acquire);
    // Whoever runs on the scheduler's thread has its address as the thread's worker.
    if (detail::this_thread().worker == home) {
        if (PIRN_UNLIKELY(sleeper.migratable) && !detail::scheduler_access::alone(*home)) {
            if (detail::scheduler_access::unpark_mover(*home, sleeper, on)) {
                return;
            }
            home = sleeper.home.load(std::memory_order_acquire); // it has moved on just now
        } else {
            on.over = true;
            if (sleeper.parked_on.load(std::memory_order_relaxed) == &on) {
                sleeper.parked_on.store(nullptr, std::memory_order_relaxed);
                detail::scheduler_access::runnable(*home).push_back(sleeper);
            }
            return;
        }
    }
    // From the push on, the task may run and end, and the scheduler with it: its destructor waits for
    // those who are counted here. Counting is relaxed, because the push publishes it.
    std::atomic<unsigned>& wakers = detail::scheduler_access::wakers(*home);
    wakers.fetch_add(1, std::memory_order_relaxed);
    detail::tell_release(home);
    if (detail::scheduler_access::inbox(*home).push(on)) {
        home->idles_with().wake();
    }
    // release: pairs with the acquire in ~scheduler. The last use of anything here.
    wakers.fetch_sub(1, std::memory_order_release);
}

void yield_now() {
    detail::task& self = required_task();
    if (PIRN_UNLIKELY(self.asked_to_stop())) {
        refuse_cancelled(self);
    }
    pass_turn(self, home_of(self), &put_aside_unless_stopped);
}

bool stop_requested() noexcept {
    detail::task* const self = detail::running_task();
    if (self == nullptr || !self->asked_to_stop()) {
        return false;
    }
    see_stop(*self);
    return true;
}

void throw_if_stopped() {
    if (PIRN_UNLIKELY(stop_requested())) {
        throw cancelled{};
    }
}

namespace detail {

bool stop_refuses() noexcept {
    task* const self = running_task();
    if (self == nullptr || !self->asked_to_stop() || std::exchange(self->attempt_left, false)) {
        return false;
    }
    see_stop(*self);
    return true;
}

bool attempt_left() noexcept {
    const task* const self = running_task();
    return self != nullptr && self->attempt_left;
}

void note_stop() noexcept { static_cast<void>(pirn::stop_requested()); }

void park_for(waiter& on, task* next) {
    task& self = *on.who;
    PIRN_ASSERT(&self == current_task(), "a task can only put itself to sleep");
    self.abort_called = false;
    if (self.asked_to_stop() && !on.over) {
        abort_wait(on); // not parked yet: should it unpark at once, that is no reason to be queued
    }
    if (!on.over) {
        require_that_it_may_suspend(self);
        self.parked_on.store(&on, std::memory_order_relaxed);
        self.waits_for.store(on.kind != nullptr ? on.kind : &unnamed_kind,
                             std::memory_order_relaxed);
        do {
            put_aside(self, next != nullptr ? next : scheduler_access::next_in_turn(home_of(self)));
            next = nullptr;
        } while (!on.over);
        self.waits_for.store(nullptr, std::memory_order_relaxed);
    } else if (next != nullptr) {
        scheduler_access::make_runnable(home_of(self), *next);
    }
}

void end_wait_early(task& asked) noexcept {
    scheduler* const home = asked.home.load(std::memory_order_acquire);
    if (home == nullptr) {
        return; // not started: it will see for itself
    }
    if (scheduler_access::alone(*home) || this_thread().worker == home) {
        if (waiter* const on = scheduler_access::wait_of(*home, asked)) {
            abort_wait(*on);
        }
        return;
    }
    // acquire and release: whoever clears it looks at the request afterwards.
    if (asked.nudged.exchange(1, std::memory_order_acq_rel) == 0) {
        asked.references.fetch_add(1, std::memory_order_relaxed);
        home->post(asked.nudge);
    }
}

void task::nudge_call::arrived(remote_call& which) noexcept {
    task& asked = static_cast<nudge_call&>(which).whose;
    if (asked.on_its_way) {
        scheduler_access::arrive(asked);
        return;
    }
    asked.nudged.exchange(0, std::memory_order_acq_rel);
    if (asked.asked_to_stop() && !asked.ended()) {
        end_wait_early(asked); // or sends it on, if the task has moved
    }
    release(asked);
}

// In one go, without the three calls that it stands for: they would be a good part of an answer.
void checkpoint() {
    auto* const here = static_cast<scheduler*>(this_thread().worker);
    task* const self = here != nullptr ? scheduler_access::running(*here) : nullptr;
    if (self == nullptr) {
        return;
    }
    if (PIRN_UNLIKELY(self->asked_to_stop() || !scheduler_access::spend_answer(*here))) {
        if (std::exchange(self->attempt_left, false)) {
            return;
        }
        if (self->asked_to_stop()) {
            refuse_cancelled(*self);
        }
        let_others_run();
        throw_if_stopped();
    }
}

void check_stop() {
    if (task* const self = running_task();
        self != nullptr && PIRN_UNLIKELY(self->asked_to_stop())) {
        refuse_cancelled(*self);
    }
}

void let_others_run() {
    task& self = required_task();
    pass_turn(self, home_of(self), &put_aside_only);
}

} // namespace detail
} // namespace pirn
