// SPDX-License-Identifier: MIT
//
// What a function may expect of the machine, inside a coroutine as outside: jumps, rounding, alignment
// (hazards 4, 5 and 15). What the switch itself keeps is in the suites of arch. Compiled with
// _FORTIFY_SOURCE where there is optimisation: its longjmp looks whether the stack pointer is plausible.
#include <pirn/coro/coroutine.hpp>

#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <array>
#include <cfenv>
#include <csetjmp>
#include <cstdint>
#include <utility>
#include <vector>

#include <alloca.h>
#include <gtest/gtest.h>

namespace {

class machine : public support::on_each_stack {};
INSTANTIATE_TEST_SUITE_P(on, machine, support::every_stack_kind(), support::name_of);

// ---- Jumps

volatile bool never = false; // so that compilers do not reckon the jump to be the only way out

PIRN_NOINLINE void jump_from(std::jmp_buf& back, int depth) {
    volatile char frame[300];
    frame[0] = static_cast<char>(depth);
    if (never) {
        return;
    }
    if (depth == 0) {
        std::longjmp(back, 42); // NOLINT: this is what is tested
    }
    jump_from(back, depth - 1);
    frame[1] = frame[0];
}

// lands: 1, by way of a jump; suspended before it, so that others have run between the two.
PIRN_NOINLINE int lands(pirn::yielder<int>& self, int round) {
    std::jmp_buf back;
    if (setjmp(back) == 0) { // NOLINT: see above
        self.yield(round);
        jump_from(back, 10);
        return 0;
    }
    return 1;
}

TEST_P(machine, a_long_jump_within_a_coroutine_is_only_a_jump) {
    pirn::coroutine<int, void, int> jumps{stack(), [](auto& self) {
                                              int landed = 0;
                                              for (int i = 0; i < 100; ++i) {
                                                  landed += lands(self, i);
                                              }
                                              return landed;
                                          }};
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(jumps.next(), i);
    }
    EXPECT_EQ(jumps.finish(), 100);
}

TEST_P(machine, long_jumps_of_several_coroutines_do_not_meet) {
    std::vector<pirn::coroutine<int>> all;
    for (int id = 0; id < 4; ++id) {
        all.emplace_back(stack(), [id](auto& self) {
            const int landed = lands(self, id);
            self.yield(99 + landed + id);
        });
    }
    for (int id = 0; id < 4; ++id) {
        EXPECT_EQ(all[static_cast<std::size_t>(id)].next(), id);
    }
    for (const int id : {2, 0, 3, 1}) {
        EXPECT_EQ(all[static_cast<std::size_t>(id)].next(), 100 + id);
    }
}

// ---- Rounding

// Not constant, so that the machine divides and not the compiler.
PIRN_NOINLINE double third() {
    volatile double one = 1;
    volatile double three = 3;
    volatile double quotient = one / three; // stored: the x87 has more digits than a double
    return quotient;
}

constexpr double third_to_nearest = 0x1.5555555555555p-2;
constexpr double third_upward = 0x1.5555555555556p-2;

TEST_P(machine, the_rounding_is_the_threads_and_goes_from_one_coroutine_to_the_next) {
    SKIP_WHEN(support::under_valgrind, "valgrind does not round as the program asks");
    SKIP_WHEN(support::by_ucontext, "swapcontext keeps the floating-point environment");
    ASSERT_EQ(third(), third_to_nearest);
    pirn::coroutine<> sets{stack(), [](auto& self) {
                               std::fesetround(FE_UPWARD);
                               self.suspend();
                               std::fesetround(FE_TONEAREST);
                           }};
    pirn::coroutine<double> divides{stack(), [](auto& self) {
                                        for (;;) {
                                            self.yield(third());
                                        }
                                    }};
    EXPECT_EQ(divides.next(), third_to_nearest);
    sets.resume();
    EXPECT_EQ(divides.next(), third_upward) << "docs/semantics.md: it is not switched";
    EXPECT_EQ(third(), third_upward);
    sets.resume();
    EXPECT_EQ(divides.next(), third_to_nearest);
    EXPECT_EQ(third(), third_to_nearest);
}

