// SPDX-License-Identifier: MIT
//
// What the sanitizers know about the two sides of one context: AddressSanitizer which stack is in use (it keeps a
// second, fake stack per stack), ThreadSanitizer which fiber runs (it keeps a history per fiber).
//
// Whether a sanitizer is there is known at run time: a program may be compiled for one and linked against a library
// that was not. So nothing that is inlined into user code differs between the two. src/arch/annotate.hpp tells the
// sanitizers about a switch.
//
// This is not API. It is installed because each coroutine's frame holds a note.
#pragma once

#include <cstddef>

namespace pirn::arch {

// fiber_note: begun by the first switch to the context, and only under a sanitizer.
struct fiber_note {
    // AddressSanitizer: the fake stack of the side that waits …
    void* fake_stack;
    // … and the bounds of the stack that the coroutine goes back to.
    const void* back_low;
    std::size_t back_size;
    // ThreadSanitizer: the coroutine's fiber, made when it first runs; the one to go on with, which is
    // another when a task was suspended from within a coroutine of its own; and the resumer's.
    void* fiber;
    void* waiting_fiber;
    void* back_fiber;
    // AddressSanitizer: a transfer has told where the coroutine goes back to, which is not where it came from.
    bool back_is_told;
};

} // namespace pirn::arch
