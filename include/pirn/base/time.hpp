// SPDX-License-Identifier: MIT
//
// Time. Deadlines are absolute points of the monotonic clock: they nest, survive retries, and a step
// of the wall clock does not move them. Durations appear only at the edge of the API.
#pragma once

#include <pirn/base/export.hpp>

#include <chrono>

namespace pirn {

using clock = std::chrono::steady_clock;
using duration = std::chrono::nanoseconds;
using time_point = std::chrono::time_point<clock, duration>;

// never: the deadline that no clock reaches.
inline constexpr time_point never = time_point::max();

// now: what time it is for this thread: what the monotonic clock says, or, while tasks run whose loop goes by a
// test_clock, that one. Never suspends.
PIRN_EXPORT time_point now() noexcept;

// after: now plus a duration, saturating, so that hours::max() means never and a negative duration
// means at once. Never suspends.
template <class Rep, class Period>
time_point after(std::chrono::duration<Rep, Period> delay) noexcept;

namespace detail {

// tell_time_by: from now on, on this thread, now() is what stands there; null: the monotonic clock. Gives what was there
// before. Never suspends.
PIRN_EXPORT const time_point* tell_time_by(const time_point* source) noexcept;

} // namespace detail

// ---------------------------------------------------------------------------------------------------

template <class Rep, class Period>
time_point after(std::chrono::duration<Rep, Period> delay) noexcept {
    const time_point now = pirn::now();
    // Compared as floating seconds: converting a huge coarse duration to nanoseconds would overflow.
    const std::chrono::duration<double> seconds{delay};
    const std::chrono::duration<double> room{never - now};
    if (seconds >= room) {
        return never;
    }
    if (seconds <= std::chrono::duration<double>::zero()) {
        return now;
    }
    return now + std::chrono::ceil<duration>(delay);
}

} // namespace pirn
