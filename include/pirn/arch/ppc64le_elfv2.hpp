// SPDX-License-Identifier: MIT
//
// The switch for 64-bit POWER, little-endian, under the ELFv2 ABI (Linux). An essay; the code is at the
// end. What all switches share (an exchange, a clobber list, nothing pushed, a jump that is no return) is
// told at more length in x86_64_sysv.hpp.
//
// ---- What has to be kept
//
// A function keeps r1, r2, r14 to r31, the condition fields cr2 to cr4, f14 to f31 and v20 to v31 (ELFv2
// ABI, section 2.2.1). All of them but four are named as overwritten; vs0 to vs63 are the names under
// which the floating-point and the vector registers are one row. What is left to us:
//
//   pc    where to go on
//   r1    the stack itself; no list of clobbers may name it
//   r2    the table of contents (TOC): through it code finds its data. Each shared object has its own,
//         and the coroutine may live in another one than its resumer
//   r30   clang's base pointer, in functions that have over-aligned and variable-sized locals at once
//   r31   the frame pointer, which gcc refuses in a clobber list where a function needs one
//
// lr and ctr are among the overwritten. r13, the thread pointer, is not touched.
//
// ---- The stack, fresh
//
// A function stores into the frame of its caller: its return address at r1 + 16, its condition fields at
// r1 + 8. So below the body there must be such a frame, though nobody has called. prepare() leaves the
// room and writes nothing: no page is touched until the coroutine runs.
//
//   high ┌────────────────────────┐
//        │ control block, callable│  the body, see coro/frame.hpp
//        ├────────────────────────┤
//        │ 24: TOC save word      │
//        │ 16: LR save word       │
//        │  8: CR save word       │
//        │  0: back chain         │
//        ├────────────────────────┤ ◄── stack_pointer, a multiple of 16
//        │                        │     resume_at = pirn_ppc64le_begin
//        │        (unused)        │     r30       = entry, which begin calls
//   low  └────────────────────────┘
//
// ---- The stack, running
//
// pirn_ppc64le_begin writes 0 as back chain, so that a walk along the chain ends here, puts an address
// inside itself into lr, as if it had called, and jumps to entry with entry's address in r12, from which
// a function computes its TOC. The description of begin says that its own return address is undefined:
// DWARF for "the end".
//
//        ├────────────────────────┤
//        │ frame of begin         │  back chain 0, LR save word: begin
//        │ frame of entry         │
//        │ frames of user code    │
//        │ frame that suspends    │ ◄── r1
//        │ 288 bytes, in use      │  the protected zone, which a leaf may use without moving r1
//
// ---- The stack, suspended
//
// Exactly the same. Nothing is pushed, so the protected zone stays intact.
//
// Between the change of r1 and the jump the thread stands on one stack with the code of another. Only a signal
// handler can see that; if it walks the stack, the description of the frame tells it that the stack ends.
//
// ---- Where am I, and the jump
//
// Before POWER10 no instruction names an address relative to its own. `bcl 20,31,` to the next instruction
// is the branch-and-link of which processors know that no return belongs to it; it leaves the address in
// lr. The jump is `bctr`, never `blr`, which would be predicted from the processor's stack of calls. It
// goes through r12, so that begin knows where it is without asking.
//
// ---- What is not kept
//
// FPSCR and VSCR: they stay with the thread, like MXCSR on x86-64.
//
// This is not API. It is installed because resume and suspend are inlined into user code.
#pragma once

#include <pirn/arch/message.hpp>
#include <pirn/base/config.hpp>
#include <pirn/base/export.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" PIRN_EXPORT void pirn_ppc64le_begin() noexcept;

