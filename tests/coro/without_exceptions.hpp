// SPDX-License-Identifier: MIT
//
// What without_exceptions.cpp offers, which is compiled in several ways that know no exceptions, and called from
// tests that do. One table for each way.
#pragma once

#include <pirn/coro/coroutine.hpp>

#include <cstddef>

// Plain functions of the tests, called back from code without exceptions.
using callback = void (*)(pirn::yielder<int>& self);

struct without_exceptions {
    const char* name;

    // Creates, resumes, takes values and results, destroys what has ended: how many went as they should, of
    // all_that_works.
    int (*works)();

    // A coroutine whose frame and callable have destructors that count, and which then runs the callback.
    pirn::coroutine<int> (*keeps_and_calls)(int& frames_ended, int& callables_ended, callback then);

    // Resumes it, under a local variable that counts.
    bool (*resumes)(pirn::coroutine<int>& which, int& frames_ended);

    // Calls back from under a local variable that counts.
    void (*passes_on)(pirn::yielder<int>& self, int& frames_ended, callback then);

    // One that wants so much stack.
    void (*creates)(std::size_t stack_size, int& frames_ended);
};

inline constexpr int all_that_works = 8;

extern const without_exceptions compiled_no_exceptions;
extern const without_exceptions compiled_no_rtti;
extern const without_exceptions compiled_neither;
extern const without_exceptions compiled_no_tables;
