// SPDX-License-Identifier: MIT
//
// Doing it once.
#include <pirn/sync/once.hpp>

#include <pirn/base/assert.hpp>

namespace pirn {

using detail::holding;
using detail::lone_wait;
using detail::outcome;
using detail::woken;

namespace {

constexpr wait_kind waits_for_once{"the first call of a once"};

} // namespace

once::~once() {
    const holding held{guard_};
    PIRN_REQUIRE(at_it_ == nullptr, "a once was destroyed while somebody is at it");
}

// begin: whether it is the caller's to do.
bool once::begin() {
    detail::checkpoint();
    const void* const self = detail::who_am_i();
    holding held{guard_};
    if (done_) {
        return false;
    }
    if (at_it_ == nullptr) {
        at_it_ = self;
        return true;
    }
    PIRN_REQUIRE(at_it_ != self, "the function of a once calls the once; it would wait for itself");
    lone_wait me{guard_, waiters_};
    me.kind = &waits_for_once;
    me.slot = const_cast<void*>(self);
    waiters_.push(me);
    held.release();
    return me.sleep_or_throw() == outcome::again;
}

void once::end(bool well) noexcept {
    woken wake;
    const holding held{guard_};
    at_it_ = nullptr;
    if (well) {
        done_ = true;
        wake.add_all(waiters_);
    } else if (detail::place* next = waiters_.take()) {
        at_it_ = next->slot;
        wake.add(*next, outcome::again);
    }
}

bool once::done() const noexcept {
    const holding held{guard_};
    return done_;
}

} // namespace pirn
