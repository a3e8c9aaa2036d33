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

// guard_spacing: where the guards of a row of stacks stand. All in bytes, whole pages.
struct guard_spacing {
    std::size_t guard;  // the size of one guard
    std::size_t stride; // from the beginning of one to the beginning of the next
};

// guards_made: how far guard_row got.
struct guards_made {
    std::size_t guarded = 0; // so many from the first on
    std::size_t split = 0; // of them by splitting the mapping; to be handed to forget_split_guards
};

// guard_row: guards for `count` stacks at equal distances, the first one at `first`. 512 of them take one
// system call where the kernel has guards that do not split the mapping (Linux 6.13). Before that each
// splits it in three, and the row ends when such guards have used up three quarters of the table of
// mappings (vm.max_map_count), process-wide: the rest of the program wants mappings too.
// Thread-safe. Never suspends.
guards_made guard_row(std::byte* first, guard_spacing spacing, std::size_t count) noexcept;

// forget_split_guards: says that memory with so many of them was released. Thread-safe. Never suspends.
void forget_split_guards(std::size_t count) noexcept;

// give_back: the pages lose their contents and cost nothing until they are touched again; they are then
// zero. Guards stay. The spans are whole pages of private memory. One system call for 512 spans where the
// kernel can. False when the kernel refused one, as it does for locked memory. Never suspends.
bool give_back(std::span<const std::span<std::byte>> pages) noexcept;

// whole_pages: the part of `memory` that is whole pages, which may be nothing. Never suspends.
std::span<std::byte> whole_pages(std::span<std::byte> memory) noexcept;

// wipe_memory: makes it zero. The highest page and what is not a whole page are written; the pages below are
// given back, so that they are not touched for it. For private memory. Never suspends.
void wipe_memory(std::span<std::byte> memory) noexcept;

// forget_marks: AddressSanitizer's, of functions that never returned, and valgrind's, of those that have. Nothing
// in other builds. Never suspends.
void forget_marks(std::span<std::byte> memory) noexcept;

// zero_memory: makes it zero by writing; for memory that is not ours to give back. Never suspends.
void zero_memory(std::span<std::byte> memory) noexcept;

// is_resident: whether each page of whole pages is in memory, as those of a program that locks all that it maps are from
// the beginning. Never suspends.
bool is_resident(std::span<std::byte> pages) noexcept;

// release_memory: gives a whole reservation back. False when the kernel refuses, as it does where that would split a mapping
// and the process has as many as it may (vm.max_map_count): the address space is still there then and may be used
// again, the pages are gone. Never suspends.
[[nodiscard]] bool release_memory(std::span<std::byte> memory) noexcept;

// drop_memory: the same for memory that is not used again. What the kernel refuses now goes with a later call. Thread-safe.
// Never suspends.
void drop_memory(std::span<std::byte> memory) noexcept;

} // namespace pirn::os
