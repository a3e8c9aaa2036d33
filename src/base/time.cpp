// SPDX-License-Identifier: MIT
//
// What time it is. No function of this file is left on another thread than it was called on.
#include <pirn/base/time.hpp>

#include "base/coarse_clock.hpp"

#include <chrono>
#include <ctime>
#include <utility>

namespace pirn {
namespace {

constinit thread_local const time_point* told_by = nullptr;

} // namespace

time_point now() noexcept { return told_by == nullptr ? clock::now() : *told_by; }

time_point detail::coarse_now() noexcept {
#ifdef CLOCK_MONOTONIC_COARSE
    timespec at{};
    if (told_by == nullptr && ::clock_gettime(CLOCK_MONOTONIC_COARSE, &at) == 0) {
        return time_point{std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec}};
    }
#endif
    return now();
}

const time_point* detail::tell_time_by(const time_point* source) noexcept {
    return std::exchange(told_by, source);
}

} // namespace pirn
