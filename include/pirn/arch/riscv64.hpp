// SPDX-License-Identifier: MIT
//
// The switch for 64-bit RISC-V under its ELF psABI (Linux; with and without the D and V extensions). An
// essay; the code is at the end. What all switches share (an exchange, a clobber list, nothing pushed, a
// jump that is no return) is told at more length in x86_64_sysv.hpp.
//
// ---- What has to be kept
//
// A function keeps sp, s0 to s11, and with hardware floating point fs0 to fs11 (psABI, "Integer Register
// Convention"). All of them but three are named as overwritten, so that the compiler keeps what is live
// and nothing else. What is left to us:
//
//   pc    where to go on
//   sp    the stack itself; no list of clobbers may name it
//   s0    the frame pointer, which gcc refuses in a clobber list where a function needs one
//   s1    clang's base pointer, in functions that have over-aligned and variable-sized locals at once
//
// gp and tp are not touched: they belong to the program and to the thread. ra, the return address, is
// among the overwritten: a function that switches saves it like any other that calls.
//
// ---- The stack, fresh
//
// prepare() writes nothing to the stack: no page is touched until the coroutine runs.
//
//   high ┌────────────────────────┐
//        │ control block, callable│  the body, see coro/frame.hpp
//        ├────────────────────────┤ ◄── stack_pointer, a multiple of 16
//        │                        │     resume_at     = pirn_riscv64_begin
//        │        (unused)        │     frame_pointer = 0: a walk along frame pointers ends here
//        │                        │     s1            = entry, which begin calls
//   low  └────────────────────────┘
//
// ---- The stack, running
//
// pirn_riscv64_begin puts an address inside itself into ra, as if it had called, and jumps to entry. Its
// description says that its own return address is undefined: DWARF for "the end".
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
// Between the change of sp and the jump the thread stands on one stack with the code of another. Only a signal
// handler can see that; if it walks the stack, the description of the frame tells it that the stack ends.
//
// ---- The jump
//
// RISC-V has no return instruction. A processor that predicts returns goes by the register: a jump
// through ra or t0 counts as a return (ISA manual, "Unconditional Jumps") and would be predicted from a
// stack of calls that knows the wrong coroutine. So the jump goes through another register, and of those
// t2: where landing pads are enforced (Zicfilp), a jump through t2 says that the target was not chosen
// by an attacker, and needs none. Shadow stacks (Zicfiss) are not supported.
//
// ---- What is not kept
//
// fcsr, rounding mode and flags: they stay with the thread, like MXCSR on x86-64.
//
// This is not API. It is installed because resume and suspend are inlined into user code.
#pragma once

#include <pirn/arch/message.hpp>
#include <pirn/base/config.hpp>
#include <pirn/base/export.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" PIRN_EXPORT void pirn_riscv64_begin() noexcept;

namespace pirn::arch {

struct context {
    void* resume_at;
    void* stack_pointer;
    void* frame_pointer;
    void* s1;
};

inline void prepare(context& fresh, std::span<std::byte> stack, entry_function entry) noexcept {
    fresh.resume_at = reinterpret_cast<void*>(&pirn_riscv64_begin);
    fresh.stack_pointer = stack.data() + stack.size();
    fresh.frame_pointer = nullptr;
    fresh.s1 = reinterpret_cast<void*>(entry);
}

inline bool holds_stack(const context& one, std::span<const std::byte> stack) noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(one.stack_pointer);
    const auto low = reinterpret_cast<std::uintptr_t>(stack.data());
    return at - low <= stack.size(); // one comparison: below `low` the difference wraps around
}

inline std::byte* low_end(const context& one) noexcept {
    return static_cast<std::byte*>(one.stack_pointer); // this ABI has no red zone
}

#if defined(__riscv_flen)
#define PIRN_RISCV64_FLOAT_CLOBBERS                                                                \
    , "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "ft8", "ft9", "ft10", "ft11", "fa0", \
        "fa1", "fa2", "fa3", "fa4", "fa5", "fa6", "fa7", "fs0", "fs1", "fs2", "fs3", "fs4", "fs5", \
        "fs6", "fs7", "fs8", "fs9", "fs10", "fs11"
#else
#define PIRN_RISCV64_FLOAT_CLOBBERS
#endif

#if defined(__riscv_vector)
#define PIRN_RISCV64_VECTOR_CLOBBERS                                                               \
    , "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13",      \
        "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", \
        "v27", "v28", "v29", "v30", "v31", "vl", "vtype"
#else
#define PIRN_RISCV64_VECTOR_CLOBBERS
#endif

// On the other stack and not yet in the other function: a signal handler that walks the stack now finds its
// end, and not what it would take for a return address. Nothing where the compiler describes no frames.
#if defined(__GCC_HAVE_DWARF2_CFI_ASM)
#define PIRN_RISCV64_BETWEEN_STACKS ".cfi_remember_state\n\t.cfi_undefined ra\n\t"
#define PIRN_RISCV64_ARRIVED ".cfi_restore_state\n"
#else
#define PIRN_RISCV64_BETWEEN_STACKS
#define PIRN_RISCV64_ARRIVED
#endif

PIRN_ALWAYS_INLINE message switch_to(context& other, message sent) noexcept {
    register context* address asm("a0") = &other;
    register message carried asm("a1") = sent;
    asm volatile("lla a2, 1f\n\t"
                 // Take out who waits in the context …
                 "ld t2, 0(a0)\n\t"
                 "ld a3, 8(a0)\n\t"
                 "ld a4, 16(a0)\n\t"
                 "ld a5, 24(a0)\n\t"
                 // … leave ourselves in there …
                 "sd a2, 0(a0)\n\t"
                 "sd sp, 8(a0)\n\t"
                 "sd s0, 16(a0)\n\t"
                 "sd s1, 24(a0)\n\t"
                 // … and become them. a0 and a1 arrive on the other side as they are here.
                 "mv sp, a3\n\t" PIRN_RISCV64_BETWEEN_STACKS "mv s0, a4\n\t"
                 "mv s1, a5\n\t"
                 "jr t2\n" PIRN_RISCV64_ARRIVED "1:"
                 : "+r"(address), "+r"(carried)
                 :
                 : "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a2", "a3", "a4", "a5", "a6",
                   "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11",
                   "memory" PIRN_RISCV64_FLOAT_CLOBBERS PIRN_RISCV64_VECTOR_CLOBBERS);
    return carried;
}

} // namespace pirn::arch
