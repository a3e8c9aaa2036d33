// SPDX-License-Identifier: MIT
//
// The first frame of every coroutine on z/Architecture: where a fresh context begins to run. The essay in
// include/pirn/arch/s390x_elf.hpp explains it.
#include <pirn/arch/context.hpp>

#if defined(PIRN_CPU_S390X) && !PIRN_CONTEXT_UCONTEXT

// r2 is the context, as the switch left it, and at the same time entry's first argument; r13 is the
// entry. The halfword of zeros is no instruction, and never reached; it is there because the return
// address must lie inside the function that the unwinder looks up.
asm(R"(
    .pushsection .text
    .globl pirn_s390x_begin
    .type pirn_s390x_begin, @function
    .balign 16
pirn_s390x_begin:
    .cfi_startproc
    .cfi_undefined %r14
    xc 0(8,%r15), 0(%r15)
    larl %r14, 1f
    br %r13
1:
    .short 0
    .cfi_endproc
    .size pirn_s390x_begin, .-pirn_s390x_begin
    .popsection
)");

#endif
