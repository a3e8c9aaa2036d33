// SPDX-License-Identifier: MIT
//
// Events. Nothing here reads the flag without the lock: whoever sees it set may destroy the event, and the one
// who set it must have let go of the lock by then.
#include <pirn/sync/event.hpp>

#include <pirn/base/assert.hpp>

namespace pirn {

using detail::holding;
using detail::lone_wait;
using detail::outcome;
using detail::woken;

namespace {

constexpr wait_kind waits_for_event{"an event"};

} // namespace

event::~event() {
    const holding held{guard_}; // the one who set it may still have it
    PIRN_REQUIRE(waiters_.empty(), "an event was destroyed while somebody waits for it");
}

void event::set() noexcept {
    woken wake;
    const holding held{guard_};
    set_ = true;
    wake.add_all(waiters_);
}

void event::reset() noexcept {
    const holding held{guard_};
    set_ = false;
}

void event::wait() {
    detail::checkpoint();
    holding held{guard_};
    if (set_) {
        return;
    }
    lone_wait me{guard_, waiters_};
    me.kind = &waits_for_event;
    waiters_.push(me);
    held.release();
    me.sleep_or_throw();
}

bool event::is_set() const noexcept {
    const holding held{guard_};
    return set_;
}

outcome event::select_case_type::attempt(woken& /*wake*/) {
    return which.set_ ? outcome::done : outcome::none;
}

auto_event::~auto_event() {
    const holding held{guard_};
    PIRN_REQUIRE(waiters_.empty(), "an auto_event was destroyed while somebody waits for it");
}

void auto_event::set() noexcept {
    woken wake;
    const holding held{guard_};
    if (detail::place* first = waiters_.take()) {
        wake.add(*first);
    } else {
        set_ = true;
    }
}

void auto_event::reset() noexcept {
    const holding held{guard_};
    set_ = false;
}

void auto_event::wait() {
    detail::checkpoint();
    holding held{guard_};
    if (set_) {
        set_ = false;
        return;
    }
    lone_wait me{guard_, waiters_};
    me.kind = &waits_for_event;
    waiters_.push(me);
    held.release();
    me.sleep_or_throw();
}

bool auto_event::try_wait() noexcept {
    const holding held{guard_};
    const bool was_set = set_;
    set_ = false;
    return was_set;
}

outcome auto_event::select_case_type::attempt(woken& /*wake*/) {
    if (!which.set_) {
        return outcome::none;
    }
    which.set_ = false;
    return outcome::done;
}

} // namespace pirn
