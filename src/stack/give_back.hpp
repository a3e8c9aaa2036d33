// SPDX-License-Identifier: MIT
//
// Giving back the touched pages of memory that holds nothing any more: for suspended coroutines (coro/reclaim) and
// before measuring. Not for memory of the caller's.
#pragma once

#include <cstddef>
#include <span>

namespace pirn::detail {

// whole_pages_of: what of `dead`, the low part of a stack, may be given back: whole pages, and the
// canary's not if there is one. Never suspends.
std::span<std::byte> whole_pages_of(std::span<std::byte> dead, bool has_canary) noexcept;

// give_back_touched: the touched pages of `areas`, each of them whole pages of private memory; sorts the areas.
// Few system calls where many areas are near each other, as in a slab. Bytes that were given back; what the
// kernel refuses (locked memory) does not count. Never suspends.
std::size_t give_back_touched(std::span<std::span<std::byte>> areas) noexcept;

// clear_unused: makes the unused part of a stack zero, and such that its pages count as never touched but for
// the lowest one of an unguarded stack and the one that the used part shares. False when the kernel refuses.
// Never suspends.
bool clear_unused(std::span<std::byte> unused) noexcept;

} // namespace pirn::detail
