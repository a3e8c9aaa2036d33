// SPDX-License-Identifier: MIT
//
// Sleeping and waking. On the scheduler's own thread a wake is a push to its run queue; from another
// thread it goes through the inbox, which the scheduler empties on its own stack: so a task is never
// woken before it has really gone to sleep.
#include <pirn/sched/park.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/coro/switch.hpp>

#include "sched/access.hpp"

#include <cerrno>

namespace pirn {
namespace {

detail::task& required_task() noexcept {
    detail::task* self = detail::current_task();
    PIRN_REQUIRE(self != nullptr,
                 "a suspending call was made outside of any task; call it from inside "
                 "pirn::run or a spawned task");
    return *self;
}

// The one way in which a task is put aside. errno is the thread's, and the tasks that run meanwhile write to
// it; as this task comes back on the same thread, it can be handed back. (A coroutine may come back on
// another one, and its switch is too short for two calls of the C library.)
void put_aside(detail::task& self) {
    const int kept = errno;
    detail::suspend(self);
    errno = kept;
}

// Asked before anything is changed.
void require_that_it_may_suspend(const detail::task& self) {
    PIRN_REQUIRE(self.may_not_suspend == 0,
                 "a task suspended where it had said that it does not (no_suspend)",
                 {"name", self.name()});
}

} // namespace

waiter::waiter(abort_function how) noexcept : who{&required_task()}, abort{how} {}

void park(waiter& on) {
    detail::task& self = *on.who;
    PIRN_ASSERT(&self == detail::current_task(), "a task can only put itself to sleep");
    if (self.stop_requested && !on.over && on.abort != nullptr) {
        on.abort(on); // not parked yet: should it unpark at once, that is no reason to be queued
    }
    if (on.over) {
        return;
    }
    require_that_it_may_suspend(self);
    self.parked_on = &on;
    while (!on.over) {
        put_aside(self);
    }
}

void unpark(waiter& on) noexcept {
    if (PIRN_UNLIKELY(on.who == nullptr)) {
        on.abort(on);
        return;
    }
    detail::task& sleeper = *on.who;
    scheduler& home = *sleeper.home;
    // Whoever runs on the scheduler's thread has its address as the thread's worker.
    if (detail::this_thread().worker == &home) {
        on.over = true;
        if (sleeper.parked_on == &on) {
            sleeper.parked_on = nullptr;
            detail::scheduler_access::runnable(home).push_back(sleeper);
        }
        return;
    }
    // From the push on, the task may run and end, and the scheduler with it: its destructor waits for
    // those who are counted here. Counting is relaxed, because the push publishes it.
    std::atomic<unsigned>& wakers = detail::scheduler_access::wakers(home);
    wakers.fetch_add(1, std::memory_order_relaxed);
    if (detail::scheduler_access::inbox(home).push(on)) {
        home.idles_with().wake();
    }
    // release: pairs with the acquire in ~scheduler. The last use of anything here.
    wakers.fetch_sub(1, std::memory_order_release);
}

void yield_now() {
    throw_if_stopped();
    detail::let_others_run();
}

bool stop_requested() noexcept {
    const detail::task* self = detail::current_task();
    return self != nullptr && self->stop_requested;
}

void throw_if_stopped() {
    if (PIRN_UNLIKELY(stop_requested())) {
        throw cancelled{};
    }
}

namespace detail {

// In one go, without the three calls that it stands for: they would be a good part of an answer.
void checkpoint() {
    auto* const here = static_cast<scheduler*>(this_thread().worker);
    const task* const self = here != nullptr ? scheduler_access::running(*here) : nullptr;
    if (self == nullptr) {
        return;
    }
    unsigned& left = scheduler_access::answers_left(*here);
    if (PIRN_UNLIKELY(self->stop_requested || left == 0)) {
        throw_if_stopped();
        let_others_run();
        throw_if_stopped();
        return;
    }
    --left;
}

void let_others_run() {
    task& self = required_task();
    require_that_it_may_suspend(self);
    scheduler_access::runnable(*self.home).push_back(self);
    put_aside(self);
}

} // namespace detail
} // namespace pirn
