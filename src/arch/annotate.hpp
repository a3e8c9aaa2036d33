// SPDX-License-Identifier: MIT
//
// Telling the sanitizers about a switch, if there are any: see base/sanitizers.hpp. The order in which the calls must
// come is drawn in pirn/coro/switch.hpp.
//
// Only the slow functions of coro/entry.cpp switch with annotations. Where there is a sanitizer, every switch is a
// slow one: see thread_state::exceptions.
#pragma once

#include <pirn/arch/annotate.hpp>
#include <pirn/base/config.hpp>

#include "base/sanitizers.hpp"

#include <cstddef>
#include <span>

namespace pirn::arch {

// is_annotated: whether there is a sanitizer that must know of a switch. Never suspends.
inline bool is_annotated() noexcept {
    return pirn::detail::under_address_sanitizer() || pirn::detail::under_thread_sanitizer();
}

// Called by the resumer: before its switch (with the stack that it switches to), and after.
PIRN_ALWAYS_INLINE void* annotate_resume(fiber_note& note, std::span<const std::byte> to) noexcept {
    void* own_fake_stack = nullptr;
    if (PIRN_UNLIKELY(pirn::detail::under_address_sanitizer())) {
        __sanitizer_start_switch_fiber(&own_fake_stack, to.data(), to.size());
    }
    if (PIRN_UNLIKELY(pirn::detail::under_thread_sanitizer())) {
        note.back_fiber = __tsan_get_current_fiber();
        if (note.fiber == nullptr) {
            note.fiber = note.waiting_fiber = __tsan_create_fiber(0);
        }
        __tsan_switch_to_fiber(note.waiting_fiber, 0);
    }
    return own_fake_stack;
}

PIRN_ALWAYS_INLINE void annotate_resumed(void* own_fake_stack) noexcept {
    if (PIRN_UNLIKELY(pirn::detail::under_address_sanitizer())) {
        __sanitizer_finish_switch_fiber(own_fake_stack, nullptr, nullptr);
    }
}

// Called by the coroutine: when it arrives on its stack, for the first time and after each suspend …
PIRN_ALWAYS_INLINE void annotate_arrived(fiber_note& note) noexcept {
    if (PIRN_UNLIKELY(pirn::detail::under_address_sanitizer())) {
        const bool told = note.back_is_told;
        note.back_is_told = false;
        __sanitizer_finish_switch_fiber(note.fake_stack, told ? nullptr : &note.back_low,
                                        told ? nullptr : &note.back_size);
    }
}

// … and before it leaves. The last time, its fake stack is given up.
PIRN_ALWAYS_INLINE void annotate_leave(fiber_note& note, bool for_good) noexcept {
    if (PIRN_UNLIKELY(pirn::detail::under_address_sanitizer())) {
        if (for_good && &__asan_handle_no_return != nullptr) {
            __asan_handle_no_return(); // nothing of this stack will be left by returning
        }
        __sanitizer_start_switch_fiber(for_good ? nullptr : &note.fake_stack, note.back_low,
                                       note.back_size);
    }
    if (PIRN_UNLIKELY(pirn::detail::under_thread_sanitizer())) {
        note.waiting_fiber = __tsan_get_current_fiber();
        __tsan_switch_to_fiber(note.back_fiber, 0);
    }
}

// Called by a coroutine that puts another one in its place, before its switch: the stack is that on which the
// other one goes on. When it comes back, it arrives like after any suspend.
PIRN_ALWAYS_INLINE void annotate_transfer(fiber_note& own, fiber_note& other,
                                          std::span<const std::byte> to) noexcept {
    if (PIRN_UNLIKELY(pirn::detail::under_address_sanitizer())) {
        other.back_low = own.back_low;
        other.back_size = own.back_size;
        other.back_is_told = true;
        __sanitizer_start_switch_fiber(&own.fake_stack, to.data(), to.size());
    }
    if (PIRN_UNLIKELY(pirn::detail::under_thread_sanitizer())) {
        other.back_fiber = own.back_fiber;
        own.waiting_fiber = __tsan_get_current_fiber();
        if (other.fiber == nullptr) {
            other.fiber = other.waiting_fiber = __tsan_create_fiber(0);
        }
        __tsan_switch_to_fiber(other.waiting_fiber, 0);
    }
}

// Called while a stack is unwound, before each frame, with what lies below it: frames that are gone and have not
// returned. What they have marked as theirs would be taken for a fault of the functions that stand there next, those of
// the sanitizer itself among them.
inline void annotate_unwound(std::span<const std::byte> below) noexcept {
    if (PIRN_UNLIKELY(pirn::detail::under_address_sanitizer()) &&
        &__asan_unpoison_memory_region != nullptr) {
        __asan_unpoison_memory_region(below.data(), below.size());
    }
}

// Called when the memory of a coroutine that has run is given up.
inline void annotate_destroy(fiber_note& note) noexcept {
    if (PIRN_UNLIKELY(pirn::detail::under_thread_sanitizer()) && note.fiber != nullptr) {
        __tsan_destroy_fiber(note.fiber);
    }
}

} // namespace pirn::arch
