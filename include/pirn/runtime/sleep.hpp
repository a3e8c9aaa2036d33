// SPDX-License-Identifier: MIT
//
// Sleeping: the task pauses, the thread does not.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/time.hpp>

#include <chrono>

namespace pirn {

// sleep_until: until the monotonic clock (see now) has reached the deadline; never wakes before it. A deadline in
// the past lets the other runnable tasks go first, and returns. Throws `cancelled` if the task is asked
// to stop; in a child process after fork, std::system_error with no_such_process. Suspends.
PIRN_EXPORT void sleep_until(time_point deadline);

// sleep_for: the same, from now. Suspends.
template <class Rep, class Period>
void sleep_for(std::chrono::duration<Rep, Period> delay) {
    sleep_until(after(delay));
}

} // namespace pirn
