// SPDX-License-Identifier: MIT
//
// Scheduler, runtime and sockets in a user's file that is compiled with -fno-exceptions -fno-rtti: see
// docs/exceptions.md.
#include "net/without_exceptions.hpp"

#include "support/account.hpp"

#include <gtest/gtest.h>

namespace {

class without_exceptions : public support::balanced<> {};

TEST_F(without_exceptions, errors_come_as_codes_and_tasks_return) {
    const runtime_seen seen = everything_at_once();
    EXPECT_EQ(seen.echoed, 5);
    EXPECT_EQ(seen.sum, 42);
    EXPECT_TRUE(seen.refused);
}

TEST_F(without_exceptions, a_task_that_is_asked_to_stop_leaves_and_passes_over_those_frames) {
    const runtime_seen seen = stops_a_task();
    EXPECT_TRUE(seen.stopped);
    EXPECT_EQ(seen.frames_ended, 0) << "compiled without exceptions";
}

} // namespace
