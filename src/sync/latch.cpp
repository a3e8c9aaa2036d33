// SPDX-License-Identifier: MIT
//
// The latch.
#include <pirn/sync/latch.hpp>

#include <pirn/base/assert.hpp>

namespace pirn {

using detail::holding;
using detail::lone_wait;
using detail::woken;

namespace {

constexpr wait_kind waits_for_latch{"a latch"};

} // namespace

latch::~latch() {
    const holding held{guard_}; // who counted down last may still have it
    PIRN_REQUIRE(waiters_.empty(), "a latch was destroyed while somebody waits for it");
}

void latch::count_down(std::size_t steps) {
    woken wake;
    const holding held{guard_};
    PIRN_REQUIRE(steps <= count_, "a latch was counted down below zero", {"count", count_},
                 {"steps", steps});
    count_ -= steps;
    if (count_ == 0) {
        wake.add_all(waiters_);
    }
}

void latch::wait() {
    detail::checkpoint();
    holding held{guard_};
    if (count_ == 0) {
        return;
    }
    lone_wait me{guard_, waiters_};
    me.kind = &waits_for_latch;
    waiters_.push(me);
    held.release();
    me.sleep_or_throw();
}

bool latch::try_wait() const noexcept {
    const holding held{guard_};
    return count_ == 0;
}

void latch::arrive_and_wait() {
    detail::check_stop();
    count_down();
    wait();
}

} // namespace pirn
