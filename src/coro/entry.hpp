// SPDX-License-Identifier: MIT
//
// The first function on a coroutine's stack, and how a suspended coroutine is made to leave it.
#pragma once

#include <pirn/coro/frame.hpp>

namespace pirn::detail {

// leave_for_good: the end of a coroutine, from its own stack, which is not needed any more.
[[noreturn]] void leave_for_good(frame& self);

// unwind: resumes a suspended coroutine so that it is unwound, and sees that it ends. Never suspends.
void unwind(frame& what) noexcept;

} // namespace pirn::detail
