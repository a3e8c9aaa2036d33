// SPDX-License-Identifier: MIT
//
// The switch by swapcontext(3): the fallback for processors without an essay of their own, and the
// reference against which the others are tested. Correct, portable, and slow: glibc saves the signal
// mask with a system call on each side.
//
// A context has two places that take turns. `held` names the one that holds the side that waits; the
// running side saves itself into the other, and that one becomes the held one:
//
//     held = 0   ┌─ places[0] ─┐  switch_to: swapcontext(save: places[1], go on: places[0])
//                └─ places[1] ─┘             held = 1
//
// so that nothing is copied: a ucontext_t points into itself.
//
// This is not API. It is installed because resume and suspend are inlined into user code.
#pragma once

#include <pirn/arch/message.hpp>
#include <pirn/base/config.hpp>
#include <pirn/base/export.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

#include <ucontext.h>

namespace pirn::arch {

struct context {
    ucontext_t places[2];
    entry_function entry;
    message sent;
    unsigned held; // 0 while the coroutine itself waits, 1 while its resumer does
};

PIRN_EXPORT void prepare(context& fresh, std::span<std::byte> stack, entry_function entry) noexcept;

inline bool holds_stack(const context& one, std::span<const std::byte>) noexcept {
    return one.held == 0;
}

// Where a processor keeps its stack pointer in a ucontext_t is known to nobody here.
inline std::byte* low_end(const context&) noexcept { return nullptr; }

PIRN_EXPORT message switch_to(context& other, message sent) noexcept;

} // namespace pirn::arch
