// SPDX-License-Identifier: MIT
//
// What valgrind's memcheck cannot see by itself. Not the requests, which are instructions: those are in valgrind.cpp.
//
// memcheck follows the stack pointer: memory that the pointer leaves behind becomes inaccessible, memory that it
// takes becomes undefined. A switch moves the pointer from one stack to another and does neither. memcheck knows the
// difference only if both stacks are registered. For others it guesses by the distance, and stacks that the
// kernel maps side by side are close enough to look like one large frame. So every coroutine's stack is registered,
// from before its body is placed until after the body is destroyed. The registration's number stands on the
// stack itself, directly below the footing. valgrind knows the stacks of threads without help.
//
// Every build can run under valgrind, so whether it does is known at run time only. Without valgrind each function
// here is a load and a comparison. A stack from a pool's shelf costs not even that, as no shelf is open under valgrind.
//
// Shared state: valgrind_presence_seen, written by each thread that finds it unknown, always with the same value.
//
// Limits of valgrind 3.19: docs/debugging.md.
#pragma once

#include <pirn/base/config.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pirn::detail {

enum class valgrind_presence : std::uint8_t { unknown, absent, present };
extern constinit std::atomic<valgrind_presence> valgrind_presence_seen;

// The parts of the functions below that are too long to be inline. Never suspend.
PIRN_COLD bool look_for_valgrind() noexcept;
PIRN_COLD void make_undefined(std::span<std::byte> memory) noexcept;
PIRN_COLD void make_defined(std::span<std::byte> memory) noexcept;
PIRN_COLD void switch_reports(bool on) noexcept;

// under_valgrind: whether the program runs under valgrind. Never suspends.
inline bool under_valgrind() noexcept {
    // relaxed: the value stands for itself, nothing else is published with it.
    const valgrind_presence seen = valgrind_presence_seen.load(std::memory_order_relaxed);
    return PIRN_UNLIKELY(seen != valgrind_presence::absent) && look_for_valgrind();
}

// valgrind_errors: how many errors valgrind has reported; 0 without valgrind. Never suspends.
std::size_t valgrind_errors() noexcept;

// stack_number_size: bytes between the footing and the body for the registration's number. Without valgrind there
// are none: hot words that lie 16 bytes lower cost a switch from deep calls a tenth.
inline constexpr std::size_t stack_number_size = 16; // keeps the alignment of a stack

// register_stack, deregister_stack: a coroutine takes and leaves a stack, on which its body ends at `high` or lower. The
// number is in the bytes from `high` on. Before and after, the contents are undefined and accessible. To be
// called under valgrind only. Never suspend.
PIRN_COLD void register_stack(std::byte* low, std::byte* high) noexcept;
PIRN_COLD void deregister_stack(std::byte* low, std::byte* high) noexcept;

// memory_is_undefined: the contents have no meaning any more, and may be written to. memory_is_defined: the kernel
// has written the contents, or is going to, by a call that valgrind does not know. Never suspend.
inline void memory_is_undefined(std::span<std::byte> memory) noexcept {
    if (under_valgrind()) {
        make_undefined(memory);
    }
}
inline void memory_is_defined(std::span<std::byte> memory) noexcept {
    if (under_valgrind()) {
        make_defined(memory);
    }
}

// reading_dead_memory: while one lives, this thread reads stacks that are not in use, on purpose. Neither its
// construction nor its end ever suspends.
class reading_dead_memory {
  public:
    reading_dead_memory() noexcept { switch_reports(false); }
    ~reading_dead_memory() { switch_reports(true); }
    reading_dead_memory(const reading_dead_memory&) = delete;
    reading_dead_memory& operator=(const reading_dead_memory&) = delete;
};

} // namespace pirn::detail
