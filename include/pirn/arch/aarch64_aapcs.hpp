// SPDX-License-Identifier: MIT
//
// The switch for 64-bit ARM under the AAPCS64 (Linux, little-endian). An essay; the code is at the end.
// What all switches share (an exchange, a clobber list, nothing pushed, a jump that is no return) is told
// at more length in x86_64_sysv.hpp.
//
// ---- What has to be kept
//
// A function keeps x19 to x28, x29 (the frame pointer), sp, and the low halves of v8 to v15 (AAPCS64,
// section 6.1). All of them but three are named as overwritten, so that the compiler keeps what is live
// and nothing else. Four words are left to us, and two pairs of two is what ldp and stp move at once:
//
//   pc    where to go on
//   sp    the stack itself; no list of clobbers may name it
//   x29   the frame pointer, which gcc refuses in a clobber list where a function needs one
//   x19   clang's base pointer, in functions that have over-aligned and variable-sized locals at once
//
// x30, the return address, is among the overwritten: a function that switches saves it like any other
// that calls.
//
// ---- The stack, fresh
//
// prepare() writes nothing to the stack: no page is touched until the coroutine runs.
//
//   high ┌────────────────────────┐
//        │ control block, callable│  the body, see coro/frame.hpp
//        ├────────────────────────┤ ◄── stack_pointer, a multiple of 16
//        │                        │     resume_at     = pirn_aarch64_begin
//        │        (unused)        │     frame_pointer = 0: a walk along frame records ends here
//        │                        │     x19           = entry, which begin calls
//   low  └────────────────────────┘
//
// ---- The stack, running
//
// pirn_aarch64_begin puts an address inside itself into x30, as if it had called, and jumps to entry.
// The processor requires sp to be a multiple of 16 at each access, and it is. Entry stores the pair
// (x29, x30), so the oldest frame record is (0, begin); and begin's description says that its own return
// address is undefined: DWARF for "the end".
//
//        ├────────────────────────┤
//        │ frame record: 0, begin │
//        │ frame of entry         │
//        │ frames of user code    │
//        │ frame that suspends    │ ◄── sp
//
// ---- The stack, suspended
//
// Exactly the same: nothing is pushed. (Linux has no red zone on this processor, so one could; but the
// context lies in the cache line that is needed anyway.)
//
// Between the change of sp and the jump the thread stands on one stack with the code of another. Only a signal
// handler can see that; if it walks the stack, the description of the frame tells it that the stack ends.
//
// ---- The jump, and who may be jumped to
//
// `br x16`, never `ret`: a return would be predicted from the processor's stack of calls, which knows the
// wrong coroutine. It is x16 for the sake of branch target identification (BTI). On a page that is
// guarded by it, what an indirect jump reaches must begin with a landing pad:
//
//   the label behind the jump      bti j, emitted only where the translation unit is compiled for BTI;
//                                  it is a hint, which older processors ignore
//   begin                          bti jc
//   entry, reached from begin      the compiler wrote bti c there, or paciasp, which implies it; a jump
//                                  may land on either if it goes through x16 or x17, and only then
//
// ---- Signed return addresses
//
// With pointer authentication (PAC) a function signs x30 with its own sp as modifier when it stores it,
// and checks it when it loads it again. The switch moves neither a frame nor a signed address, so what
// was signed on one stack is checked on the same stack at the same sp. The x30 that begin makes up is
// signed by entry, and never returned to. The resume_at in the context is not signed: who can overwrite
// a control block owns the stack next to it too.
//
// ---- Vectors
//
// Naming v0 to v31 names the whole of each register, however wide SVE makes it: the compilers know one
// register by all these names. The predicates p0 to p15 and ffr exist only where the translation unit may
// use SVE. A function with __attribute__((target("+sve"))) in a unit compiled without, and which
// suspends directly, would keep a predicate alive across the switch: compile such a file with SVE, or
// suspend in a function of its own.
//
// ---- What is not kept
//
// FPCR, the floating-point control register: it stays with the thread, like MXCSR on x86-64. x18 is
// named as overwritten; a program whose x18 points to a shadow call stack is not supported, nor are
// guarded control stacks (GCS).
//
// This is not API. It is installed because resume and suspend are inlined into user code.
#pragma once

