// SPDX-License-Identifier: MIT
//
// A stack overflow becomes a sentence. The fault on a guard is caught by os/fault; this room knows
// what a stack is, but not whose: the coroutine room answers that through `identify_stack`.
//
// An unguarded stack has a canary at its low end instead. It is looked at after the fact.
#pragma once

#include <pirn/stack/stack.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <string_view>

namespace pirn::detail {

// stack_owner: who stands on a stack, for the report.
struct stack_owner {
    std::string_view name;
    std::source_location spawned_at;
    stack where;
};

// identify_stack: fills in who is running on this thread; false when no coroutine is.
// Async-signal-safe.
using identify_stack = bool (*)(stack_owner& found) noexcept;

// watch_for_overflow: makes faults on guards speak, on this thread. To be called before a thread runs
// its first coroutine. Cheap afterwards. Never suspends.
void watch_for_overflow(identify_stack who) noexcept;

// arm_canary, canary_alive: the word at the low end of an unguarded stack. Never suspends.
inline constexpr std::uint64_t canary = 0x7069726e5f656e64; // "pirn_end"
inline void arm_canary(const stack& where) noexcept {
    std::memcpy(where.memory.data(), &canary, sizeof canary);
}
inline bool canary_alive(const stack& where) noexcept {
    return std::memcmp(where.memory.data(), &canary, sizeof canary) == 0;
}

// report_overflow: the sentence, on stderr, without allocating and without buffering.
// Async-signal-safe. Never suspends.
void report_overflow(const stack_owner& who) noexcept;

} // namespace pirn::detail
