// SPDX-License-Identifier: MIT
//
// The C++ runtime's exception state, which must be the coroutine's own and not the thread's. The
// Itanium C++ ABI (exception handling, section 2.2.2) keeps two words per thread: the stack of caught
// exceptions, and the number of exceptions in flight. A coroutine that suspends inside a catch block
// leaves its exception on that stack; were it left there, the next `throw;` of anybody on the thread
// would rethrow it.
//
// Almost always both words are zero, so a switch only asks whether they are. It asks with one load:
// the state is
//
//     byte  0                       8           12
//           ┌───────────────────────┬───────────┐
//           │ caughtExceptions      │ uncaught  │   x86-64: 8 bytes, then an unsigned int
//           └───────────────────────┴───────────┘
//                 ╰── the 8 bytes from 2 ──╯
//
// and an exception object never lies in the lowest 64 KiB of memory, nor are 65,536 exceptions ever
// in flight at once, so the eight bytes in the middle are zero exactly when both words are. Other
// processors ask for each word: they differ in byte order, size and liking for unaligned loads.
//
// 32-bit ARM unwinds in a way of its own (the EHABI, section 8.4.1), and there the runtime keeps a third
// word: the exception that is being propagated while the destructors on its way run. A coroutine that
// suspends in such a destructor must take that one with it too.
//
// This is not API. It is installed because resume and suspend are inlined into user code.
#pragma once

#include <pirn/base/config.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <version>

#include <cxxabi.h>

#if defined(_LIBCPP_VERSION) && !defined(__cpp_lib_jthread)
#error "pirn needs std::stop_token: with libc++ before 20, use -fexperimental-library"
#endif

#if defined(_LIBCPP_VERSION)
// libc++abi has it, and leaves it out of its header.
namespace __cxxabiv1 { // NOLINT(bugprone-reserved-identifier): the ABI's name
struct __cxa_eh_globals;
extern "C" __cxa_eh_globals* __cxa_get_globals();
} // namespace __cxxabiv1
#endif

namespace pirn::arch {

// The ABI in which the third word exists; gcc can be built for DWARF there, and says so.
#if defined(__ARM_EABI__) && !defined(__ARM_DWARF_EH__) && !defined(__USING_SJLJ_EXCEPTIONS__)
#define PIRN_ARCH_EHABI 1
#else
#define PIRN_ARCH_EHABI 0
#endif

// eh_state: a copy of the words.
struct eh_state {
    void* caught_exceptions = nullptr;
    unsigned uncaught_exceptions = 0;
#if PIRN_ARCH_EHABI
    void* propagating_exceptions = nullptr;
#endif
};

// eh_globals: where the runtime keeps the calling thread's state. Constant for a thread. Defined by the ABI;
// its contents are not, and are the same for libstdc++ and libc++abi.
inline void* eh_globals() noexcept { return abi::__cxa_get_globals(); }

// eh_in_use: whether the thread is inside a catch block or unwinding.
PIRN_ALWAYS_INLINE bool eh_in_use(const void* globals) noexcept {
#if defined(PIRN_CPU_X86_64)
    std::uint64_t middle;
    std::memcpy(&middle, static_cast<const char*>(globals) + 2, sizeof middle);
    return middle != 0;
#else
    eh_state state; // as large as what the runtime has, padding included
    std::memcpy(&state, globals, sizeof state);
#if PIRN_ARCH_EHABI
    if (state.propagating_exceptions != nullptr) {
        return true;
    }
#endif
    return state.caught_exceptions != nullptr || state.uncaught_exceptions != 0;
#endif
}

// eh_always_in_use: words of which eh_in_use always says so.
inline constexpr std::array<std::uintptr_t, 4> eh_always_in_use{1, 1, 1, 1};

// eh_take: moves the state out of the thread, leaving it clean.
inline eh_state eh_take(void* globals) noexcept {
    eh_state taken;
    std::memcpy(&taken.caught_exceptions, globals, sizeof taken.caught_exceptions);
    std::memcpy(&taken.uncaught_exceptions, static_cast<char*>(globals) + sizeof(void*),
                sizeof taken.uncaught_exceptions);
    std::memset(globals, 0, sizeof(void*) + sizeof(unsigned));
#if PIRN_ARCH_EHABI
    char* third = static_cast<char*>(globals) + sizeof(void*) + sizeof(unsigned);
    std::memcpy(&taken.propagating_exceptions, third, sizeof taken.propagating_exceptions);
    std::memset(third, 0, sizeof(void*));
#endif
    return taken;
}

// eh_put: gives a state back to the thread, over what is there.
inline void eh_put(void* globals, const eh_state& state) noexcept {
    std::memcpy(globals, &state.caught_exceptions, sizeof state.caught_exceptions);
    std::memcpy(static_cast<char*>(globals) + sizeof(void*), &state.uncaught_exceptions,
                sizeof state.uncaught_exceptions);
#if PIRN_ARCH_EHABI
    std::memcpy(static_cast<char*>(globals) + sizeof(void*) + sizeof(unsigned),
                &state.propagating_exceptions, sizeof state.propagating_exceptions);
#endif
}

// eh_count_one: one exception more is in flight. For a forced unwinding, which the runtime does not count, though
// the destructors on its way are run as by an exception.
inline void eh_count_one(void* globals) noexcept {
    unsigned count = 0;
    char* const second = static_cast<char*>(globals) + sizeof(void*);
    std::memcpy(&count, second, sizeof count);
    ++count;
    std::memcpy(second, &count, sizeof count);
}

} // namespace pirn::arch
