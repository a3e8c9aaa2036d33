// SPDX-License-Identifier: MIT
//
// The mutex: an owner and a queue. A waiter brings its identity in the slot of its place, so that whoever unlocks
// makes it the owner before it wakes.
#include <pirn/sync/mutex.hpp>

#include <pirn/base/assert.hpp>

namespace pirn {

using detail::drop_lock;
using detail::holding;
using detail::keep_lock;
using detail::lone_wait;
using detail::woken;

namespace {

void require_not_held(const void* owner, const void* self) {
    PIRN_REQUIRE(owner != self, "a mutex was locked by the task, or thread, that has it already; "
                                "it would wait for itself");
}

} // namespace

struct mutex::locking : lone_wait {
    locking(mutex& which, const void* self, abort_function when_stopped) noexcept
        : lone_wait{which.guard_, which.waiters_, when_stopped}, of{which} {
        slot = const_cast<void*>(self);
        kind = &waits_for_it;
    }
    static detail::task* depends_on(const waiter& on) noexcept {
        const mutex& wanted = static_cast<const locking&>(static_cast<const lone_wait&>(on)).of;
        const holding held{wanted.guard_};
        return detail::task_of_identity(wanted.owner_);
    }
    static constexpr wait_kind waits_for_it{"a mutex", &depends_on};

    mutex& of;
};

mutex::~mutex() {
    const holding held{guard_};
    PIRN_REQUIRE(owner_ == nullptr, "a mutex was destroyed while it is locked");
}

void mutex::lock() {
    detail::checkpoint();
    const void* const self = detail::who_am_i();
    holding held{guard_};
    if (owner_ == nullptr) {
        owner_ = self;
        keep_lock(*this, self);
        return;
    }
    require_not_held(owner_, self);
    locking me{*this, self, &lone_wait::leave};
    waiters_.push(me);
    held.release();
    me.sleep_or_throw();
    keep_lock(*this, self);
}

void mutex::lock_shielded() {
    const void* const self = detail::who_am_i();
    holding held{guard_};
    if (owner_ == nullptr) {
        owner_ = self;
        keep_lock(*this, self);
        return;
    }
    require_not_held(owner_, self);
    locking me{*this, self, nullptr};
    waiters_.push(me);
    held.release();
    me.sleep();
    keep_lock(*this, self);
}

bool mutex::try_lock() noexcept {
    const void* const self = detail::who_am_i();
    const holding held{guard_};
    if (owner_ != nullptr) {
        return false;
    }
    owner_ = self;
    keep_lock(*this, self);
    return true;
}

void mutex::unlock() {
    const void* const self = detail::who_am_i();
    woken wake;
    const holding held{guard_};
    PIRN_REQUIRE(owner_ == self,
                 "a mutex was unlocked by a task, or thread, that does not have it");
    drop_lock(*this, self); // before the next owner keeps it
    detail::place* const first = waiters_.take();
    owner_ = nullptr;
    if (first != nullptr) {
        owner_ = first->slot;
        wake.add(*first);
    }
}

void mutex::owner_has_ended(const held_lock& self, const detail::task& owner) {
    const auto& lock = static_cast<const mutex&>(self);
    const holding held{lock.guard_};
    fail_with_lock("mutex", self, owner, lock.waiters_.front());
}

bool mutex::held_by_caller() const noexcept {
    const void* const self = detail::who_am_i();
    const holding held{guard_};
    return owner_ == self;
}

} // namespace pirn
