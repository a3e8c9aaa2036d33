// SPDX-License-Identifier: MIT
//
// The switch for x86-64 under the System V ABI (Linux). An essay; the code is at the end.
//
// ---- What has to be kept
//
// The ABI (System V AMD64 psABI, section 3.2.1) says that a function keeps rbx, rbp, rsp and r12 to
// r15. A switch that is a function therefore saves those seven. This one is not a function: it is
// inline assembly that declares every register but three as overwritten. The compiler then saves what
// is live at that very place, which in a loop around resume() is next to nothing, and keeps it in the
// frame where it would have spilled it anyway. The three that cannot be declared are ours to save:
//
//   rsp   the stack itself
//   rbp   the compiler may be using it as frame pointer, and then refuses it in a clobber list
//   rip   where to go on
//
// They are not pushed. Assembly that pushes, inlined into a leaf function, writes over the red zone
// (the 128 bytes below rsp that a leaf may use without moving rsp). They go into the context, which
// is the first 24 bytes of the coroutine's control block, and so also share one cache line.
//
// ---- The stack, fresh
//
// prepare() writes nothing to the stack: no page is touched until the coroutine runs.
//
//   high ┌────────────────────────┐
//        │ control block, callable│  the body, see coro/frame.hpp
//        ├────────────────────────┤ ◄── stack_pointer, a multiple of 16
//        │                        │     resume_at     = pirn_x86_64_begin
//        │        (unused)        │     frame_pointer = entry, which begin calls
//        │                        │
//   low  └────────────────────────┘
//
// ---- The stack, running
//
// pirn_x86_64_begin clears rbp, so that a walk along frame pointers ends here, pushes a return address
// into itself and jumps to entry: rsp is at 16n + 8, as the ABI asks at a function's first instruction.
// It is no `call`, because entry never returns, and a call would leave the processor's stack of return
// predictions one too deep for whoever resumed us. The unwinder finds the frame of `begin`, whose
// description says that its return address is undefined: DWARF for "the end" (psABI, section 3.7).
//
//        ├────────────────────────┤
//        │ return into begin      │
//        │ frame of entry         │
//        │ frames of user code    │
//        │ frame that suspends    │ ◄── rsp
//        │ red zone, in use       │
//
// ---- The stack, suspended
//
// Exactly the same. Nothing is pushed, so the red zone stays intact, and the context now holds the
// rsp, the rbp, and as rip the label behind the jump. The state in between cannot be seen by anybody
// but a signal handler. It finds a valid rsp on one stack or the other, and a description of the frame
// which says that the stack ends here.
//
// ---- The jump
//
// `jmp *rcx`, never `ret`: the processor predicts a return from its stack of calls, which knows the
// wrong coroutine; an indirect jump is predicted from its own history, which is right. `notrack`,
// because the label behind the jump carries no endbr64: under indirect branch tracking that prefix
// says that the target was not chosen by an attacker. Shadow stacks are not supported: the library's
// objects are kept from asking for them, see src/arch/shadow_stack.hpp.
//
// ---- What is not kept
//
// MXCSR and the x87 control word. Saving them costs more than the rest of the switch together; a
// coroutine that changes the rounding mode changes it for its thread, as a called function would.
//
// A translation unit compiled without AVX-512 that contains a function with
// __attribute__((target("avx512f"))) which suspends directly would keep zmm16 to zmm31 alive across
// the switch, because gcc refuses to name them in a clobber list there. Compile such a file with
// -mavx512f, or suspend in a function of its own.
//
// This is not API. It is installed because resume and suspend are inlined into user code.
#pragma once

#include <pirn/arch/message.hpp>
#include <pirn/base/config.hpp>
#include <pirn/base/export.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" PIRN_EXPORT void pirn_x86_64_begin() noexcept;

namespace pirn::arch {

struct context {
    void* resume_at;
    void* stack_pointer;
    void* frame_pointer;
};

inline void prepare(context& fresh, std::span<std::byte> stack, entry_function entry) noexcept {
    fresh.resume_at = reinterpret_cast<void*>(&pirn_x86_64_begin);
    fresh.stack_pointer = stack.data() + stack.size();
    fresh.frame_pointer = reinterpret_cast<void*>(entry);
}

inline bool holds_stack(const context& one, std::span<const std::byte> stack) noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(one.stack_pointer);
    const auto low = reinterpret_cast<std::uintptr_t>(stack.data());
    return at - low <= stack.size(); // one comparison: below `low` the difference wraps around
}

inline std::byte* low_end(const context& one) noexcept {
    constexpr std::size_t below = 128; // the red zone
    return static_cast<std::byte*>(one.stack_pointer) - below;
}

// Registers that exist only when this translation unit may use AVX-512.
#if defined(__AVX512F__)
#define PIRN_X86_64_AVX512_CLOBBERS                                                                \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",    \
        "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5",  \
        "k6", "k7"
#else
#define PIRN_X86_64_AVX512_CLOBBERS
#endif

// Between the change of rsp and the jump, the thread stands on one stack with the code of another, and the
// unwinder would look for a return address where there is none. A signal handler that walks the stack right
// there is told that it ends. Nothing where the compiler describes no frames at all.
#if defined(__GCC_HAVE_DWARF2_CFI_ASM)
#define PIRN_X86_64_STACK_ENDS ".cfi_remember_state\n\t.cfi_undefined rip\n\t"
#define PIRN_X86_64_STACK_IS_BACK "\n\t.cfi_restore_state\n\t"
#else
#define PIRN_X86_64_STACK_ENDS
#define PIRN_X86_64_STACK_IS_BACK "\n\t"
#endif

