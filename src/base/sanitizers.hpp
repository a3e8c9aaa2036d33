// SPDX-License-Identifier: MIT
//
// Which sanitizers are part of the program. That is known at run time only: a program may be compiled for one and
// linked against a library that was not. The functions of <sanitizer/common_interface_defs.h>,
// <sanitizer/asan_interface.h> and <sanitizer/tsan_interface.h> are declared here as weak symbols, whose addresses are
// null unless the sanitizer's runtime defines them.
#pragma once

#include <pirn/base/config.hpp>

#include <cstddef>

#define PIRN_WEAK [[gnu::weak, gnu::visibility("default")]]

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the names are the sanitizers'
PIRN_WEAK void __sanitizer_start_switch_fiber(void** fake_stack, const void* low, std::size_t size);
PIRN_WEAK void __sanitizer_finish_switch_fiber(void* fake_stack, const void** low,
                                               std::size_t* size);
PIRN_WEAK void __asan_handle_no_return();
PIRN_WEAK void __asan_unpoison_memory_region(const volatile void* low, std::size_t size);
PIRN_WEAK void* __tsan_get_current_fiber();
PIRN_WEAK void* __tsan_create_fiber(unsigned flags);
PIRN_WEAK void __tsan_destroy_fiber(void* fiber);
PIRN_WEAK void __tsan_switch_to_fiber(void* fiber, unsigned flags);
PIRN_WEAK void __tsan_acquire(void* address);
PIRN_WEAK void __tsan_release(void* address);
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
}

#undef PIRN_WEAK

namespace pirn::detail {

// under_address_sanitizer, under_thread_sanitizer: whether its runtime is part of the program. Never suspends.
inline bool under_address_sanitizer() noexcept {
    return &__sanitizer_start_switch_fiber != nullptr;
}
inline bool under_thread_sanitizer() noexcept { return &__tsan_switch_to_fiber != nullptr; }

// atomics_are_seen: whether ThreadSanitizer, if it is there, knows how the library orders its threads.
#if defined(PIRN_TSAN)
inline constexpr bool atomics_are_seen = true;
#else
inline constexpr bool atomics_are_seen = false;
#endif

// tell_release, tell_acquire: what comes before the one on a thread has happened before what comes after the other
// on another thread. For ThreadSanitizer, which does not see the atomics of a library that was compiled without it.
// Where threads meet seldom only: each is a load and a branch. Never suspends.
inline void tell_release(void* address) noexcept {
    if (!atomics_are_seen && PIRN_UNLIKELY(under_thread_sanitizer())) {
        __tsan_release(address);
    }
}
inline void tell_acquire(void* address) noexcept {
    if (!atomics_are_seen && PIRN_UNLIKELY(under_thread_sanitizer())) {
        __tsan_acquire(address);
    }
}

} // namespace pirn::detail
