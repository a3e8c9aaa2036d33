// SPDX-License-Identifier: MIT
//
// The registers that the ABI says a function keeps (hazard 6), looked at from assembly, where no
// compiler can have saved them by luck; and vectors with their alignment (hazard 5).
#include <pirn/arch/context.hpp>

#include "arch/side.hpp"
#include "support/sanitizers.hpp"

#include <array>
#include <cstdint>

#include <gtest/gtest.h>

namespace {

#if defined(PIRN_CPU_X86_64)

// pirn_test_keeps(values, call, argument): loads the six callee-saved registers with values, calls, and
// counts the registers that have changed.
extern "C" int pirn_test_keeps(const std::uint64_t* values, void (*call)(void*), void* argument);

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
    pushq %rdi
    movq 0(%rdi), %rbx
    movq 8(%rdi), %rbp
    movq 16(%rdi), %r12
    movq 24(%rdi), %r13
    movq 32(%rdi), %r14
    movq 40(%rdi), %r15
    movq %rdx, %rdi
    call *%rsi
    popq %rdi
    xorl %eax, %eax
    cmpq 0(%rdi), %rbx
    je 1f
    incl %eax
1:  cmpq 8(%rdi), %rbp
    je 1f
    incl %eax
1:  cmpq 16(%rdi), %r12
    je 1f
    incl %eax
1:  cmpq 24(%rdi), %r13
    je 1f
    incl %eax
1:  cmpq 32(%rdi), %r14
    je 1f
    incl %eax
1:  cmpq 40(%rdi), %r15
    je 1f
    incl %eax
1:  popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret
    .size pirn_test_keeps, .-pirn_test_keeps
    .popsection
)");

constexpr std::array<std::uint64_t, 6> ours{0x1111, 0x2222, 0x3333, 0x4444, 0x5555, 0x6666};
constexpr std::array<std::uint64_t, 6> theirs{0xaaaa, 0xbbbb, 0xcccc, 0xdddd, 0xeeee, 0xffff};

TEST(registers, that_a_function_keeps_are_kept_over_a_million_switches) {
    constexpr int rounds = 500'000 / support::slowness;
    static int lost_there = 0;
    lost_there = 0;
    side one{[](pirn::arch::context* own) {
        side& self = side::arrived(own);
        for (;;) {
            lost_there += pirn_test_keeps(
                theirs.data(), [](void* it) { static_cast<side*>(it)->back(); }, &self);
        }
    }};
    int lost_here = 0;
    for (int i = 0; i < rounds; ++i) {
        lost_here +=
            pirn_test_keeps(ours.data(), [](void* it) { static_cast<side*>(it)->go(); }, &one);
    }
    EXPECT_EQ(lost_here, 0);
    EXPECT_EQ(lost_there, 0);
}

#endif

// As wide as the widest vector register; where the processor has no such registers, the compiler makes
// do with several. Local only: how they are passed depends on the compiler's options.
using wide [[gnu::vector_size(64)]] = double;

bool aligned = true;
bool kept = true;

template <class Switch>
PIRN_ALWAYS_INLINE void dance(double seed, int times, Switch change) {
    wide a{seed};
    wide b = a + 1.0;
    wide c = a + 2.0;
    wide d = a + 3.0;
    wide e = a + 4.0;
    wide f = a + 5.0;
    for (int i = 0; i < times; ++i) {
        alignas(64) double local[8] = {seed, 1, 2, 3, 4, 5, 6, 7};
        double* escaped = local;
        asm volatile("" : "+r"(escaped) : : "memory");
        aligned = aligned && reinterpret_cast<std::uintptr_t>(escaped) % 64 == 0;
        change();
        a += 1.0;
        b += 1.0;
        c += 1.0;
        d += 1.0;
        e += 1.0;
        f += 1.0;
        kept = kept && escaped[0] == seed && escaped[7] == 7;
    }
    for (int lane = 0; lane < 8; ++lane) {
        const double start = (lane == 0 ? seed : 0.0) + times;
        kept = kept && a[lane] == start && b[lane] == start + 1 && c[lane] == start + 2 &&
               d[lane] == start + 3 && e[lane] == start + 4 && f[lane] == start + 5;
    }
}

TEST(registers, that_hold_vectors_are_kept_and_their_spills_are_aligned) {
    constexpr int rounds = 100'000 / support::slowness;
    aligned = kept = true;
    side one{[](pirn::arch::context* own) {
        side& self = side::arrived(own);
        dance(1000, rounds, [&]() __attribute__((always_inline)) { self.back(); });
        for (;;) {
            self.back();
        }
    }};
    dance(1, rounds, [&]() __attribute__((always_inline)) { one.go(); });
    one.go();
    EXPECT_TRUE(aligned);
    EXPECT_TRUE(kept);
}

} // namespace
