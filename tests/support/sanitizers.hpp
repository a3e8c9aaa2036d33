// SPDX-License-Identifier: MIT
//
// Which instrument is watching, and whether the machine is a real one. A test that an instrument or an
// emulator makes impossible says so with SKIP_WHEN.
#pragma once

#include <pirn/base/config.hpp>

#include <gtest/gtest.h>

namespace support {

#if defined(PIRN_ASAN)
inline constexpr bool under_address_sanitizer = true;
#else
inline constexpr bool under_address_sanitizer = false;
#endif

#if defined(PIRN_TSAN)
inline constexpr bool under_thread_sanitizer = true;
#else
inline constexpr bool under_thread_sanitizer = false;
#endif

inline constexpr bool under_sanitizer = under_address_sanitizer || under_thread_sanitizer;

// Whether the build is one for valgrind, whose tests run under it: some 50 times slower, one thread at a time.
#if defined(PIRN_VALGRIND)
inline constexpr bool under_valgrind = true;
#else
inline constexpr bool under_valgrind = false;
#endif

// Whether the program runs under qemu-user, whose system calls are not quite those of a kernel.
#if defined(PIRN_TEST_EMULATED)
inline constexpr bool under_emulator = true;
#else
inline constexpr bool under_emulator = false;
#endif

// How much slower an instrument or an emulator makes things, for loops that are long to find rare events.
inline constexpr int slowness = under_valgrind ? 50 : under_sanitizer || under_emulator ? 10 : 1;

// The same for loops of coroutines' lives: AddressSanitizer maps and unmaps more than a megabyte for each, and
// ThreadSanitizer makes a fiber.
inline constexpr int slowness_of_lives = under_sanitizer ? 100 : slowness;

// Whether the portable switch is compiled in, which differs in what it keeps.
inline constexpr bool by_ucontext = PIRN_CONTEXT_UCONTEXT;

} // namespace support

#define SKIP_WHEN(condition, reason)                                                               \
    if constexpr (condition) {                                                                     \
        GTEST_SKIP() << (reason);                                                                  \
    }                                                                                              \
    static_assert(true)
