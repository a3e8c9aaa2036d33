// SPDX-License-Identifier: MIT
//
// What without_exceptions.cpp offers, which is compiled with neither exceptions nor run-time type information.
#pragma once

struct scopes_seen {
    int sum = 0;                 // of a group and of all
    int first = 0;               // of any and race
    int completed = 0;           // by as_completed
    bool timed_out = false;      // try_with_timeout has ended a sleep
    bool in_time = false;        // and not a function that returns
    bool scope_was_left = false; // a cancelled scope
    int blocking = 0;            // what a function on the pool returned
    int selected = 0;            // the value of a select
};

// scopes_at_once: every header of the room, used.
scopes_seen scopes_at_once();
