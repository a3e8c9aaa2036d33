// SPDX-License-Identifier: MIT
//
// The armed timers of one loop.
#include "loop/timers.hpp"

#include <pirn/base/live.hpp>

#include <new>

namespace pirn {

bool timers::arm(timer_operation& what) noexcept {
    try {
        heap_.push(what, what.deadline);
    } catch (const std::bad_alloc&) {
        return false;
    }
    detail::count_timers(1);
    return true;
}

void timers::disarm(timer_operation& what) noexcept {
    heap_.erase(what);
    detail::count_timers(-1);
}

timer_operation* timers::take_due(time_point now) noexcept {
    if (heap_.empty() || heap_.top_key() > now) {
        return nullptr;
    }
    detail::count_timers(-1);
    return &heap_.pop();
}

} // namespace pirn
