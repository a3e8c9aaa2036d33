// SPDX-License-Identifier: MIT
//
// What valgrind's memcheck cannot see by itself, told by its client requests (<valgrind/valgrind.h>). Without the
// option PIRN_VALGRIND everything here is nothing. With it a program may still run without valgrind: a request
// is then a few rotations of a register that cancel each other out.
//
// memcheck follows the stack pointer: what it leaves behind is out of bounds, what it takes is undefined. A
// switch moves it from one stack to another, which is neither. memcheck only knows the difference if both stacks
// are registered; for others it guesses by the distance, and stacks that the kernel maps side by side are close
// enough to be mistaken for one large frame. So each coroutine's stack is registered, from before its body is placed
// until after it is destroyed, whoever provided the memory; the number stands on the stack itself, directly below
// the footing. The stacks of threads are known to valgrind.
//
// Limits of valgrind 3.19: docs/debugging.md.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

#if defined(PIRN_VALGRIND)
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>
#endif

namespace pirn::detail {

#if defined(PIRN_VALGRIND)

// stack_number_size: bytes between the footing and the body, for valgrind's number of the stack.
inline constexpr std::size_t stack_number_size = 16;

// stack_begins, stack_ends: a coroutine takes and leaves a stack, `high` being where its body may end. Before
// and after, its contents are undefined and accessible to whoever owns the memory. Never suspends.
inline void stack_begins(std::byte* low, std::byte* high) noexcept {
    if (high < low) {
        return; // too small for anything; whoever asks for it is refused
    }
    VALGRIND_MAKE_MEM_UNDEFINED(low, high - low);
    // With the byte at `high`: an empty stack's pointer is there.
    const unsigned number = VALGRIND_STACK_REGISTER(low, high);
    std::memcpy(high, &number, sizeof number);
}
inline void stack_ends(std::byte* low, std::byte* high) noexcept {
    if (high < low) {
        return;
    }
    unsigned number = 0;
    std::memcpy(&number, high, sizeof number);
    VALGRIND_STACK_DEREGISTER(number);
    VALGRIND_MAKE_MEM_UNDEFINED(low, high - low);
}

// memory_is_undefined: whatever is there is of no meaning, and may be written to. memory_is_defined: the kernel has
// written it, or is going to, by a call that valgrind does not know. Never suspends.
inline void memory_is_undefined(std::span<std::byte> memory) noexcept {
    VALGRIND_MAKE_MEM_UNDEFINED(memory.data(), memory.size());
}
inline void memory_is_defined(std::span<std::byte> memory) noexcept {
    VALGRIND_MAKE_MEM_DEFINED(memory.data(), memory.size());
}

// reading_dead_memory: while one lives, this thread reads stacks that are not in use, on purpose.
class reading_dead_memory {
  public:
    reading_dead_memory() noexcept { VALGRIND_DISABLE_ERROR_REPORTING; }
    ~reading_dead_memory() { VALGRIND_ENABLE_ERROR_REPORTING; }
    reading_dead_memory(const reading_dead_memory&) = delete;
    reading_dead_memory& operator=(const reading_dead_memory&) = delete;
};

#else

inline constexpr std::size_t stack_number_size = 0;
inline void stack_begins(std::byte*, std::byte*) noexcept {}
inline void stack_ends(std::byte*, std::byte*) noexcept {}
inline void memory_is_undefined(std::span<std::byte>) noexcept {}
inline void memory_is_defined(std::span<std::byte>) noexcept {}
struct [[maybe_unused]] reading_dead_memory {};

#endif

} // namespace pirn::detail
