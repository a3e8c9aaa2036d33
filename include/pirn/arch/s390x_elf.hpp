// SPDX-License-Identifier: MIT
//
// The switch for 64-bit z/Architecture under its ELF ABI (Linux, big-endian). An essay; the code is at the
// end. What all switches share (an exchange, a clobber list, nothing pushed, a jump that is no return) is
// told at more length in x86_64_sysv.hpp.
//
// ---- What has to be kept
//
// A function keeps r6 to r13, r15 and f8 to f15 (ELF ABI s390x supplement, section 1.2.2). r6 to r10 and all
// floating-point registers are named as overwritten. What is left to us:
//
//   pc    where to go on
//   r15   the stack itself; no list of clobbers may name it
//   r11   the frame pointer, which gcc refuses in a clobber list where a function needs one
//   r12   the address of the global offset table, where gcc wants it in a fixed register
//   r13   the address of the literal pool, where gcc wants that
//
// Four of the five are neighbours, and stmg stores a row of registers: with the place to go on in r14,
// where a return address would be, one instruction leaves us in the context.
//
// ---- The stack, fresh
//
// A function stores into the frame of its caller: the registers that it keeps, in an area of 160 bytes
// above r15. So below the body there must be such an area, though nobody has called. prepare() leaves the
// room and writes nothing: no page is touched until the coroutine runs.
//
//   high ┌────────────────────────┐
//        │ control block, callable│  the body, see coro/frame.hpp
//        ├────────────────────────┤
//        │ 160 bytes for entry to │
//        │ save registers in; the │
//        │ first 8: back chain    │
//        ├────────────────────────┤ ◄── stack_pointer, a multiple of 8 as the ABI asks (of 16 in fact)
//        │                        │     resume_at     = pirn_s390x_begin
//        │        (unused)        │     frame_pointer = 0
//        │                        │     r13           = entry, which begin calls
//   low  └────────────────────────┘
//
// ---- The stack, running
//
// pirn_s390x_begin writes 0 as back chain, so that a walk along the chain ends here (where programs are
// compiled to have one), puts an address inside itself into r14, as if it had called, and jumps to entry.
// Its description says that its own return address is undefined: DWARF for "the end".
//
//        ├────────────────────────┤
//        │ begin: back chain 0,   │
//        │ and entry's registers  │
//        │ frame of entry         │
//        │ frames of user code    │
//        │ frame that suspends    │ ◄── r15
//
// ---- The stack, suspended
//
// Exactly the same. Nothing is pushed; this ABI has no red zone below r15, but a leaf may be using the 160
// bytes above it.
//
// Between the change of r15 and the jump the thread stands on one stack with the code of another. Only a signal
// handler can see that; if it walks the stack, the description of the frame tells it that the stack ends.
//
// ---- The jump
//
// `br %r9`: the habit of returning through r14 is left to functions that return.
//
// ---- What is not kept
//
// The floating-point control register: it stays with the thread, like MXCSR on x86-64. The access
// registers a0 and a1 hold the thread pointer and are not touched.
//
// This is not API. It is installed because resume and suspend are inlined into user code.
#pragma once

#include <pirn/arch/message.hpp>
#include <pirn/base/config.hpp>
#include <pirn/base/export.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" PIRN_EXPORT void pirn_s390x_begin() noexcept;

namespace pirn::arch {

struct context {
    void* frame_pointer;
    void* r12;
    void* r13;
    void* resume_at;
    void* stack_pointer;
};

inline void prepare(context& fresh, std::span<std::byte> stack, entry_function entry) noexcept {
    constexpr std::size_t save_area = 160;
    fresh.frame_pointer = nullptr;
    fresh.r12 = nullptr; // entry finds its own
    fresh.r13 = reinterpret_cast<void*>(entry);
    fresh.resume_at = reinterpret_cast<void*>(&pirn_s390x_begin);
    fresh.stack_pointer = stack.data() + stack.size() - save_area;
}

inline bool holds_stack(const context& one, std::span<const std::byte> stack) noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(one.stack_pointer);
    const auto low = reinterpret_cast<std::uintptr_t>(stack.data());
    return at - low <= stack.size(); // one comparison: below `low` the difference wraps around
}

inline std::byte* low_end(const context& one) noexcept {
    return static_cast<std::byte*>(one.stack_pointer); // this ABI has no red zone
}

// Registers that exist only when this translation unit may use vectors; the first sixteen contain f0 to
// f15.
#if defined(__VX__)
#define PIRN_S390X_VECTOR_CLOBBERS                                                                 \
    , "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13",      \
        "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", \
        "v27", "v28", "v29", "v30", "v31"
#else
#define PIRN_S390X_VECTOR_CLOBBERS
#endif

// On the other stack and not yet in the other function: a signal handler that walks the stack now finds its
// end, and not what it would take for a return address. Nothing where the compiler describes no frames.
#if defined(__GCC_HAVE_DWARF2_CFI_ASM)
#define PIRN_S390X_BETWEEN_STACKS ".cfi_remember_state\n\t.cfi_undefined %%r14\n\t"
#define PIRN_S390X_ARRIVED ".cfi_restore_state\n"
#else
#define PIRN_S390X_BETWEEN_STACKS
#define PIRN_S390X_ARRIVED
#endif

PIRN_ALWAYS_INLINE message switch_to(context& other, message sent) noexcept {
    register context* address asm("r2") = &other;
    register message carried asm("r3") = sent;
    asm volatile("larl %%r14, 1f\n\t"
                 // Take out who waits in the context …
                 "lmg %%r6, %%r10, 0(%%r2)\n\t"
                 // … leave ourselves in there …
                 "stmg %%r11, %%r15, 0(%%r2)\n\t"
                 // … and become them. r2 and r3 arrive on the other side as they are here.
                 "lgr %%r15, %%r10\n\t" PIRN_S390X_BETWEEN_STACKS "lgr %%r11, %%r6\n\t"
                 "lgr %%r12, %%r7\n\t"
                 "lgr %%r13, %%r8\n\t"
                 "br %%r9\n" PIRN_S390X_ARRIVED "1:"
                 : "+r"(address), "+r"(carried)
                 :
                 : "r0", "r1", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r14", "f0", "f1", "f2",
                   "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12", "f13", "f14",
                   "f15", "cc", "memory" PIRN_S390X_VECTOR_CLOBBERS);
    return carried;
}

} // namespace pirn::arch
