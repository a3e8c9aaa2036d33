// SPDX-License-Identifier: MIT
//
// The switch for 32-bit ARM under the AAPCS (Linux, EABI; ARM or Thumb-2 code, hard or soft float). An
// essay; the code is at the end. What all switches share (an exchange, a clobber list, nothing pushed, a
// jump that is no return) is told at more length in x86_64_sysv.hpp.
//
// ---- What has to be kept
//
// A function keeps r4 to r11, sp, and with hardware floating point d8 to d15 (AAPCS, section 6.1). The
// compiler is told that all but four are overwritten. What is left to us:
//
//   pc    where to go on
//   sp    the stack itself; no list of clobbers may name it
//   r7    the frame pointer in Thumb code, r11 in ARM code. gcc refuses whichever it uses, and a program
//   r11   may be made of both kinds: so both are kept, by everybody
//   r6    clang's base pointer, in functions that have over-aligned and variable-sized locals at once
//
// lr, the return address, is among the overwritten: a function that switches saves it like any other
// that calls. The thread pointer is in a coprocessor and is not touched.
//
// ---- Two instruction sets
//
// An address of code says in its lowest bit which kind of code it is: 1 for Thumb. `bx` looks at that bit
// and changes over. The address of a label lacks it, so Thumb code sets it before leaving itself in the
// context; a coroutine compiled as Thumb can be resumed from ARM code and the other way round.
//
// ---- The stack, fresh
//
// prepare() writes nothing to the stack: no page is touched until the coroutine runs.
//
//   high ┌────────────────────────┐
//        │ control block, callable│  the body, see coro/frame.hpp
//        ├────────────────────────┤ ◄── stack_pointer, a multiple of 8 as the ABI asks (of 16 in fact)
//        │                        │     resume_at = pirn_arm_begin, its lowest bit included
//        │        (unused)        │     r6        = entry, which begin calls
//        │                        │     r7, r11   = 0: a walk along frame pointers ends here
//   low  └────────────────────────┘
//
// ---- The stack, running
//
// pirn_arm_begin puts an address inside itself into lr, as if it had called, and jumps to entry. C++ on
// this processor does not unwind by DWARF but by the tables of the exception handling ABI (EHABI), one
// entry per function; the entry of begin is "cannot be unwound" (.cantunwind), and there the search for a
// handler ends in an orderly way. _Unwind_Backtrace reports that as _URC_FAILURE, since the EHABI knows
// no other end; a debugger reads DWARF, where the return address is undefined as on other processors.
//
//        ├────────────────────────┤
//        │ frame of entry         │  holds begin's address, and 0 as frame pointer
//        │ frames of user code    │
//        │ frame that suspends    │ ◄── sp
//
// ---- The stack, suspended
//
// Exactly the same: nothing is pushed.
//
// Between the change of sp and the jump the thread stands on one stack with the code of another. DWARF can say
// so, and does for a debugger. The EHABI cannot: its tables have one entry per function, which holds at every
// instruction of it, because they are made for exceptions, and those come out of calls. A signal handler that
// walks the stack right there takes, on this processor alone, something else for a return address, and the walk
// ends with whatever that is.
//
// ---- The instructions
//
// ldm and stm move several registers at once, lowest number first, so what leaves and what arrives is put
// into rows of registers in the order of the context's words. sp is moved by itself: Thumb-2 does not
// allow it in such a row. The jump is `bx r8`, never `bx lr`, which the processor predicts as a return.
//
// ---- What is not kept
//
// FPSCR: it stays with the thread, like MXCSR on x86-64. r9 is taken for an ordinary register, as Linux
// has it.
//
// clang refuses d16 to d31 in a clobber list where a processor with 16 of them is targeted, and does not
// tell how many there are: there they are named only together with NEON, which always has 32. A file for
// VFPv3 with 32 registers and without NEON is for gcc.
//
// This is not API. It is installed because resume and suspend are inlined into user code.
#pragma once

