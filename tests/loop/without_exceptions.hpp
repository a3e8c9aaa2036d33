// SPDX-License-Identifier: MIT
//
// What without_exceptions.cpp offers, which is compiled with neither exceptions nor run-time type information.
#pragma once

#include <pirn/loop/options.hpp>

#include <cstddef>

struct loop_seen {
    int timer = 1;
    int poll = 1;
    int cancelled = 1;
    int received = 1;
    std::size_t delivered = 0;
};

// operations_on_a_loop: a timer, a poll, one that is cancelled, and a byte received: their results.
loop_seen operations_on_a_loop(pirn::backend_kind backend);

// makes_a_loop: and nothing else, under a local variable that counts.
void makes_a_loop(pirn::backend_kind backend, int& frames_ended);