#include <pirn/arch/message.hpp>
#include <pirn/base/config.hpp>
#include <pirn/base/export.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" PIRN_EXPORT void pirn_aarch64_begin() noexcept;

namespace pirn::arch {

struct context {
    void* resume_at;
    void* stack_pointer;
    void* frame_pointer;
    void* x19;
};

inline void prepare(context& fresh, std::span<std::byte> stack, entry_function entry) noexcept {
    fresh.resume_at = reinterpret_cast<void*>(&pirn_aarch64_begin);
    fresh.stack_pointer = stack.data() + stack.size();
    fresh.frame_pointer = nullptr;
    fresh.x19 = reinterpret_cast<void*>(entry);
}

inline bool holds_stack(const context& one, std::span<const std::byte> stack) noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(one.stack_pointer);
    const auto low = reinterpret_cast<std::uintptr_t>(stack.data());
    return at - low <= stack.size(); // one comparison: below `low` the difference wraps around
}

inline std::byte* low_end(const context& one) noexcept {
    return static_cast<std::byte*>(one.stack_pointer); // this ABI has no red zone
}

#if defined(__ARM_FEATURE_BTI_DEFAULT)
#define PIRN_AARCH64_LANDING "hint #36\n\t" // bti j, spelled so that any assembler knows it
#else
#define PIRN_AARCH64_LANDING
#endif

#if defined(__ARM_FEATURE_SVE)
#define PIRN_AARCH64_SVE_CLOBBERS                                                                  \
    , "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13",      \
        "p14", "p15", "ffr"
#else
#define PIRN_AARCH64_SVE_CLOBBERS
#endif

// On the other stack and not yet in the other function: a signal handler that walks the stack now finds its
// end, and not what it would take for a return address. Nothing where the compiler describes no frames.
#if defined(__GCC_HAVE_DWARF2_CFI_ASM)
#define PIRN_AARCH64_BETWEEN_STACKS ".cfi_remember_state\n\t.cfi_undefined x30\n\t"
#define PIRN_AARCH64_ARRIVED ".cfi_restore_state\n"
#else
#define PIRN_AARCH64_BETWEEN_STACKS
#define PIRN_AARCH64_ARRIVED
#endif

PIRN_ALWAYS_INLINE message switch_to(context& other, message sent) noexcept {
    register context* address asm("x0") = &other;
    register message carried asm("x1") = sent;
    asm volatile("adr x9, 1f\n\t"
                 "mov x10, sp\n\t"
                 // Take out who waits in the context …
                 "ldp x16, x11, [x0]\n\t"
                 "ldp x12, x13, [x0, #16]\n\t"
                 // … leave ourselves in there …
                 "stp x9, x10, [x0]\n\t"
                 "stp x29, x19, [x0, #16]\n\t"
                 // … and become them. x0 and x1 arrive on the other side as they are here.
                 "mov sp, x11\n\t" PIRN_AARCH64_BETWEEN_STACKS "mov x29, x12\n\t"
                 "mov x19, x13\n\t"
                 "br x16\n" PIRN_AARCH64_ARRIVED "1:\n\t" PIRN_AARCH64_LANDING
                 : "+r"(address), "+r"(carried)
                 :
                 : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
                   "x14", "x15", "x16", "x17", "x18", "x20", "x21", "x22", "x23", "x24", "x25",
                   "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8",
                   "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19",
                   "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30",
                   "v31", "cc", "memory" PIRN_AARCH64_SVE_CLOBBERS);
    return carried;
}

} // namespace pirn::arch
