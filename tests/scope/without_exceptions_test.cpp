// SPDX-License-Identifier: MIT
//
// Scopes, groups and blocking in a user's file that is compiled with -fno-exceptions -fno-rtti: see docs/exceptions.md.
#include "scope/without_exceptions.hpp"

#include "support/account.hpp"

#include <gtest/gtest.h>

namespace {

class without_exceptions : public support::balanced<> {};

TEST_F(without_exceptions, scopes_and_groups_work) {
    const scopes_seen seen = scopes_at_once();
    EXPECT_EQ(seen.sum, 1 + 2 + 4 + 8 + 16);
    EXPECT_EQ(seen.first, 2);
    EXPECT_EQ(seen.completed, 6);
    EXPECT_TRUE(seen.timed_out);
    EXPECT_TRUE(seen.in_time);
    EXPECT_TRUE(seen.scope_was_left);
    EXPECT_EQ(seen.blocking, 5);
    EXPECT_EQ(seen.selected, 7);
}

} // namespace
