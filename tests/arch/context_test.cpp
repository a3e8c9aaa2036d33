// SPDX-License-Identifier: MIT
//
// The contract of include/pirn/arch/context.hpp, kept by whichever switch was chosen.
#include <pirn/arch/context.hpp>

#include "arch/side.hpp"
#include "support/sanitizers.hpp"
#include "support/unwinding.hpp"

#include <algorithm>
#include <array>
#include <cfenv>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using pirn::arch::message;

// An entry has no captures: what it has to tell is left here.
struct told {
    pirn::arch::context* own = nullptr;
    std::uintptr_t frame = 0;
    std::vector<message> got;
    long sum = 0;
};
told heard;

class context : public testing::Test {
  protected:
    context() { heard = {}; }
};

TEST_F(context, calls_its_entry_with_its_own_address_on_its_own_stack) {
    // A function and no lambda: gcc -O0 calls the body of one from the pointer's function, and aligns the stack
    // no better than that body needs.
    struct stands {
        static void here(pirn::arch::context* own) {
            side& self = side::arrived(own);
            heard.own = own;
            heard.frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
            self.back();
        }
    };
    side one{&stands::here};
    one.go();
    EXPECT_EQ(heard.own, &one.context);
    const auto low = reinterpret_cast<std::uintptr_t>(one.stack().data());
    EXPECT_GT(heard.frame, low + one.stack().size() - 4096) << "at the high end";
    EXPECT_LE(heard.frame, low + one.stack().size()) << "equal where a frame is named by its end";
#if defined(PIRN_CPU_X86_64) && !PIRN_CONTEXT_UCONTEXT
    // rbp as the ABI wants it, below the return address: else movaps on a local would fault.
    EXPECT_EQ(heard.frame % 16, 0U);
#endif
}

TEST_F(context, says_how_far_down_a_waiting_side_needs_its_stack) {
    SKIP_WHEN(support::by_ucontext, "the portable switch does not tell");
    side one{[](pirn::arch::context* own) {
        side& self = side::arrived(own);
        volatile std::byte local[5000];
        local[0] = std::byte{7};
        heard.frame = reinterpret_cast<std::uintptr_t>(&local[0]);
        self.back();
        heard.sum = static_cast<long>(local[0]);
        self.back();
    }};
    one.go();
    const auto low_end = reinterpret_cast<std::uintptr_t>(pirn::arch::low_end(one.context));
    if (!support::under_address_sanitizer) { // which may keep locals elsewhere
        EXPECT_LE(low_end, heard.frame);
        EXPECT_GE(low_end, heard.frame - 1024);
    }
    const auto low = reinterpret_cast<std::uintptr_t>(one.stack().data());
    ASSERT_GT(low_end, low);
    // What is below is nobody's.
    std::fill_n(one.stack().data(), low_end - low, std::byte{0xff});
    one.go();
    EXPECT_EQ(heard.sum, 7);
}

TEST_F(context, carries_messages_both_ways) {
    side one{[](pirn::arch::context* own) {
        side& self = side::arrived(own);
        heard.got.push_back(self.back(message::finished));
        heard.got.push_back(self.back(message::proceed));
        self.back(message::unwind);
    }};
    EXPECT_EQ(one.go(message::unwind), message::finished);
    EXPECT_EQ(one.go(message::unwind), message::proceed);
    EXPECT_EQ(one.go(message::proceed), message::unwind);
    EXPECT_EQ(heard.got, (std::vector{message::unwind, message::proceed}));
}

TEST_F(context, knows_which_side_it_holds) {
    static bool while_running = true;
    side one{[](pirn::arch::context* own) {
        side& self = side::arrived(own);
        while_running = pirn::arch::holds_stack(*own, self.stack());
        self.back();
    }};
    EXPECT_TRUE(pirn::arch::holds_stack(one.context, one.stack())) << "fresh";
    one.go();
    EXPECT_FALSE(while_running);
    EXPECT_TRUE(pirn::arch::holds_stack(one.context, one.stack())) << "waiting";
}

TEST_F(context, touches_no_memory_before_it_runs) {
    SKIP_WHEN(support::by_ucontext, "makecontext writes the arguments to the new stack");
    support::raw_memory memory{4096};
    std::fill(memory.all().begin(), memory.all().end(), std::byte{0x3c});
    pirn::arch::context fresh;
    pirn::arch::prepare(fresh, memory.all(), [](pirn::arch::context*) {});
    for (const std::byte b : memory.all()) {
        ASSERT_EQ(b, std::byte{0x3c});
    }
}

