// SPDX-License-Identifier: MIT
//
// For each ABI the function that loads all registers that a function keeps, calls, and tells what became of
// them. Assembly, because no compiler can have saved them by luck there.
#include "arch/keeps.hpp"

#if defined(PIRN_CPU_X86_64)

asm(R"(
    .pushsection .text
    .globl pirn_test_keeps
    .type pirn_test_keeps, @function
pirn_test_keeps:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rsi
    movq 0(%rdi), %rbx
    movq 8(%rdi), %rbp
    movq 16(%rdi), %r12
    movq 24(%rdi), %r13
    movq 32(%rdi), %r14
    movq 40(%rdi), %r15
    movq %rcx, %rdi
    call *%rdx
    popq %rsi
    movq %rbx, 0(%rsi)
    movq %rbp, 8(%rsi)
    movq %r12, 16(%rsi)
    movq %r13, 24(%rsi)
    movq %r14, 32(%rsi)
    movq %r15, 40(%rsi)
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret
    .size pirn_test_keeps, .-pirn_test_keeps
    .popsection
)");

#elif defined(PIRN_CPU_AARCH64)

// `hint #34` is bti c: it is called directly, but might be through a table.
asm(R"(
    .pushsection .text
    .globl pirn_test_keeps
    .type pirn_test_keeps, %function
    .balign 16
pirn_test_keeps:
    hint #34
    stp x29, x30, [sp, #-176]!
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    str x1, [sp, #160]
    ldp x19, x20, [x0]
    ldp x21, x22, [x0, #16]
    ldp x23, x24, [x0, #32]
    ldp x25, x26, [x0, #48]
    ldp x27, x28, [x0, #64]
    ldr x29, [x0, #80]
    ldp d8, d9, [x0, #88]
    ldp d10, d11, [x0, #104]
    ldp d12, d13, [x0, #120]
    ldp d14, d15, [x0, #136]
    mov x0, x3
    blr x2
    ldr x1, [sp, #160]
    stp x19, x20, [x1]
    stp x21, x22, [x1, #16]
    stp x23, x24, [x1, #32]
    stp x25, x26, [x1, #48]
    stp x27, x28, [x1, #64]
    str x29, [x1, #80]
    stp d8, d9, [x1, #88]
    stp d10, d11, [x1, #104]
    stp d12, d13, [x1, #120]
    stp d14, d15, [x1, #136]
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    ldp x29, x30, [sp], #176
    ret
    .size pirn_test_keeps, .-pirn_test_keeps
    .popsection
)");

#elif defined(PIRN_CPU_RISCV64)

asm(R"(
    .pushsection .text
    .globl pirn_test_keeps
    .type pirn_test_keeps, @function
    .balign 4
pirn_test_keeps:
    addi sp, sp, -208
    sd ra, 192(sp)
    sd a1, 200(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd s\n, \n * 8(sp)
    fsd fs\n, 96 + \n * 8(sp)
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ld s\n, \n * 8(a0)
    fld fs\n, 96 + \n * 8(a0)
    .endr
    mv a0, a3
    jalr a2
    ld a1, 200(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd s\n, \n * 8(a1)
    fsd fs\n, 96 + \n * 8(a1)
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ld s\n, \n * 8(sp)
    fld fs\n, 96 + \n * 8(sp)
    .endr
    ld ra, 192(sp)
    addi sp, sp, 208
    ret
    .size pirn_test_keeps, .-pirn_test_keeps
    .popsection
)");

#elif defined(PIRN_CPU_ARM)

asm(R"(
    .pushsection .text
    .syntax unified
    .arm
    .globl pirn_test_keeps
    .type pirn_test_keeps, %function
    .balign 4
pirn_test_keeps:
    .fnstart
    .cantunwind
    push {r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}
    vpush {d8, d9, d10, d11, d12, d13, d14, d15}
    push {r1, r2}
    ldr r4, [r0]
    ldr r5, [r0, #8]
    ldr r6, [r0, #16]
    ldr r7, [r0, #24]
    ldr r8, [r0, #32]
    ldr r9, [r0, #40]
    ldr r10, [r0, #48]
    ldr r11, [r0, #56]
    add r0, r0, #64
    vldmia r0, {d8, d9, d10, d11, d12, d13, d14, d15}
    mov r0, r3
    blx r2
    pop {r1, r2}
    str r4, [r1]
    str r5, [r1, #8]
    str r6, [r1, #16]
    str r7, [r1, #24]
    str r8, [r1, #32]
    str r9, [r1, #40]
    str r10, [r1, #48]
    str r11, [r1, #56]
    add r1, r1, #64
    vstmia r1, {d8, d9, d10, d11, d12, d13, d14, d15}
    vpop {d8, d9, d10, d11, d12, d13, d14, d15}
    pop {r3, r4, r5, r6, r7, r8, r9, r10, r11, pc}
    .fnend
    .size pirn_test_keeps, .-pirn_test_keeps
    .popsection
)");

#elif defined(PIRN_CPU_I386)

asm(R"(
    .pushsection .text
    .globl pirn_test_keeps
    .type pirn_test_keeps, @function
pirn_test_keeps:
    pushl %ebp
    pushl %ebx
    pushl %esi
    pushl %edi
    movl 20(%esp), %eax
    movl 28(%esp), %ecx
    movl 32(%esp), %edx
    movl 0(%eax), %ebx
    movl 8(%eax), %esi
    movl 16(%eax), %edi
    movl 24(%eax), %ebp
    subl $8, %esp
    pushl %edx
    call *%ecx
    addl $12, %esp
    movl 24(%esp), %eax
    movl %ebx, 0(%eax)
    movl %esi, 8(%eax)
    movl %edi, 16(%eax)
    movl %ebp, 24(%eax)
    popl %edi
    popl %esi
    popl %ebx
    popl %ebp
    ret
    .size pirn_test_keeps, .-pirn_test_keeps
    .popsection
)");

#elif defined(PIRN_CPU_PPC64LE)

// The condition fields are three of eight in one register; the mask takes them out.
asm(R"(
    .macro pirn_test_registers of, load_word, load_float, load_vector
    .irp n, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \load_word \n, (\n - 14) * 8(\of)
    \load_float \n, 144 + (\n - 14) * 8(\of)
    .endr
    .irp n, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    li 0, 288 + (\n - 20) * 16
    \load_vector \n, \of, 0
    .endr
    .endm

    .pushsection .text
    .globl pirn_test_keeps
    .type pirn_test_keeps, @function
    .balign 16
pirn_test_keeps:
    mflr 0
    std 0, 16(1)
    mfcr 0
    stw 0, 8(1)
    stdu 1, -544(1)
    std 2, 24(1)
    std 4, 512(1)
    addi 7, 1, 32
    pirn_test_registers 7, std, stfd, stvx
    lwz 0, 480(3)
    mtcrf 0x38, 0
    mr 12, 5
    mtctr 12
    mr 8, 3
    mr 3, 6
    pirn_test_registers 8, ld, lfd, lvx
    bctrl
    ld 2, 24(1)
    ld 4, 512(1)
    pirn_test_registers 4, std, stfd, stvx
    mfcr 0
    lis 7, 0x00ff
    ori 7, 7, 0xf000
    and 0, 0, 7
    lwz 8, 480(4)
    andc 8, 8, 7
    or 0, 0, 8
    stw 0, 480(4)
    addi 7, 1, 32
    pirn_test_registers 7, ld, lfd, lvx
    addi 1, 1, 544
    lwz 0, 8(1)
    mtcrf 0x38, 0
    ld 0, 16(1)
    mtlr 0
    blr
    .size pirn_test_keeps, .-pirn_test_keeps
    .popsection
)");

#elif defined(PIRN_CPU_S390X)

asm(R"(
    .pushsection .text
    .globl pirn_test_keeps
    .type pirn_test_keeps, @function
    .balign 16
pirn_test_keeps:
    stmg %r6, %r15, 48(%r15)
    aghi %r15, -240
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    std %f\n, 160 + (\n - 8) * 8(%r15)
    .endr
    stg %r3, 224(%r15)
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    ld %f\n, 64 + (\n - 8) * 8(%r2)
    .endr
    lmg %r6, %r13, 0(%r2)
    lgr %r2, %r5
    basr %r14, %r4
    lg %r3, 224(%r15)
    stmg %r6, %r13, 0(%r3)
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    std %f\n, 64 + (\n - 8) * 8(%r3)
    ld %f\n, 160 + (\n - 8) * 8(%r15)
    .endr
    lmg %r6, %r15, 288(%r15)
    br %r14
    .size pirn_test_keeps, .-pirn_test_keeps
    .popsection
)");

#endif
