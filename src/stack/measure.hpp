// SPDX-License-Identifier: MIT
//
// Measuring stacks, for the room above: painting, and the account of what was measured.
//
// Shared state: measured_stacks, written by measure_stacks, read by whoever creates a coroutine.
#pragma once

#include <pirn/stack/usage.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pirn::detail {

enum class measuring : std::uint8_t { off, by_page, by_byte };
extern std::atomic<measuring> measured_stacks;

// stacks_are_measured: relaxed; whoever turns it on does not expect to catch what is created at that moment.
inline measuring stacks_are_measured() noexcept {
    return measured_stacks.load(std::memory_order_relaxed);
}

// can_be_measured_by_page: whether stack_usage_of would tell. Never suspends.
bool can_be_measured_by_page(const stack& which) noexcept;

// pages_are_fine_enough: the same, and the stack has so many pages that the answer says something.
// Never suspends.
bool pages_are_fine_enough(const stack& which) noexcept;

// paint: fills memory with the pattern. painted: from its low end on, the bytes that still have it. `memory` is
// aligned to 8 bytes. Never suspends.
void paint(std::span<std::byte> memory) noexcept;
std::size_t painted(std::span<const std::byte> memory) noexcept;

// record_stack: a coroutine has ended that was created there. Thread-safe. Never suspends.
void record_stack(std::string_view file, unsigned line, stack_usage used,
                  std::size_t stack_size) noexcept;

} // namespace pirn::detail
