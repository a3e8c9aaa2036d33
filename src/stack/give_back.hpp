// SPDX-License-Identifier: MIT
//
// Giving back the touched pages of memory that holds nothing any more: for wakeless stacks (coro/reclaim) and
// before measuring. Not for memory of the caller's.
#pragma once

#include <cstddef>
#include <span>

namespace pirn::detail {

// whole_pages_above_canary: what of `dead`, the low part of a stack, may be given back: whole pages, and the
// canary's not if there is one. Never suspends.
std::span<std::byte> whole_pages_of(std::span<std::byte> dead, bool has_canary) noexcept;

// give_back_touched: the touched pages of `areas`, each of them whole pages of private memory; sorts the areas.
// Few system calls where many areas are near each other, as in a slab. Bytes that were given back; what the
// kernel refuses (locked memory) does not count. Never suspends.
std::size_t give_back_touched(std::span<std::span<std::byte>> areas) noexcept;

} // namespace pirn::detail
