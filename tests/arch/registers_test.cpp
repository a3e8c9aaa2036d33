// SPDX-License-Identifier: MIT
//
// The registers that the ABI says a function keeps (hazard 6), looked at from assembly, where no
// compiler can have saved them by luck; and vectors with their alignment (hazard 5).
#include <pirn/arch/context.hpp>

#include "arch/keeps.hpp"
#include "arch/side.hpp"
#include "support/sanitizers.hpp"

#include <cstddef>
#include <cstdint>

#include <gtest/gtest.h>

namespace {

#if !defined(PIRN_CPU_OTHER)

// As many different values as there are registers.
register_values values_of(std::uint64_t seed) {
    register_values made{};
    for (std::size_t i = 0; i < kept_registers; ++i) {
        made.slots[i] = (seed + i) * 0x9e37'79b9'7f4a'7c15U;
    }
    return made;
}

// call_keeping: calls, and returns how many times (0 or 1) a register was lost.
int call_keeping(const register_values& values, void (*call)(void*), void* argument) {
    register_values after = values;
    pirn_test_keeps(&values, &after, call, argument);
    return after == values ? 0 : 1;
}

TEST(registers, are_looked_at_one_by_one) {
    // Else the next test could not fail.
    const register_values loaded = values_of(1);
    register_values found{};
    pirn_test_keeps(&loaded, &found, [](void*) {}, nullptr);
    for (std::size_t i = 0; i < kept_registers; ++i) {
        EXPECT_NE(found.slots[i], 0U) << "register " << i;
    }
}

TEST(registers, that_a_function_keeps_are_kept_over_a_million_switches) {
    constexpr int rounds = 500'000 / support::slowness;
    static const register_values theirs = values_of(1000);
    static int lost_there = 0;
    lost_there = 0;
    side one{[](pirn::arch::context* own) {
        side& self = side::arrived(own);
        for (;;) {
            lost_there +=
                call_keeping(theirs, [](void* it) { static_cast<side*>(it)->back(); }, &self);
        }
    }};
    const register_values ours = values_of(1);
    int lost_here = 0;
    for (int i = 0; i < rounds; ++i) {
        lost_here += call_keeping(ours, [](void* it) { static_cast<side*>(it)->go(); }, &one);
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
