// SPDX-License-Identifier: MIT
//
// What tasks wait for in this room, in words.
#pragma once

#include <pirn/sched/park.hpp>

namespace pirn::detail {

inline constexpr wait_kind for_another_thread{"another thread of the runtime"};

} // namespace pirn::detail