// Before LLVM 20, clang uses rbx as base pointer in functions with over-aligned and variable-sized
// locals, and silently ignores the clobber there (seen with 19: alignas(64) beside an alloca, and each alloca
// under AddressSanitizer). Those compilers save it on the suspended stack, below the red zone; the other side
// of the switch does not notice.
#if defined(__clang__) && __clang_major__ < 20
#define PIRN_X86_64_BEFORE PIRN_X86_64_STACK_ENDS "leaq -128(%%rsp), %%rsp\n\tpushq %%rbx\n\t"
#define PIRN_X86_64_IN_BETWEEN
#define PIRN_X86_64_AT_LABEL                                                                       \
    "\n1:\n\tpopq %%rbx\n\tleaq 128(%%rsp), %%rsp" PIRN_X86_64_STACK_IS_BACK
#define PIRN_X86_64_RBX_CLOBBER
#else
#define PIRN_X86_64_BEFORE
#define PIRN_X86_64_IN_BETWEEN PIRN_X86_64_STACK_ENDS
#define PIRN_X86_64_AT_LABEL PIRN_X86_64_STACK_IS_BACK "\n1:\n\t"
#define PIRN_X86_64_RBX_CLOBBER , "rbx"
#endif

// Everything but rsp and rbp, and the two registers that travel.
#define PIRN_X86_64_CLOBBERS                                                                       \
    "rax", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2",    \
        "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",         \
        "xmm13", "xmm14", "xmm15", "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7", "st",   \
        "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "cc",                       \
        "memory" PIRN_X86_64_RBX_CLOBBER PIRN_X86_64_AVX512_CLOBBERS

PIRN_ALWAYS_INLINE message switch_to(context& other, message sent) noexcept {
    context* address = &other;
    asm volatile(PIRN_X86_64_BEFORE
                 // Take out who waits in the context …
                 "leaq 1f(%%rip), %%rax\n\t"
                 "movq 0(%%rdi), %%rcx\n\t"
                 "movq 8(%%rdi), %%rdx\n\t"
                 "movq 16(%%rdi), %%r8\n\t"
                 // … leave ourselves in there …
                 "movq %%rax, 0(%%rdi)\n\t"
                 "movq %%rsp, 8(%%rdi)\n\t"
                 "movq %%rbp, 16(%%rdi)\n\t"
                 // … and become them. rdi and rsi arrive on the other side as they are here.
                 PIRN_X86_64_IN_BETWEEN "movq %%rdx, %%rsp\n\t"
                 "movq %%r8, %%rbp\n\t"
                 "notrack jmpq *%%rcx" PIRN_X86_64_AT_LABEL
                 : "+D"(address), "+S"(sent)
                 :
                 : "rdx", PIRN_X86_64_CLOBBERS);
    return sent;
}

#define PIRN_ARCH_HAS_SWITCH_BETWEEN 1
PIRN_ALWAYS_INLINE message switch_between(context& own, context& other, message sent) noexcept {
    context* address = &own;
    context* next = &other;
    asm volatile(PIRN_X86_64_BEFORE
                 // Take out who waits in the other context …
                 "leaq 1f(%%rip), %%rax\n\t"
                 "movq 0(%%rdx), %%rcx\n\t"
                 "movq 8(%%rdx), %%r8\n\t"
                 "movq 16(%%rdx), %%r9\n\t"
                 // … move there who waits in ours, leave ourselves in ours …
                 "movq 0(%%rdi), %%r10\n\t"
                 "movq 8(%%rdi), %%r11\n\t"
                 "movq 16(%%rdi), %%r12\n\t"
                 "movq %%r10, 0(%%rdx)\n\t"
                 "movq %%r11, 8(%%rdx)\n\t"
                 "movq %%r12, 16(%%rdx)\n\t"
                 "movq %%rax, 0(%%rdi)\n\t"
                 "movq %%rsp, 8(%%rdi)\n\t"
                 "movq %%rbp, 16(%%rdi)\n\t"
                 // … and become whom we took out.
                 PIRN_X86_64_IN_BETWEEN "movq %%r8, %%rsp\n\t"
                 "movq %%r9, %%rbp\n\t"
                 "notrack jmpq *%%rcx" PIRN_X86_64_AT_LABEL
                 : "+D"(address), "+S"(sent), "+d"(next)
                 :
                 : PIRN_X86_64_CLOBBERS);
    return sent;
}

#define PIRN_ARCH_HAS_DEPART 1
[[noreturn]] PIRN_ALWAYS_INLINE void depart(context& other, message sent) noexcept {
    asm volatile("movq 0(%0), %%rcx\n\t" PIRN_X86_64_STACK_ENDS "movq 8(%0), %%rsp\n\t"
                 "movq 16(%0), %%rbp\n\t"
                 "notrack jmpq *%%rcx" PIRN_X86_64_STACK_IS_BACK
                 :
                 : "D"(&other), "S"(sent)
                 : "rcx", "memory");
    __builtin_unreachable();
}

} // namespace pirn::arch
