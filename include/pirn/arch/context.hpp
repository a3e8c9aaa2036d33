// SPDX-License-Identifier: MIT
//
// The contract of a context switch, and the choice of who keeps it. One file per ABI; each is an essay
// that draws the stack before it names an instruction. To port pirn to another ABI, write that file.
//
// A `context` holds the side of a conversation that is not running. There is one per coroutine, and
// switching is an exchange: whoever runs goes in, whoever was in there goes on.
//
//        the resumer runs              the coroutine runs             the resumer runs
//        context: coroutine   ──────►  context: resumer    ──────►    context: coroutine
//                      switch_to(context)           switch_to(context)
//
// Each implementation provides, in namespace pirn::arch:
//
//   struct context
//       Plain data without a destructor. Stays where it is from prepare on.
//
//   void prepare(context& fresh, std::span<std::byte> stack, entry_function entry) noexcept
//       Makes `fresh` hold a side that, when first switched to, calls entry(&fresh) at the high end of
//       `stack`. The stack is aligned to 16 bytes at both ends. entry never returns. An unwinder that
//       walks up from entry finds an orderly end of the stack.
//
//   message switch_to(context& other, message sent)
//       The exchange. Returns when somebody exchanges again, with what they sent. Always inlined: an
//       out-of-line switch ends in a `ret` that the processor predicts wrongly, and that alone costs
//       more than all the rest. Keeps what the ABI calls callee-saved, but not the floating-point
//       control words (MXCSR, the x87 control word): those stay with the thread.
//
//   [[noreturn]] void depart(context& other, message sent)       optional, with PIRN_ARCH_HAS_DEPART
//       The last switch of a coroutine: like switch_to, but nothing of this side needs to be kept.
//
//   bool holds_stack(const context& one, std::span<const std::byte> stack)
//       Whether the side held in `one` stands on this memory. While a coroutine runs, its context holds
//       the resumer, which stands elsewhere: so "suspended or running" needs no flag that each switch
//       would have to write.
//
//   message switch_between(context& own, context& other, message sent)
//                                                          optional, with PIRN_ARCH_HAS_SWITCH_BETWEEN
//       From one coroutine, whose context holds its resumer, straight to the side that waits in the other
//       context: which then holds that resumer, and the own one us.
//
//                          own          other        running
//             before       resumer      other        we
//             after        we           resumer      other
//
//       If the other side is fresh, its entry is told the address of `own`, and not of its own context.
//       Without one of its own, an ABI is given one that changes the contents of the two and switches.
//
//   std::byte* low_end(const context& one)
//       The lowest byte that the side held in `one` has in use on its stack, a red zone included: what is
//       below may be overwritten or given back. Null where that is not known.
#pragma once

#include <pirn/base/config.hpp>

#if PIRN_CONTEXT_UCONTEXT
#include <pirn/arch/ucontext.hpp>
#elif defined(PIRN_CPU_X86_64)
#include <pirn/arch/x86_64_sysv.hpp>
#elif defined(PIRN_CPU_AARCH64)
#include <pirn/arch/aarch64_aapcs.hpp>
#elif defined(PIRN_CPU_RISCV64)
#include <pirn/arch/riscv64.hpp>
#elif defined(PIRN_CPU_ARM)
#include <pirn/arch/arm_aapcs.hpp>
#elif defined(PIRN_CPU_I386)
#include <pirn/arch/i386_sysv.hpp>
#elif defined(PIRN_CPU_PPC64LE)
#include <pirn/arch/ppc64le_elfv2.hpp>
#elif defined(PIRN_CPU_S390X)
#include <pirn/arch/s390x_elf.hpp>
#else
#error "pirn: no context switch for this ABI; configure with -DPIRN_CONTEXT=ucontext"
#endif

#ifndef PIRN_ARCH_HAS_SWITCH_BETWEEN
namespace pirn::arch {
PIRN_ALWAYS_INLINE message switch_between(context& own, context& other, message sent) noexcept {
    const context resumer = own;
    own = other;
    other = resumer;
    return switch_to(own, sent);
}
} // namespace pirn::arch
#endif

#ifndef PIRN_ARCH_HAS_DEPART
namespace pirn::arch {
[[noreturn]] PIRN_ALWAYS_INLINE void depart(context& other, message sent) noexcept {
    switch_to(other, sent);
    __builtin_unreachable(); // nobody has what it takes to come back
}
} // namespace pirn::arch
#endif
