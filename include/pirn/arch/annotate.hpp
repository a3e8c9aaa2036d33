// SPDX-License-Identifier: MIT
//
// Telling the sanitizers about a switch: AddressSanitizer which stack is now in use (it keeps a second,
// fake stack per stack), ThreadSanitizer which fiber runs (it keeps a history per fiber). Empty in
// other builds. The calls are those of <sanitizer/common_interface_defs.h> and
// <sanitizer/tsan_interface.h>; the order in which they must come is drawn in coro/switch.hpp.
//
// This is not API. It is installed because resume and suspend are inlined into user code.
#pragma once

#include <pirn/base/config.hpp>

#include <cstddef>
#include <span>

#if defined(PIRN_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(PIRN_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace pirn::arch {

// fiber_note: what the sanitizers know about the two sides of one context. Present in every build, so
// that the layout does not depend on how a translation unit was compiled.
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

// Called when the coroutine is created.
PIRN_ALWAYS_INLINE void annotate_create(fiber_note& note) noexcept {
#if defined(PIRN_ASAN) || defined(PIRN_TSAN)
    note = {};
#endif
    static_cast<void>(note);
}

// Called by the resumer: before its switch (with the stack that it switches to), and after.
PIRN_ALWAYS_INLINE void* annotate_resume(fiber_note& note, std::span<const std::byte> to) noexcept {
    void* own_fake_stack = nullptr;
#if defined(PIRN_ASAN)
    __sanitizer_start_switch_fiber(&own_fake_stack, to.data(), to.size());
#endif
#if defined(PIRN_TSAN)
    note.back_fiber = __tsan_get_current_fiber();
    if (note.fiber == nullptr) {
        note.fiber = note.waiting_fiber = __tsan_create_fiber(0);
    }
    __tsan_switch_to_fiber(note.waiting_fiber, 0);
#endif
    static_cast<void>(note);
    static_cast<void>(to);
    return own_fake_stack;
}

PIRN_ALWAYS_INLINE void annotate_resumed(void* own_fake_stack) noexcept {
#if defined(PIRN_ASAN)
    __sanitizer_finish_switch_fiber(own_fake_stack, nullptr, nullptr);
#endif
    static_cast<void>(own_fake_stack);
}

// Called by the coroutine: when it arrives on its stack, for the first time and after each suspend …
PIRN_ALWAYS_INLINE void annotate_arrived(fiber_note& note) noexcept {
#if defined(PIRN_ASAN)
    const bool told = note.back_is_told;
    note.back_is_told = false;
    __sanitizer_finish_switch_fiber(note.fake_stack, told ? nullptr : &note.back_low,
                                    told ? nullptr : &note.back_size);
#endif
    static_cast<void>(note);
}

// … and before it leaves. The last time, its fake stack is given up.
PIRN_ALWAYS_INLINE void annotate_leave(fiber_note& note, bool for_good) noexcept {
#if defined(PIRN_ASAN)
    if (for_good) {
        __asan_handle_no_return(); // nothing of this stack will be left by returning
    }
    __sanitizer_start_switch_fiber(for_good ? nullptr : &note.fake_stack, note.back_low,
                                   note.back_size);
#endif
#if defined(PIRN_TSAN)
    note.waiting_fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(note.back_fiber, 0);
#endif
    static_cast<void>(note);
    static_cast<void>(for_good);
}

// Called by a coroutine that puts another one in its place, before its switch: the stack is that on which the
// other one goes on. When it comes back, it arrives like after any suspend.
PIRN_ALWAYS_INLINE void annotate_transfer(fiber_note& own, fiber_note& other,
                                          std::span<const std::byte> to) noexcept {
#if defined(PIRN_ASAN)
    other.back_low = own.back_low;
    other.back_size = own.back_size;
    other.back_is_told = true;
    __sanitizer_start_switch_fiber(&own.fake_stack, to.data(), to.size());
#endif
#if defined(PIRN_TSAN)
    other.back_fiber = own.back_fiber;
    own.waiting_fiber = __tsan_get_current_fiber();
    if (other.fiber == nullptr) {
        other.fiber = other.waiting_fiber = __tsan_create_fiber(0);
    }
    __tsan_switch_to_fiber(other.waiting_fiber, 0);
#endif
    static_cast<void>(own);
    static_cast<void>(other);
    static_cast<void>(to);
}

// Called when the coroutine's memory is given up. A fiber that never ran was never made.
inline void annotate_destroy(fiber_note& note) noexcept {
#if defined(PIRN_TSAN)
    if (note.fiber != nullptr) {
        __tsan_destroy_fiber(note.fiber);
    }
#endif
    static_cast<void>(note);
}

} // namespace pirn::arch
