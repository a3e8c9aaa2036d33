// SPDX-License-Identifier: MIT
//
// The switch by swapcontext(3): the fallback for processors without an essay of their own, and the
// reference against which the others are tested. Correct, portable, and slow: glibc saves the signal
// mask with a system call on each side.
//
// A ucontext_t points into itself and must not be copied. So a side that waits keeps its own on its own
// stack, in the frame of switch_to, and the context only points there. A fresh coroutine has no such frame
// yet; its first one stands in the context.
//
//     context ┌─────────┐        the stack of the side that waits
//             │ waiting ├──────► side { place, what was sent to it }
//             │ first   │
//             └─────────┘
//
// This is not API. It is installed because resume and suspend are inlined into user code.
#pragma once

#include <pirn/arch/message.hpp>
#include <pirn/base/config.hpp>
#include <pirn/base/export.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <ucontext.h>

namespace pirn::arch {

struct ucontext_side {
    ucontext_t place;
    message received;
};

struct context {
    ucontext_side* waiting;
    ucontext_side first;
    entry_function entry;
};

PIRN_EXPORT void prepare(context& fresh, std::span<std::byte> stack, entry_function entry) noexcept;

inline bool holds_stack(const context& one, std::span<const std::byte> stack) noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(one.waiting);
    const auto low = reinterpret_cast<std::uintptr_t>(stack.data());
    return one.waiting == &one.first || at - low <= stack.size();
}

// Where a processor keeps its stack pointer in a ucontext_t is known to nobody here.
inline std::byte* low_end(const context&) noexcept { return nullptr; }

PIRN_EXPORT message switch_to(context& other, message sent) noexcept;

#define PIRN_ARCH_HAS_SWITCH_BETWEEN 1
inline message switch_between(context& own, context& other, message sent) noexcept {
    std::swap(own.waiting, other.waiting);
    return switch_to(own, sent);
}

} // namespace pirn::arch
