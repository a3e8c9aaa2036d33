// SPDX-License-Identifier: MIT
//
// The first frame of every coroutine on 64-bit RISC-V: where a fresh context begins to run. The essay in
// include/pirn/arch/riscv64.hpp explains it.
#include <pirn/arch/context.hpp>

#if defined(PIRN_CPU_RISCV64) && !PIRN_CONTEXT_UCONTEXT

// a0 is the context, as the switch left it, and at the same time entry's first argument; s1 is the
// entry. `ebreak` is never reached; it is there because the return address must lie inside the function
// that the unwinder looks up.
asm(R"(
    .pushsection .text
    .globl pirn_riscv64_begin
    .type pirn_riscv64_begin, @function
    .balign 4
pirn_riscv64_begin:
    .cfi_startproc
    .cfi_undefined ra
    mv t2, s1
    lla ra, 1f
    jr t2
1:
    ebreak
    .cfi_endproc
    .size pirn_riscv64_begin, .-pirn_riscv64_begin
    .popsection
)");

#endif
