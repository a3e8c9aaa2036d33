// SPDX-License-Identifier: MIT
//
// The first frame of every coroutine on x86-64: where a fresh context begins to run. The essay in
// include/pirn/arch/x86_64_sysv.hpp explains it.
#include <pirn/arch/context.hpp>

#if defined(PIRN_CPU_X86_64) && !PIRN_CONTEXT_UCONTEXT

// Nobody comes here but by the switch's own jump, which is not tracked; endbr64 is for the day when the address
// goes through other hands, and for who reads the objects.
//
// rdi is the context, as the switch left it, and at the same time entry's first argument; rbp is the
// entry. `ud2` is never reached; it is there because the return address must lie inside the function
// that the unwinder looks up.
asm(R"(
    .pushsection .text
    .globl pirn_x86_64_begin
    .type pirn_x86_64_begin, @function
    .balign 16
pirn_x86_64_begin:
    .cfi_startproc
    .cfi_undefined rip
    endbr64
    movq %rbp, %rax
    xorl %ebp, %ebp
    leaq 1f(%rip), %rcx
    pushq %rcx
    .cfi_adjust_cfa_offset 8
    notrack jmp *%rax
1:
    ud2
    .cfi_endproc
    .size pirn_x86_64_begin, .-pirn_x86_64_begin
    .popsection
)");

#endif