TEST_P(machine, a_rounding_that_is_set_back_before_each_suspension_disturbs_nobody) {
    SKIP_WHEN(support::under_valgrind, "valgrind does not round as the program asks");
    pirn::coroutine<double> rounds_up{stack(), [](auto& self) {
                                          for (;;) {
                                              std::fesetround(FE_UPWARD);
                                              const double up = third();
                                              std::fesetround(FE_TONEAREST);
                                              self.yield(up);
                                          }
                                      }};
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(rounds_up.next(), third_upward);
        EXPECT_EQ(third(), third_to_nearest);
    }
}

// ---- Alignment

struct alignas(64) line {
    std::array<std::uint64_t, 8> words{};
};

// The address goes through here, so that the compiler cannot answer from what it expects.
PIRN_NOINLINE bool is_aligned(const void* place, std::size_t to) {
    const auto address = reinterpret_cast<std::uintptr_t>(place);
    return address % to == 0;
}

PIRN_NOINLINE bool aligned_at_each_depth(pirn::yielder<>& self, int depth, std::uint64_t seed) {
    line local;
    alignas(16) std::array<char, 16> small{};
    volatile char odd[13]; // the frames are of no even size
    odd[0] = static_cast<char>(seed);
    for (std::size_t i = 0; i < local.words.size(); ++i) {
        local.words[i] = seed + i;
    }
    const bool before = is_aligned(&local, 64) && is_aligned(&small, 16);
    self.suspend();
    bool kept = odd[0] == static_cast<char>(seed);
    for (std::size_t i = 0; i < local.words.size(); ++i) {
        kept = kept && local.words[i] == seed + i;
    }
    return before && kept && (depth == 0 || aligned_at_each_depth(self, depth - 1, seed * 3));
}

TEST_P(machine, variables_are_aligned_as_they_ask_at_every_depth) {
    pirn::coroutine<void, void, bool> one{
        stack(), [](auto& self) { return aligned_at_each_depth(self, 20, 1); }};
    pirn::coroutine<void, void, bool> other{
        stack(), [](auto& self) { return aligned_at_each_depth(self, 20, 1000); }};
    while (one.resume() && other.resume()) {
    }
    while (other.resume()) {
    }
    EXPECT_TRUE(one.result());
    EXPECT_TRUE(other.result());
}

// A function with both kinds of variables reaches them through a register of its own, the base pointer.
PIRN_NOINLINE bool keeps_its_base_pointer(pirn::yielder<>& self, std::size_t size) {
    line local;
    local.words[0] = size;
    auto* variable = static_cast<volatile char*>(alloca(size));
    variable[0] = 'a';
    const bool before = is_aligned(&local, 64);
    self.suspend();
    variable[size - 1] = variable[0];
    return before && is_aligned(&local, 64) && local.words[0] == size && variable[size - 1] == 'a';
}

TEST_P(machine, over_aligned_and_variable_sized_variables_go_together) {
    pirn::coroutine<void, void, bool> one{stack(), [](auto& self) {
                                              bool kept = true;
                                              for (std::size_t size = 1; size < 10'000; size *= 3) {
                                                  kept = keeps_its_base_pointer(self, size) && kept;
                                              }
                                              return kept;
                                          }};
    // The resumer uses the register for something else.
    while (one.resume()) {
        const std::vector<char> others(100);
        ASSERT_TRUE(is_aligned(others.data(), 1));
    }
    EXPECT_TRUE(one.result());
}

TEST_P(machine, callables_and_arguments_are_aligned_as_they_ask) {
    for (std::size_t size = 1; size < 5; ++size) {
        const std::vector<char> filler(size);
        pirn::coroutine<void, void, bool> one{
            stack(),
            [held = line{}, filler](auto& self, const line& first, char, const line& second) {
                self.suspend();
                return is_aligned(&held, 64) && is_aligned(&first, 64) && is_aligned(&second, 64);
            },
            line{}, 'x', line{}};
        one.resume();
        EXPECT_TRUE(one.finish());
    }
}

} // namespace
