// SPDX-License-Identifier: MIT
//
// Memory from the kernel, by the page: what stacks are made of. Not for anything else; the rest of the
// library uses the heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pirn::os {

// page_size: bytes. Never suspends.
std::size_t page_size() noexcept;

// round_to_pages: the next multiple of the page size. Never suspends.
std::size_t round_to_pages(std::size_t bytes) noexcept;

// reserve_memory: zeroed, readable and writable pages which cost nothing until they are touched.
// `size` is a multiple of the page size. Empty when the kernel refuses. Never suspends.
std::span<std::byte> reserve_memory(std::size_t size) noexcept;

// guard_memory: makes whole pages inaccessible. Where the kernel can (Linux 6.13 and later) without
// splitting the mapping, so that neighbours stay one entry in the process's table of 65,530; else by
// mprotect. False when refused. Never suspends.
bool guard_memory(std::span<std::byte> pages) noexcept;

// release_memory: gives a whole reservation back. Never suspends.
void release_memory(std::span<std::byte> memory) noexcept;

} // namespace pirn::os
