// SPDX-License-Identifier: MIT
//
// The switch for 32-bit x86 under the System V ABI (Linux). An essay; the code is at the end. What all
// switches share (an exchange, a clobber list, nothing pushed, a jump that is no return) is told at more
// length in x86_64_sysv.hpp.
//
// ---- What has to be kept
//
// A function keeps ebx, esi, edi, ebp and esp (System V i386 psABI, section 2.2.3). ebx and edi are named
// as overwritten; the compilers of today have no fixed register for the global offset table, they put its
// address where there is room, and ebx is as good as any. What is left to us:
//
//   eip   where to go on
//   esp   the stack itself; no list of clobbers may name it
//   ebp   the frame pointer, which gcc refuses in a clobber list where a function needs one
//   esi   clang's base pointer, in functions that have over-aligned and variable-sized locals at once
//
// ---- The stack, fresh
//
// prepare() writes nothing to the stack: no page is touched until the coroutine runs.
//
//   high ┌────────────────────────┐
//        │ control block, callable│  the body, see coro/frame.hpp
//        ├────────────────────────┤ ◄── stack_pointer, a multiple of 16
//        │                        │     resume_at     = pirn_i386_begin
//        │        (unused)        │     frame_pointer = 0: a walk along frame pointers ends here
//        │                        │     esi           = entry, which begin calls
//   low  └────────────────────────┘
//
// ---- The stack, running
//
// Arguments are passed on the stack. pirn_i386_begin puts the context's address there, pushes a return
// address into itself and jumps to entry. At a function's first instruction esp + 4 is to be a multiple
// of 16, hence the gap. The description of begin says that its own return address is undefined: DWARF
// for "the end".
//
//        ├────────────────────────┤ ◄── a multiple of 16
//        │ 12 bytes of nothing    │
//        │ address of the context │ ◄── a multiple of 16: entry's argument
//        │ return into begin      │
//        │ frame of entry         │  holds 0 as frame pointer
//        │ frames of user code    │
//        │ frame that suspends    │ ◄── esp
//
// ---- The stack, suspended
//
// Exactly the same: nothing stays pushed.
//
// ---- Where am I?
//
// This processor cannot name an address relative to its own. Code at a fixed place simply knows the
// label's. Position-independent code calls a function that hands back its return address. It does not call
// the next instruction and pop what that pushed, which would be shorter: between the two the stack is not as
// the unwinder has been told, and a signal handler that walks it right then would crash. The call may write
// below esp, because this ABI has no red zone.
//
// The jump is `jmp *ebx`, never `ret`. In begin, ebx still holds begin's own address: so it knows where
// it is without asking.
//
// ---- What is not kept
//
// MXCSR and the x87 control word, as on x86-64.
//
// This is not API. It is installed because resume and suspend are inlined into user code.
#pragma once

#include <pirn/arch/message.hpp>
#include <pirn/base/config.hpp>
#include <pirn/base/export.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" PIRN_EXPORT void pirn_i386_begin() noexcept;

namespace pirn::arch {

struct context {
    void* resume_at;
    void* stack_pointer;
    void* frame_pointer;
    void* esi;
};

inline void prepare(context& fresh, std::span<std::byte> stack, entry_function entry) noexcept {
    fresh.resume_at = reinterpret_cast<void*>(&pirn_i386_begin);
    fresh.stack_pointer = stack.data() + stack.size();
    fresh.frame_pointer = nullptr;
    fresh.esi = reinterpret_cast<void*>(entry);
}

inline bool holds_stack(const context& one, std::span<const std::byte> stack) noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(one.stack_pointer);
    const auto low = reinterpret_cast<std::uintptr_t>(stack.data());
    return at - low <= stack.size(); // one comparison: below `low` the difference wraps around
}

inline std::byte* low_end(const context& one) noexcept {
    return static_cast<std::byte*>(one.stack_pointer); // this ABI has no red zone
}

#if defined(__PIC__)
// pirn_i386_here, once per program or shared object: eax becomes the address behind the call.
asm(".ifndef pirn_i386_here\n"
    ".pushsection .text.pirn_i386_here, \"axG\", @progbits, pirn_i386_here, comdat\n"
    ".globl pirn_i386_here\n"
    ".hidden pirn_i386_here\n"
    ".type pirn_i386_here, @function\n"
    "pirn_i386_here:\n"
    ".cfi_startproc\n"
    "movl (%esp), %eax\n"
    "ret\n"
    ".cfi_endproc\n"
    ".size pirn_i386_here, .-pirn_i386_here\n"
    ".popsection\n"
    ".endif");
#define PIRN_I386_ADDRESS_OF_LABEL "call pirn_i386_here\n2:\taddl $(1f - 2b), %%eax\n\t"
#else
#define PIRN_I386_ADDRESS_OF_LABEL "movl $1f, %%eax\n\t"
#endif

// On the other stack and not yet in the other function: a signal handler that walks the stack now finds its
// end, and not what it would take for a return address.
#if defined(__GCC_HAVE_DWARF2_CFI_ASM)
#define PIRN_I386_BETWEEN_STACKS ".cfi_remember_state\n\t.cfi_undefined eip\n\t"
#define PIRN_I386_ARRIVED ".cfi_restore_state\n"
#else
#define PIRN_I386_BETWEEN_STACKS
#define PIRN_I386_ARRIVED
#endif

// Registers that exist only when this translation unit may use them.
#if defined(__MMX__)
#define PIRN_I386_MMX_CLOBBERS , "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7"
#else
#define PIRN_I386_MMX_CLOBBERS
#endif
#if defined(__SSE__)
#define PIRN_I386_SSE_CLOBBERS , "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7"
#else
#define PIRN_I386_SSE_CLOBBERS
#endif
#if defined(__AVX512F__)
#define PIRN_I386_AVX512_CLOBBERS , "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define PIRN_I386_AVX512_CLOBBERS
#endif

PIRN_ALWAYS_INLINE message switch_to(context& other, message sent) noexcept {
    context* address = &other;
    asm volatile(
        PIRN_I386_ADDRESS_OF_LABEL
        // Take out who waits in the context, leave ourselves in there, and become them: with so
        // few registers one after the other. ecx and edx arrive on the other side as they are
        // here.
        "movl 0(%%ecx), %%ebx\n\t"
        "movl %%eax, 0(%%ecx)\n\t"
        "movl 12(%%ecx), %%eax\n\t"
        "movl %%esi, 12(%%ecx)\n\t"
        "movl %%eax, %%esi\n\t"
        "movl 4(%%ecx), %%edi\n\t"
        "movl 8(%%ecx), %%eax\n\t"
        "movl %%esp, 4(%%ecx)\n\t"
        "movl %%ebp, 8(%%ecx)\n\t"
        "movl %%edi, %%esp\n\t" PIRN_I386_BETWEEN_STACKS "movl %%eax, %%ebp\n\t"
        "notrack jmp *%%ebx\n" PIRN_I386_ARRIVED "1:"
        : "+c"(address), "+d"(sent)
        :
        : "eax", "ebx", "edi", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)",
          "cc", "memory" PIRN_I386_MMX_CLOBBERS PIRN_I386_SSE_CLOBBERS PIRN_I386_AVX512_CLOBBERS);
    return sent;
}

} // namespace pirn::arch
