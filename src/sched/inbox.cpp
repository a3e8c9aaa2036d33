// SPDX-License-Identifier: MIT
//
// What other threads leave for a scheduler: calls, and waits that are over.
#include <pirn/sched/scheduler.hpp>

#include "base/sanitizers.hpp"
#include "sched/access.hpp"

namespace pirn {

void scheduler::post(detail::remote_call& what) noexcept {
    wakers_.fetch_add(1, std::memory_order_relaxed); // as in unpark
    detail::tell_release(this);
    if (calls_.push(what)) {
        idler_->wake();
    }
    wakers_.fetch_sub(1, std::memory_order_release);
}

void scheduler::call_posted() noexcept {
    if (calls_.empty()) {
        return; // without an atomic exchange; what comes just now also wakes the idler
    }
    detail::remote_call* next = calls_.take_all();
    detail::tell_acquire(this);
    while (next != nullptr) {
        detail::remote_call* const following = mpsc<detail::remote_call>::next(*next);
        next->call(*next);
        next = following;
    }
}

void scheduler::drain_inbox() noexcept {
    call_posted();
    if (inbox_.empty()) {
        return;
    }
    waiter* woken = inbox_.take_all();
    detail::tell_acquire(this);
    while (woken != nullptr) {
        // Read the link first: the waiter is gone as soon as its task runs.
        waiter* following = mpsc<waiter>::next(*woken);
        unpark(*woken);
        woken = following;
    }
}

} // namespace pirn