TEST_F(context, keeps_the_red_zone_of_a_leaf_function) {
    side one{[](pirn::arch::context* own) {
        side& self = side::arrived(own);
        for (;;) {
            self.back();
        }
    }};
    // A leaf: nothing but arithmetic and the inlined switch. Its array lies below the stack pointer.
    struct leaf {
        PIRN_NOINLINE static long sum(side& other, long seed) {
            volatile long zone[12];
            for (long i = 0; i < 12; ++i) {
                zone[i] = seed * i;
            }
            static_cast<void>(pirn::arch::switch_to(other.context, message::proceed));
            long total = 0;
            for (long i = 0; i < 12; ++i) {
                total += zone[i];
            }
            return total;
        }
    };
    if constexpr (support::under_sanitizer) {
        GTEST_SKIP() << "an annotated switch is a call, and an unannotated one would confuse them";
    }
    for (long seed = 1; seed < 1000; ++seed) {
        ASSERT_EQ(leaf::sum(one, seed), seed * 66);
    }
}

TEST_F(context, keeps_what_a_function_keeps_over_a_million_switches) {
    // So many variables that each register holds one, and the frame the rest; both sides do it.
    struct juggler {
        std::array<std::uint64_t, 24> numbers;
        std::array<double, 24> fractions;
        explicit juggler(std::uint64_t seed) {
            for (std::size_t i = 0; i < 24; ++i) {
                numbers[i] = seed * (i + 1);
                fractions[i] = static_cast<double>(seed + i);
            }
        }
        PIRN_ALWAYS_INLINE void turn(std::uint64_t round) {
            for (std::size_t i = 0; i < 24; ++i) {
                numbers[i] = numbers[i] * 6364136223846793005U + round;
                fractions[i] = fractions[i] * 0.5 + static_cast<double>(round % 1024);
            }
        }
        bool operator==(const juggler&) const = default;
    };
    constexpr std::uint64_t rounds = 500'000 / support::slowness;
    static bool partner_kept = false;
    partner_kept = false;
    side one{[](pirn::arch::context* own) {
        side& self = side::arrived(own);
        juggler mine{77};
        juggler expected{77};
        for (std::uint64_t round = 0; round < rounds; ++round) {
            mine.turn(round);
            expected.turn(round);
            self.back();
        }
        partner_kept = mine == expected;
        self.back();
    }};
    juggler mine{11};
    for (std::uint64_t round = 0; round < rounds; ++round) {
        mine.turn(round);
        one.go();
    }
    one.go();
    juggler expected{11};
    for (std::uint64_t round = 0; round < rounds; ++round) {
        expected.turn(round);
    }
    EXPECT_EQ(mine, expected);
    EXPECT_TRUE(partner_kept);
}

TEST_F(context, leaves_the_rounding_mode_with_the_thread) {
    SKIP_WHEN(support::by_ucontext, "swapcontext keeps the floating-point environment");
    side one{[](pirn::arch::context* own) {
        side& self = side::arrived(own);
        std::fesetround(FE_UPWARD);
        self.back();
        std::fesetround(FE_TONEAREST);
        self.back();
    }};
    one.go();
    EXPECT_EQ(std::fegetround(), FE_UPWARD);
    one.go();
    EXPECT_EQ(std::fegetround(), FE_TONEAREST);
}

TEST_F(context, is_an_orderly_end_for_the_unwinder) {
    static _Unwind_Reason_Code reason = _URC_NO_REASON;
    static int frames = 0;
    side one{[](pirn::arch::context* own) {
        side& self = side::arrived(own);
        frames = 0;
        reason = _Unwind_Backtrace(
            [](_Unwind_Context*, void*) {
                return ++frames < 100 ? _URC_NO_REASON : support::stop_walking;
            },
            nullptr);
        self.back();
    }};
    one.go();
    EXPECT_GE(frames, PIRN_ARCH_EHABI ? 1 : 2)
        << "entry, and the root unless it ends the walk unseen";
    EXPECT_LT(frames, 10) << "it walked on into something";
    EXPECT_EQ(reason, support::end_of_stack);
}

TEST_F(context, may_be_switched_to_from_another_thread) {
    side one{[](pirn::arch::context* own) {
        side& self = side::arrived(own);
        for (;;) {
            ++heard.sum;
            self.back();
        }
    }};
    one.go();
    for (int i = 0; i < 10; ++i) {
        std::thread{[&] { one.go(); }}.join();
    }
    one.go();
    EXPECT_EQ(heard.sum, 12);
}

} // namespace
