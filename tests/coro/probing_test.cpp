// SPDX-License-Identifier: MIT
//
// A frame that is larger than the guard (hazard 10). This file is compiled with -fstack-clash-protection, as
// the documentation advises who has such frames: the compiler then touches each page on the way down, and the
// guard is met however small it is.
#include <pirn/coro/coroutine.hpp>
#include <pirn/stack/sources.hpp>

#include "support/account.hpp"
#include "support/child.hpp"
#include "support/sanitizers.hpp"

#include <array>
#include <csignal>
#include <cstddef>

#include <gtest/gtest.h>

namespace {

constexpr std::size_t large = std::size_t{192} * 1024;

// Writes only at the far end of its frame.
PIRN_NOINLINE char step_far_down() {
    std::array<char, large> frame; // NOLINT: what is not touched is the point
    char* const far_end = frame.data();
    asm volatile("" : : "r"(far_end) : "memory");
    far_end[0] = 1;
    asm volatile("" : : "r"(far_end) : "memory");
    return far_end[0];
}

class probing : public support::balanced<> {};

TEST_F(probing, meets_a_small_guard_that_a_large_frame_would_step_over) {
    SKIP_WHEN(support::under_emulator,
              "gcc 12 probes no closer than 64 KiB for AArch64, and not at all "
              "for RISC-V");
    SKIP_WHEN(support::under_sanitizer,
              "the sanitizers write to large frames in an order of their own");
    pirn::mapped_stack_source source{4096};
    for (const std::size_t size : {std::size_t{16} * 1024, std::size_t{64} * 1024}) {
        const auto end = support::in_child([&] {
            pirn::coroutine<> steps{{.name = "steps", .stack_size = size, .stacks = &source},
                                    [] { step_far_down(); }};
            steps.resume();
        });
        EXPECT_TRUE(end.killed_by(SIGSEGV)) << end;
        EXPECT_TRUE(end.said("stack overflow in coroutine \"steps\"")) << end;
    }
}

TEST_F(probing, leaves_a_large_frame_alone_where_there_is_room) {
    pirn::mapped_stack_source source{4096};
    pirn::coroutine<void, void, char> steps{{.stack_size = 3 * large, .stacks = &source},
                                            [] { return step_far_down(); }};
    EXPECT_EQ(steps.finish(), 1);
}

} // namespace
