// SPDX-License-Identifier: MIT
//
// Resume and suspend, below the types. The straight line is inlined into user code; everything that is
// out of the ordinary goes through one of the two slow functions:
//
//   resume_slowly    another resumer than last time, or at first than the creator · a thread's first ·
//                    exception state on either side · suspended from within a nested coroutine · every misuse
//   suspend_slowly   exception state of its own · called from a nested coroutine · every misuse
//
// In a straight switch the memory operations are: read the thread's state, the parent, the exception
// state, three words of context; write three words of context and `current`. Nothing else: with one
// store a cycle (Zen 4), each further one would be a measurable share. See docs/performance.md.
//
// The order of annotations, for the sanitizers:
//
//   resumer:    annotate_resume ► switch …                                … ► annotate_resumed
//   coroutine:                    … ► annotate_arrived … annotate_leave ► switch
//
// This is not API. It is installed because resume and suspend are inlined into user code.
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/coro/frame.hpp>

namespace pirn::detail {

// unwinding: what destroying a suspended coroutine throws inside it. Deliberately not a
// std::exception, so that a handler for errors does not see it. Where the coroutine was suspended from
// within nested ones, it goes through all of them on its way to the one that is destroyed.
struct unwinding {
    const frame* target;
};

PIRN_EXPORT arch::message resume_slowly(frame& to, arch::message sent);
PIRN_EXPORT arch::message suspend_slowly(frame& from);
PIRN_EXPORT void check_canary(frame& from) noexcept;
[[noreturn]] PIRN_EXPORT PIRN_COLD void throw_unwinding(frame& self);

// leave_for: the resumer's half of a switch. leave_from: the coroutine's.
PIRN_ALWAYS_INLINE arch::message leave_for(frame& to, const stack& stands_on, arch::message sent) {
    void* fake_stack = arch::annotate_resume(to.note, stands_on.memory);
    const arch::message got = arch::switch_to(to.context, sent);
    arch::annotate_resumed(fake_stack);
    return got;
}

PIRN_ALWAYS_INLINE arch::message leave_from(frame& self) {
    arch::annotate_leave(self.note, false);
    const arch::message got = arch::switch_to(self.context, arch::message::proceed);
    arch::annotate_arrived(self.note);
    return got;
}

// resume: runs the coroutine until it suspends (proceed) or has ended (finished).
PIRN_ALWAYS_INLINE arch::message resume(frame& to) {
    const thread_words here;
    if (PIRN_UNLIKELY(to.parent != here.current() || arch::eh_in_use(here.exceptions()))) {
        return resume_slowly(to, arch::message::proceed);
    }
    here.set_current(&to);
    return leave_for(to, to.where(), arch::message::proceed);
}

// suspend: back to the resumer. Returns when resumed; throws `unwinding` when destroyed instead.
PIRN_ALWAYS_INLINE void suspend(frame& self) {
#if PIRN_ASSERTIONS
    check_canary(self);
#endif
    const thread_words here;
    frame* const running = here.current();
    // On the straight way the same as `self`, but known at once: the resumer has just written it, whereas
    // `self` may have to be fetched from a stack that nobody has touched for long. What the resumer does next
    // then waits for no memory, and the misses of many coroutines in turn overlap. The compiler, which
    // would see that the two are equal and take the other one, is told nothing.
    frame* known = running;
    asm("" : "+r"(known));
    arch::message got;
    if (PIRN_UNLIKELY(running != &self || arch::eh_in_use(here.exceptions()))) {
        got = suspend_slowly(self);
    } else {
        here.set_current(known->parent);
        got = leave_from(*known);
    }
    if (PIRN_UNLIKELY(got == arch::message::unwind)) {
        throw_unwinding(self);
    }
}

} // namespace pirn::detail
