// SPDX-License-Identifier: MIT
//
// The first function on a coroutine's stack, and how a suspended coroutine is made to leave it.
#pragma once

#include <pirn/coro/frame.hpp>

namespace pirn::detail {

// unwind: resumes a suspended coroutine so that it throws, and sees that it ends. Never suspends.
void unwind(frame& what) noexcept;

} // namespace pirn::detail
