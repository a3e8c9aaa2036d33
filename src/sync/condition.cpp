// SPDX-License-Identifier: MIT
//
// The condition: a queue. A waiter is in it before it lets go of the mutex, so that no notification slips
// through between.
#include <pirn/sync/condition.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>

namespace pirn {

using detail::holding;
using detail::lone_wait;
using detail::outcome;
using detail::woken;

namespace {

constexpr wait_kind waits_for_condition{"a condition"};

} // namespace

condition::~condition() {
    const holding held{guard_};
    PIRN_REQUIRE(waiters_.empty(), "a condition was destroyed while somebody waits for it");
}

void condition::wait(std::unique_lock<mutex>& lock) {
    PIRN_REQUIRE(lock.owns_lock(), "a condition was waited for without the lock");
    detail::check_stop();
    mutex& door = *lock.mutex();
    lone_wait me{guard_, waiters_};
    me.kind = &waits_for_condition;
    {
        const holding held{guard_};
        waiters_.push(me);
    }
    door.unlock();
    const outcome result = me.sleep();
    door.lock_shielded();
    if (result == outcome::none) {
        detail::note_stop();
        throw cancelled{};
    }
}

void condition::notify_one() noexcept {
    woken wake;
    const holding held{guard_};
    if (detail::place* first = waiters_.take()) {
        wake.add(*first);
    }
}

void condition::notify_all() noexcept {
    woken wake;
    const holding held{guard_};
    wake.add_all(waiters_);
}

} // namespace pirn
