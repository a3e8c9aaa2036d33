// SPDX-License-Identifier: MIT
//
// The first frame of every coroutine on 32-bit x86: where a fresh context begins to run. The essay in
// include/pirn/arch/i386_sysv.hpp explains it.
#include <pirn/arch/context.hpp>

#if defined(PIRN_CPU_I386) && !PIRN_CONTEXT_UCONTEXT

// ecx is the context and ebx this function's own address, as the switch left them; esi is the entry.
// `ud2` is never reached; it is there because the return address must lie inside the function that the
// unwinder looks up.
asm(R"(
    .pushsection .text
    .globl pirn_i386_begin
    .type pirn_i386_begin, @function
    .balign 16
pirn_i386_begin:
    .cfi_startproc
    .cfi_undefined eip
    subl $12, %esp
    .cfi_adjust_cfa_offset 12
    pushl %ecx
    .cfi_adjust_cfa_offset 4
    leal (1f - pirn_i386_begin)(%ebx), %eax
    pushl %eax
    .cfi_adjust_cfa_offset 4
    notrack jmp *%esi
1:
    ud2
    .cfi_endproc
    .size pirn_i386_begin, .-pirn_i386_begin
    .popsection
)");

#endif
