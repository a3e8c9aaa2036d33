// SPDX-License-Identifier: MIT
//
// Whether a loop of calls that are answered at once leaves a turn to the other tasks of its thread.
#pragma once

#include <pirn/runtime/spawn.hpp>

#include <memory>
#include <system_error>

#include <gtest/gtest.h>

namespace support {

// expect_turns: another task of this thread runs during a few calls; the one that calls may have been asked to stop.
// Suspends.
template <class Call>
void expect_turns(const char* name, Call call) {
    constexpr int calls = 1000; // far more than a task may make in one turn
    const auto ran = std::make_shared<bool>(false);
    pirn::spawn([ran] { *ran = true; }).detach();
    for (int i = 0; i < calls && !*ran; ++i) call();
    EXPECT_TRUE(*ran) << name << " keeps the thread";
}

// expect_refused_turns: the same of a call that fills in an error, which each time is one. Suspends.
template <class Call>
void expect_refused_turns(const char* name, Call call) {
    expect_turns(name, [&] {
        std::error_code error;
        call(error);
        EXPECT_TRUE(error) << name;
    });
}

} // namespace support
