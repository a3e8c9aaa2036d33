// SPDX-License-Identifier: MIT
//
// What without_exceptions.cpp offers, which is compiled with neither exceptions nor run-time type information.
#pragma once

struct runtime_seen {
    int echoed = 0;       // bytes
    bool refused = false; // an error came as a code
    int sum = 0;          // of what tasks returned
    int frames_ended = 0; // of a task that was asked to stop
    bool stopped = false; // it has left
};

// everything_at_once: an echo over TCP, a refused connection, tasks that return.
runtime_seen everything_at_once();

// stops_a_task: that sleeps, under a local variable that counts.
runtime_seen stops_a_task();
