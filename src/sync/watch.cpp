// SPDX-License-Identifier: MIT
//
// Versions, and who waits for the next.
#include <pirn/sync/watch.hpp>

#include <pirn/base/assert.hpp>

namespace pirn::detail {

namespace {

constexpr wait_kind waits_for_watch{"a change of a watch"};

} // namespace

watch_core::~watch_core() {
    const holding held{guard};
    PIRN_REQUIRE(waiters_.empty(),
                 "a watch or broadcast was destroyed while somebody waits for it");
}

void watch_core::close() noexcept {
    woken wake;
    const holding held{guard};
    closed = true;
    wake.add_all(waiters_, outcome::closed);
}

void watch_core::bump(woken& wake) noexcept {
    ++version;
    wake.add_all(waiters_);
}

bool watch_core::wait_beyond(std::uint64_t seen) {
    checkpoint();
    holding held{guard};
    if (version != seen) {
        return true;
    }
    if (closed) {
        return false;
    }
    lone_wait me{guard, waiters_};
    me.kind = &waits_for_watch;
    waiters_.push(me);
    held.release();
    return me.sleep_or_throw() == outcome::done;
}

watch_core::change_case::change_case(watch_core& of, std::uint64_t beyond) noexcept
    : core{of}, seen{beyond} {
    select_case::guard = &of.guard;
    queue = &of.waiters_;
}

outcome watch_core::change_case::attempt(woken& /*wake*/) {
    if (core.version != seen) {
        return outcome::done;
    }
    return core.closed ? outcome::closed : outcome::none;
}

} // namespace pirn::detail
