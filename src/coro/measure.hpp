// SPDX-License-Identifier: MIT
//
// Measuring how much of its stack a coroutine uses, for those that were created to be measured.
#pragma once

#include <pirn/coro/frame.hpp>
#include <pirn/stack/usage.hpp>

#include <optional>

namespace pirn::detail {

// begin_measuring: makes the unused part of a new coroutine's stack such that use can be told from it. After the
// canary was armed. Never suspends.
void begin_measuring(footing& ground, const std::byte* body, bool by_byte) noexcept;

// finish_measuring: the coroutine has ended; what it has used goes into the account. Never suspends.
void finish_measuring(const frame& ended) noexcept;

// stack_usage_of: of the coroutine's own stack, so far. Never suspends.
std::optional<stack_usage> stack_usage_of(const frame& of) noexcept;

// remember_use: keeps what a measured coroutine has used, because pages of its stack are about to be given back.
// Never suspends.
void remember_use(frame& of) noexcept;

} // namespace pirn::detail
