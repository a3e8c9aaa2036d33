// SPDX-License-Identifier: MIT
//
// A clock that changes every few milliseconds (4 on most kernels). To read it takes a seventh of the time that now() takes.
#pragma once

#include <pirn/base/time.hpp>

namespace pirn::detail {

// coarse_now: what now() has been at some moment of the last few milliseconds; under a test clock, what now() is. Never
// suspends.
time_point coarse_now() noexcept;

} // namespace pirn::detail
