// SPDX-License-Identifier: MIT
//
// The first frame of every coroutine on 32-bit ARM: where a fresh context begins to run. The essay in
// include/pirn/arch/arm_aapcs.hpp explains it.
#include <pirn/arch/context.hpp>

#if defined(PIRN_CPU_ARM) && !PIRN_CONTEXT_UCONTEXT

// r0 is the context, as the switch left it, and at the same time entry's first argument; r6 is the
// entry. `udf` is never reached; it is there because the return address must lie inside the function
// that the unwinder looks up. ARM code whatever the rest is: who calls it by its address need not care.
asm(R"(
    .pushsection .text
    .syntax unified
    .arm
    .globl pirn_arm_begin
    .type pirn_arm_begin, %function
    .balign 4
pirn_arm_begin:
    .fnstart
    .cantunwind
    .cfi_startproc
    .cfi_undefined lr
    adr lr, 1f
    bx r6
1:
    udf #0
    .cfi_endproc
    .fnend
    .size pirn_arm_begin, .-pirn_arm_begin
    .popsection
)");

#endif