#include <pirn/arch/message.hpp>
#include <pirn/base/config.hpp>
#include <pirn/base/export.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" PIRN_EXPORT void pirn_arm_begin() noexcept;

namespace pirn::arch {

struct context {
    void* resume_at;
    void* stack_pointer;
    void* r6;
    void* r7;
    void* r11;
};

inline void prepare(context& fresh, std::span<std::byte> stack, entry_function entry) noexcept {
    fresh.resume_at = reinterpret_cast<void*>(&pirn_arm_begin);
    fresh.stack_pointer = stack.data() + stack.size();
    fresh.r6 = reinterpret_cast<void*>(entry);
    fresh.r7 = nullptr;
    fresh.r11 = nullptr;
}

inline bool holds_stack(const context& one, std::span<const std::byte> stack) noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(one.stack_pointer);
    const auto low = reinterpret_cast<std::uintptr_t>(stack.data());
    return at - low <= stack.size(); // one comparison: below `low` the difference wraps around
}

inline std::byte* low_end(const context& one) noexcept {
    return static_cast<std::byte*>(one.stack_pointer); // this ABI has no red zone
}

#if defined(__thumb__)
#define PIRN_ARM_ADDRESS_OF_LABEL "adr.w r2, 1f\n\torr r2, r2, #1\n\t"
#else
#define PIRN_ARM_ADDRESS_OF_LABEL "adr r2, 1f\n\t"
#endif

#if defined(__ARM_FP)
#define PIRN_ARM_FLOAT_CLOBBERS                                                                    \
    , "d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9", "d10", "d11", "d12", "d13",      \
        "d14", "d15"
#else
#define PIRN_ARM_FLOAT_CLOBBERS
#endif
#if defined(__ARM_NEON) || (defined(__ARM_FP) && !defined(__clang__))
#define PIRN_ARM_NEON_CLOBBERS                                                                     \
    , "d16", "d17", "d18", "d19", "d20", "d21", "d22", "d23", "d24", "d25", "d26", "d27", "d28",   \
        "d29", "d30", "d31"
#else
#define PIRN_ARM_NEON_CLOBBERS
#endif

// On the other stack and not yet in the other function: a debugger that stops here is told that the stack ends.
// Only where there is DWARF, that is with -g; the tables of the EHABI have nothing of the kind, see above.
#if defined(__GCC_HAVE_DWARF2_CFI_ASM)
#define PIRN_ARM_BETWEEN_STACKS ".cfi_remember_state\n\t.cfi_undefined lr\n\t"
#define PIRN_ARM_ARRIVED ".cfi_restore_state\n"
#else
#define PIRN_ARM_BETWEEN_STACKS
#define PIRN_ARM_ARRIVED
#endif

PIRN_ALWAYS_INLINE message switch_to(context& other, message sent) noexcept {
    register context* address asm("r0") = &other;
    register message carried asm("r1") = sent;
    asm volatile(PIRN_ARM_ADDRESS_OF_LABEL
                 "mov r3, sp\n\t"
                 // Take out who waits in the context …
                 "ldm r0, {r8, r9, r10, r12, lr}\n\t"
                 // … leave ourselves in there …
                 "stm r0, {r2, r3, r6, r7, r11}\n\t"
                 // … and become them. r0 and r1 arrive on the other side as they are here.
                 "mov sp, r9\n\t" PIRN_ARM_BETWEEN_STACKS "mov r6, r10\n\t"
                 "mov r7, r12\n\t"
                 "mov r11, lr\n\t"
                 "bx r8\n" PIRN_ARM_ARRIVED "1:"
                 : "+r"(address), "+r"(carried)
                 :
                 : "r2", "r3", "r4", "r5", "r8", "r9", "r10", "r12", "lr", "cc",
                   "memory" PIRN_ARM_FLOAT_CLOBBERS PIRN_ARM_NEON_CLOBBERS);
    return carried;
}

} // namespace pirn::arch
