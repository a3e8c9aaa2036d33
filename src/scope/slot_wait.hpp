// SPDX-License-Identifier: MIT
//
// A wait that its waker finds through one pointer, a slot, which a lock guards: for things that one task waits for.
//
//   slot_wait here{guard, slot, kind, true};
//   {   lock; what is waited for has happened? return.  slot = &here;   }
//   park(here);                          // the waker takes it out of the slot under the lock, and unparks
//
// If the task is asked to stop, the wait takes itself out of the slot, so that exactly one side unparks.
#pragma once

#include <pirn/base/config.hpp>
#include <pirn/base/spin_lock.hpp>
#include <pirn/sched/cancel_node.hpp>
#include <pirn/sched/park.hpp>

namespace pirn::detail {

struct slot_wait : waiter {
    slot_wait(spin_lock& lock, slot_wait*& place, const wait_kind& what_for,
              bool cancellable) noexcept
        : waiter{cancellable ? &stop : nullptr}, guard{lock}, slot{place} {
        kind = &what_for;
    }
    // Also when the wait is unwound.
    ~slot_wait() {
        if (PIRN_UNLIKELY(!over)) {
            const holding held{guard, tree_shared()};
            slot = slot == this ? nullptr : slot;
        }
    }
    slot_wait(const slot_wait&) = delete;
    slot_wait& operator=(const slot_wait&) = delete;

    static void stop(waiter& wait) noexcept {
        auto& self = static_cast<slot_wait&>(wait);
        {
            const holding held{self.guard, tree_shared()};
            if (self.slot != &self) {
                return; // taken: the unpark is on its way
            }
            self.slot = nullptr;
        }
        self.interrupted = true;
        unpark(self);
    }

    spin_lock& guard;
    slot_wait*& slot;
    bool interrupted = false; // by a request to stop
};

} // namespace pirn::detail
