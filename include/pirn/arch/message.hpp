// SPDX-License-Identifier: MIT
//
// What every implementation of the context switch has in common: the word that travels with a switch,
// and the shape of a coroutine's first function. The contract itself is context.hpp.
//
// This is not API. It is installed because resume and suspend are inlined into user code.
#pragma once

#include <cstdint>

namespace pirn::arch {

struct context;

// entry_function: the first function on a fresh stack. It never returns.
using entry_function = void (*)(context*);

// message: travels in a register. It saves both sides a look into memory for the rare news: a resumer
// learns that the coroutine has ended, a coroutine that it is to unwind.
enum class message : std::uintptr_t {
    proceed = 0,
    finished = 1, // to the resumer: the coroutine will never run again
    unwind = 2,   // to the coroutine: leave, running the destructors
};

} // namespace pirn::arch