namespace pirn::arch {

struct context {
    void* resume_at;
    void* stack_pointer;
    void* toc;
    void* r30;
    void* r31;
};

inline void prepare(context& fresh, std::span<std::byte> stack, entry_function entry) noexcept {
    constexpr std::size_t caller_frame = 32;
    fresh.resume_at = reinterpret_cast<void*>(&pirn_ppc64le_begin);
    fresh.stack_pointer = stack.data() + stack.size() - caller_frame;
    fresh.toc = nullptr; // entry computes its own
    fresh.r30 = reinterpret_cast<void*>(entry);
    fresh.r31 = nullptr;
}

inline bool holds_stack(const context& one, std::span<const std::byte> stack) noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(one.stack_pointer);
    const auto low = reinterpret_cast<std::uintptr_t>(stack.data());
    return at - low <= stack.size(); // one comparison: below `low` the difference wraps around
}

inline std::byte* low_end(const context& one) noexcept {
    constexpr std::size_t below =
        512; // what a leaf function and the system may use below it (ELFv2, section 2.2.2.4)
    return static_cast<std::byte*>(one.stack_pointer) - below;
}

// On the other stack and not yet in the other function: a signal handler that walks the stack now finds its
// end, and not what it would take for a return address. Nothing where the compiler describes no frames.
#if defined(__GCC_HAVE_DWARF2_CFI_ASM)
#define PIRN_PPC64LE_BETWEEN_STACKS ".cfi_remember_state\n\t.cfi_undefined lr\n\t"
#define PIRN_PPC64LE_ARRIVED ".cfi_restore_state\n"
#else
#define PIRN_PPC64LE_BETWEEN_STACKS
#define PIRN_PPC64LE_ARRIVED
#endif

PIRN_ALWAYS_INLINE message switch_to(context& other, message sent) noexcept {
    register context* address asm("r3") = &other;
    register message carried asm("r4") = sent;
    asm volatile("bcl 20, 31, 2f\n"
                 "2:\tmflr 5\n\t"
                 "addi 5, 5, 1f - 2b\n\t"
                 // Take out who waits in the context …
                 "ld 12, 0(3)\n\t"
                 "ld 6, 8(3)\n\t"
                 "ld 7, 16(3)\n\t"
                 "ld 8, 24(3)\n\t"
                 "ld 9, 32(3)\n\t"
                 "mtctr 12\n\t"
                 // … leave ourselves in there …
                 "std 5, 0(3)\n\t"
                 "std 1, 8(3)\n\t"
                 "std 2, 16(3)\n\t"
                 "std 30, 24(3)\n\t"
                 "std 31, 32(3)\n\t"
                 // … and become them. r3 and r4 arrive on the other side as they are here.
                 "mr 1, 6\n\t" PIRN_PPC64LE_BETWEEN_STACKS "mr 2, 7\n\t"
                 "mr 30, 8\n\t"
                 "mr 31, 9\n\t"
                 "bctr\n" PIRN_PPC64LE_ARRIVED "1:"
                 : "+r"(address), "+r"(carried)
                 :
                 : "r0", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r14", "r15", "r16",
                   "r17", "r18", "r19", "r20", "r21", "r22", "r23", "r24", "r25", "r26", "r27",
                   "r28", "r29", "lr", "ctr", "xer", "cr0", "cr1", "cr2", "cr3", "cr4", "cr5",
                   "cr6", "cr7", "vs0", "vs1", "vs2", "vs3", "vs4", "vs5", "vs6", "vs7", "vs8",
                   "vs9", "vs10", "vs11", "vs12", "vs13", "vs14", "vs15", "vs16", "vs17", "vs18",
                   "vs19", "vs20", "vs21", "vs22", "vs23", "vs24", "vs25", "vs26", "vs27", "vs28",
                   "vs29", "vs30", "vs31", "vs32", "vs33", "vs34", "vs35", "vs36", "vs37", "vs38",
                   "vs39", "vs40", "vs41", "vs42", "vs43", "vs44", "vs45", "vs46", "vs47", "vs48",
                   "vs49", "vs50", "vs51", "vs52", "vs53", "vs54", "vs55", "vs56", "vs57", "vs58",
                   "vs59", "vs60", "vs61", "vs62", "vs63", "memory");
    return carried;
}

} // namespace pirn::arch
