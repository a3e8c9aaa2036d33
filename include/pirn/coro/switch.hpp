// SPDX-License-Identifier: MIT
//
// Resume and suspend, below the types. The straight line is inlined into user code; everything that is
// out of the ordinary goes through one of the two slow functions:
//
//   resume_slowly    another resumer than last time, or at first than the creator · a thread's first ·
//                    exception state on either side · suspended from within a nested coroutine · every misuse
//   suspend_slowly   exception state of its own · called from a nested coroutine · every misuse
//   transfer_slowly  the same, and another resumer than ours was the other's last one
//
// In a straight switch the memory operations are: read the thread's state, the parent, the exception
// state, three words of context; write three words of context and `current`. Nothing else: with one
// store a cycle (Zen 4), each further one would be a measurable share. See docs/performance.md.
//
// Where a sanitizer's runtime is part of the program, all three are always taken: the words that the straight line asks
// for exception state then never say that there is none (see thread_state::exceptions). Only the slow functions
// tell the sanitizers of a switch, so a program with a sanitizer may use a library without. The order:
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

// What a resumer hears: `proceed`, the coroutine is suspended; or, so that neither costs a look into memory,
//
//   the address of a frame, plus one     that coroutine has ended
//   the address of an after_switch       a coroutine is suspended, and this is to be called
//
// It is mostly about the coroutine that was resumed, but not where that one put another in its place.
inline arch::message ended(const frame& which) noexcept {
    return static_cast<arch::message>(reinterpret_cast<std::uintptr_t>(&which) + 1);
}
inline bool has_ended(arch::message heard) noexcept {
    return (static_cast<std::uintptr_t>(heard) & 1) != 0;
}

// after_switch: a callable that stands on the stack of the coroutine which suspends with it. `call` takes it
// off that stack before it calls it: from then on, the coroutine may run, and end, elsewhere.
struct after_switch {
    void (*call)(after_switch& self);
};
inline arch::message to_be_called(after_switch& what) noexcept {
    return static_cast<arch::message>(reinterpret_cast<std::uintptr_t>(&what));
}

PIRN_EXPORT arch::message resume_slowly(frame& to, arch::message sent);
PIRN_EXPORT arch::message suspend_slowly(frame& from, arch::message sent);
PIRN_EXPORT arch::message transfer_slowly(frame& from, frame& to);
// listen: what a resumer does about what it heard, unless that was `proceed`. False when the coroutine that it
// had resumed is done. Rethrows what left the coroutine that has ended, and lets out what a call throws.
PIRN_EXPORT bool listen(frame& resumed, arch::message heard);
PIRN_EXPORT void check_canary(frame& from) noexcept;
[[noreturn]] PIRN_EXPORT PIRN_COLD void throw_unwinding(frame& self);

// resume: runs the coroutine until it suspends or has ended; see above for what it says.
PIRN_ALWAYS_INLINE arch::message resume(frame& to) {
    const thread_words here;
    if (PIRN_UNLIKELY(to.parent != here.current() || arch::eh_in_use(here.exceptions()))) {
        return resume_slowly(to, arch::message::proceed);
    }
    here.set_current(&to);
    return arch::switch_to(to.context, arch::message::proceed);
}

// suspend: back to the resumer, who hears `sent`. Returns when resumed; throws `unwinding` when destroyed
// instead.
PIRN_ALWAYS_INLINE void suspend(frame& self, arch::message sent = arch::message::proceed) {
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
        got = suspend_slowly(self, sent);
    } else {
        here.set_current(known->parent);
        got = arch::switch_to(known->context, sent);
    }
    if (PIRN_UNLIKELY(got == arch::message::unwind)) {
        throw_unwinding(self);
    }
}

// transfer: suspends, and `to` runs in our place. Returns and throws as suspend does. The straight way asks
// that the other one was last resumed by our own resumer, or is fresh and was created by it, which no
// coroutine can say that runs, is done, or waits with something out of the ordinary.
PIRN_ALWAYS_INLINE void transfer(frame& self, frame& to) {
#if PIRN_ASSERTIONS
    check_canary(self);
#endif
    const thread_words here;
    arch::message got;
    if (PIRN_UNLIKELY(here.current() != &self || to.parent != self.parent || &to == &self ||
                      arch::eh_in_use(here.exceptions()))) {
        got = transfer_slowly(self, to);
    } else {
        here.set_current(&to);
        got = arch::switch_between(self.context, to.context, arch::message::proceed);
    }
    if (PIRN_UNLIKELY(got == arch::message::unwind)) {
        throw_unwinding(self);
    }
}

} // namespace pirn::detail
