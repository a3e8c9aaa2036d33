// SPDX-License-Identifier: MIT
//
// The first frame of every coroutine on 64-bit POWER: where a fresh context begins to run. The essay in
// include/pirn/arch/ppc64le_elfv2.hpp explains it.
#include <pirn/arch/context.hpp>

#if defined(PIRN_CPU_PPC64LE) && !PIRN_CONTEXT_UCONTEXT

// r3 is the context, as the switch left it, and at the same time entry's first argument; r12 is this
// function's own address and r30 the entry. `trap` is never reached; it is there because the return
// address must lie inside the function that the unwinder looks up.
asm(R"(
    .pushsection .text
    .globl pirn_ppc64le_begin
    .type pirn_ppc64le_begin, @function
    .balign 16
pirn_ppc64le_begin:
    .cfi_startproc
    .cfi_undefined lr
    li 0, 0
    std 0, 0(1)
    addi 5, 12, 1f - pirn_ppc64le_begin
    mtlr 5
    mr 12, 30
    mtctr 12
    bctr
1:
    trap
    .cfi_endproc
    .size pirn_ppc64le_begin, .-pirn_ppc64le_begin
    .popsection
)");

#endif
