// SPDX-License-Identifier: MIT
//
// The tree of tasks on a signal.
#include <pirn/io/task_signal.hpp>

#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>

#include "support/account.hpp"

#include <chrono>
#include <csignal>
#include <string>

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace {

class task_signals : public support::balanced<> {};

TEST_F(task_signals, print_the_tree_each_time) {
    testing::internal::CaptureStderr();
    pirn::run([] {
        const pirn::io::task_signal shows{SIGUSR1};
        auto other = pirn::spawn({.name = "somebody"}, [] { pirn::sleep_for(1h); });
        for (int i = 0; i < 2; ++i) {
            pirn::sleep_for(1ms);
            ::raise(SIGUSR1);
            pirn::sleep_for(100ms);
        }
    });
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_EQ(said.find("3 tasks\n\"main\" #"), 0U) << said;
    EXPECT_NE(said.find("\"somebody\" #"), std::string::npos) << said;
    EXPECT_NE(said.find("3 tasks\n"), said.rfind("3 tasks\n")) << said;
}

} // namespace
