// SPDX-License-Identifier: MIT
//
// hazard: 18. What is said where shadow stacks are on. That the library does not ask for them is shown by cet_test.py.
#include "arch/shadow_stack.hpp"

#include "support/misuse.hpp"

#include <gtest/gtest.h>

namespace {

TEST(shadow_stack, is_refused_with_its_remedy) {
    EXPECT_TRUE(support::complains([] { pirn::arch::refuse_shadow_stacks(0x70001000); },
                                   "shadow stacks are on", "shadow_stack_pointer"));
}

TEST(shadow_stack, is_no_matter_where_there_is_none) {
    pirn::arch::refuse_shadow_stacks(pirn::arch::shadow_stack_pointer());
}

} // namespace
