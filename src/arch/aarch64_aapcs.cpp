// SPDX-License-Identifier: MIT
//
// The first frame of every coroutine on 64-bit ARM: where a fresh context begins to run. The essay in
// include/pirn/arch/aarch64_aapcs.hpp explains it.
#include <pirn/arch/context.hpp>

#if defined(PIRN_CPU_AARCH64) && !PIRN_CONTEXT_UCONTEXT

// x0 is the context, as the switch left it, and at the same time entry's first argument; x19 is the
// entry. `brk` is never reached; it is there because the return address must lie inside the function
// that the unwinder looks up. `hint #38` is bti jc.
asm(R"(
    .pushsection .text
    .globl pirn_aarch64_begin
    .type pirn_aarch64_begin, %function
    .balign 16
pirn_aarch64_begin:
    .cfi_startproc
    .cfi_undefined x30
    hint #38
    mov x16, x19
    adr x30, 1f
    br x16
1:
    brk #1
    .cfi_endproc
    .size pirn_aarch64_begin, .-pirn_aarch64_begin
    .popsection
)");

#endif
