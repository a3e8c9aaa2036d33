// SPDX-License-Identifier: MIT
//
// Readers and writers in one queue. A writer's place has its identity in the slot, a reader's has none.
//
// Invariant, outside of the lock: the first one in the queue could not go in.
#include <pirn/sync/shared_mutex.hpp>

#include <pirn/base/assert.hpp>

namespace pirn {

using detail::drop_lock;
using detail::holding;
using detail::keep_lock;
using detail::lone_wait;
using detail::place;
using detail::woken;

namespace {

constexpr wait_kind waits_for_shared_mutex{"a shared_mutex"};

} // namespace

// When a writer leaves the queue in vain, the readers behind it may go in.
struct shared_mutex::entering : lone_wait {
    entering(shared_mutex& which, const void* writer) noexcept
        : lone_wait{which.guard_, which.waiters_, &stop}, of{which} {
        slot = const_cast<void*>(writer);
        kind = &waits_for_shared_mutex;
    }

    static void stop(waiter& on) noexcept {
        auto& self = static_cast<entering&>(static_cast<lone_wait&>(on));
        if (!self.queued.load(std::memory_order_relaxed)) {
            return;
        }
        woken wake;
        const holding held{self.guard};
        if (self.queued.load(std::memory_order_relaxed)) {
            self.queue.leave(self);
            wake.add(self, detail::outcome::none);
            self.of.let_in(wake);
        }
    }

    shared_mutex& of;
};

shared_mutex::~shared_mutex() {
    const holding held{guard_};
    PIRN_REQUIRE(writer_ == nullptr && readers_ == 0 && waiters_.empty(),
                 "a shared_mutex was destroyed while it is locked", {"readers", readers_});
}

// let_in: whoever may go in now, from the front of the queue. With the lock held.
void shared_mutex::let_in(woken& wake) noexcept {
    while (place* first = waiters_.front()) {
        const bool writes = first->slot != nullptr;
        if (writer_ != nullptr || (writes && readers_ > 0)) {
            return;
        }
        waiters_.take();
        if (writes) {
            writer_ = first->slot;
        } else {
            ++readers_;
        }
        wake.add(*first);
    }
}

void shared_mutex::lock() {
    detail::checkpoint();
    const void* const self = detail::who_am_i();
    holding held{guard_};
    if (writer_ == nullptr && readers_ == 0) {
        writer_ = self;
        keep_lock(*this, self);
        return;
    }
    PIRN_REQUIRE(writer_ != self, "a shared_mutex was locked by the task, or thread, that has it "
                                  "already; it would wait for itself");
    entering me{*this, self};
    waiters_.push(me);
    held.release();
    me.sleep_or_throw();
    keep_lock(*this, self);
}

bool shared_mutex::try_lock() noexcept {
    const void* const self = detail::who_am_i();
    const holding held{guard_};
    if (writer_ != nullptr || readers_ > 0) {
        return false;
    }
    writer_ = self;
    keep_lock(*this, self);
    return true;
}

void shared_mutex::unlock() {
    const void* const self = detail::who_am_i();
    woken wake;
    const holding held{guard_};
    PIRN_REQUIRE(writer_ == self,
                 "a shared_mutex was unlocked by a task, or thread, that does not have it alone");
    drop_lock(*this, self); // before the next writer keeps it
    writer_ = nullptr;
    let_in(wake);
}

void shared_mutex::writer_has_ended(const held_lock& self, const detail::task& owner) {
    const auto& lock = static_cast<const shared_mutex&>(self);
    const holding held{lock.guard_};
    fail_with_lock("shared_mutex", self, owner, lock.waiters_.front());
}

void shared_mutex::lock_shared() {
    detail::checkpoint();
    const void* const self = detail::who_am_i();
    holding held{guard_};
    if (writer_ == nullptr && waiters_.empty()) {
        ++readers_;
        return;
    }
    PIRN_REQUIRE(writer_ != self,
                 "a shared_mutex was locked for reading by the task, or thread, that "
                 "has it alone; it would wait for itself");
    entering me{*this, nullptr};
    waiters_.push(me);
    held.release();
    me.sleep_or_throw();
}

bool shared_mutex::try_lock_shared() noexcept {
    const holding held{guard_};
    if (writer_ != nullptr || !waiters_.empty()) {
        return false;
    }
    ++readers_;
    return true;
}

void shared_mutex::unlock_shared() {
    woken wake;
    const holding held{guard_};
    PIRN_REQUIRE(readers_ > 0, "a shared_mutex was unlocked by a reader, and nobody reads");
    if (--readers_ == 0) {
        let_in(wake);
    }
}

} // namespace pirn
