// SPDX-License-Identifier: MIT
//
// The stops of the tour. Each does its work, shows progress, and says what it measured and what it
// checked.
#pragma once

#include <string>

namespace tour {

struct finding {
    std::string measured;
    std::string checked;
    bool right;
};

// bounce: main resumes one coroutine 20 million times; each bounce counts.
finding bounce();

// million: a million coroutines with 4 KiB of stack each, resumed in turn; each keeps its own sum.
finding million();

// timers: ten thousand tasks sleep for random times; none wakes early, all wake in order.
finding timers();

// connections: a server process and a client process, 10,000 connections open at once, each of which
// sends numbered messages and compares every byte of the answers.
finding connections();

// progress: "  42 %" on a terminal, rewritten in place; nothing where there is none.
void progress(double share);

} // namespace tour
