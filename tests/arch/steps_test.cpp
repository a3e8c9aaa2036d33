// SPDX-License-Identifier: MIT
//
// A signal at each instruction of a switch, by the processor's own single steps (hazard 13): whoever walks the
// stack there must come to an orderly end. Only x86 lets a program step itself; what the other processors'
// frames say is read by frames_test.py.
#include <pirn/arch/context.hpp>

#include "arch/side.hpp"
#include "support/sanitizers.hpp"
#include "support/unwinding.hpp"

#include <csignal>
#include <cstdint>

#include <gtest/gtest.h>
#include <sys/ucontext.h>

#if defined(PIRN_CPU_X86_64) || defined(PIRN_CPU_I386)

namespace {

constexpr greg_t trap_flag = 0x100; // in the flags register: trap after each instruction

struct steps {
    int walks = 0;
    int disorderly = 0; // walks that did not end at a root
    bool enough = false;
};
steps taken;

// At a root there is no address to go on at. A walk that loses its way has one, which is no function's.
void walk_and_step_on(int, siginfo_t*, void* interrupted) {
    struct walk {
        int frames = 0;
        std::uintptr_t last = 0;
    } found;
    const _Unwind_Reason_Code end = _Unwind_Backtrace(
        [](_Unwind_Context* at, void* out) {
            auto& walked = *static_cast<walk*>(out);
            walked.last = _Unwind_GetIP(at);
            return ++walked.frames < 100 ? _URC_NO_REASON : support::stop_walking;
        },
        &found);
    ++taken.walks;
    taken.disorderly += end == support::end_of_stack && found.last == 0 ? 0 : 1;
    greg_t& flags = static_cast<ucontext_t*>(interrupted)->uc_mcontext.gregs[REG_EFL];
    flags = taken.enough ? flags & ~trap_flag : flags | trap_flag;
}

TEST(steps, a_handler_may_walk_the_stack_at_each_instruction_of_a_switch) {
    SKIP_WHEN(support::under_sanitizer, "unwinding from a signal handler is not theirs to bear");
    SKIP_WHEN(support::under_valgrind, "valgrind's processor knows no single steps");
    static int arrivals = 0;
    arrivals = 0;
    side one{[](pirn::arch::context* own) {
        side& self = side::arrived(own);
        // What a walk finds here that has lost its way is no function, and not zero either.
        volatile std::uint64_t astray[256];
        for (volatile std::uint64_t& word : astray) {
            word = 0x3c3c;
        }
        for (;;) {
            ++arrivals;
            self.back();
        }
    }};
    taken = {};
    struct sigaction before{};
    struct sigaction action{};
    action.sa_sigaction = &walk_and_step_on;
    action.sa_flags = SA_SIGINFO;
    ::sigaction(SIGTRAP, &action, &before);
    std::raise(SIGTRAP); // from here on, after each instruction
    one.go();
    one.go();
    one.go();
    taken.enough = true;
    std::raise(SIGTRAP);
    ::sigaction(SIGTRAP, &before, nullptr);
    EXPECT_EQ(arrivals, 3);
    EXPECT_GT(taken.walks, 6 * 16) << "fewer than the switches have instructions";
    EXPECT_EQ(taken.disorderly, 0) << "of " << taken.walks;
}

} // namespace

#endif
