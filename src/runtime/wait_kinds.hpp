// SPDX-License-Identifier: MIT
//
// What tasks wait for in this room, in words.
#pragma once

#include <pirn/loop/operation.hpp>
#include <pirn/sched/park.hpp>

namespace pirn::detail {

inline constexpr wait_kind for_another_thread{"another thread of the runtime"};

// kind_of: what an operation waits for. Never suspends.
const wait_kind& kind_of(const operation& what) noexcept;

} // namespace pirn::detail
