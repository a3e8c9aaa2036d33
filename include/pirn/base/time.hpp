// SPDX-License-Identifier: MIT
//
// Time. Deadlines are absolute points of the monotonic clock: they nest, survive retries, and a step
// of the wall clock does not move them. Durations appear only at the edge of the API.
#pragma once

#include <chrono>

namespace pirn {

using clock = std::chrono::steady_clock;
using duration = std::chrono::nanoseconds;
using time_point = std::chrono::time_point<clock, duration>;

// never: the deadline that no clock reaches.
inline constexpr time_point never = time_point::max();

// after: now plus a duration, saturating, so that hours::max() means never and a negative duration
// means at once. Never suspends.
template <class Rep, class Period>
time_point after(std::chrono::duration<Rep, Period> delay) noexcept;

// ---------------------------------------------------------------------------------------------------

template <class Rep, class Period>
time_point after(std::chrono::duration<Rep, Period> delay) noexcept {
    const time_point now = clock::now();
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
