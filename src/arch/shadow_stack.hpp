// SPDX-License-Identifier: MIT
//
// Shadow stacks (CET SHSTK): the processor keeps return addresses a second time, on a stack of its own, and faults
// when a return disagrees. The switches of this room change the one stack and not the other.
//
// What is done about it: the library's objects do not carry the property SHSTK (cmake/pirn_compile.cmake), and the
// linker and the loader turn shadow stacks on only for what carries it throughout. Who turns them on all the same is
// told so by refuse_shadow_stacks when a thread runs its first coroutine, instead of dying in the second.
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/base/config.hpp>

#include <cstdint>

namespace pirn::arch {

// shadow_stack_pointer: 0 where there is no shadow stack. On processors and kernels without them the
// instruction does nothing (Intel SDM, volume 2, RDSSPQ), and leaves the zero. Never suspends.
inline std::uintptr_t shadow_stack_pointer() noexcept {
    std::uintptr_t pointer = 0;
#if PIRN_CONTEXT_UCONTEXT
    // swapcontext(3) changes both.
#elif defined(PIRN_CPU_X86_64)
    asm volatile("rdsspq %0" : "+r"(pointer));
#elif defined(PIRN_CPU_I386)
    asm volatile("rdsspd %0" : "+r"(pointer));
#endif
    return pointer;
}

// refuse_shadow_stacks: ends the program with the remedy, unless the pointer is 0. Never suspends.
inline void refuse_shadow_stacks(std::uintptr_t pointer) {
    PIRN_REQUIRE(
        pointer == 0,
        "shadow stacks are on for this thread (CET SHSTK), and a switch of coroutines does not change them; "
        "turn them off for this program",
        {"shadow_stack_pointer", pointer});
}

} // namespace pirn::arch
