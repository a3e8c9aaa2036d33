// SPDX-License-Identifier: MIT
//
// Reading a thread-local variable so that the compiler cannot remember its address. Both gcc and
// clang take it for a fact that a function runs on one thread, and keep the address of a
// thread_local in a register across a switch that came back on another thread; at plain -O2 (Seen:
// docs/hazards.md, hazard 2). An `asm volatile` is never merged with its twin behind a switch.
//
// PIRN_THREAD_LOCAL_ADDRESS(Type, symbol): the address, for a variable with C linkage whose declaration
// begins with PIRN_THREAD_LOCAL. Two instructions on x86-64; elsewhere a call that must not be inlined.
//
// This is not API. It is installed because resume and suspend are inlined into user code.
#pragma once

#include <pirn/base/config.hpp>

// The initial-exec model: the variable's offset from the thread pointer is the same in all threads, and
// constant once the program runs. A shared pirn that is loaded by dlopen takes it from the small
// surplus that the C library reserves for that.
#define PIRN_THREAD_LOCAL [[gnu::visibility("default"), gnu::tls_model("initial-exec")]]

#if defined(PIRN_CPU_X86_64)
// NOLINTBEGIN(bugprone-macro-parentheses): a type cannot stand in parentheses
#define PIRN_THREAD_LOCAL_ADDRESS(Type, symbol)                                                    \
    ([]() __attribute__((always_inline)) -> Type* {                                                \
        Type* address;                                                                             \
        asm volatile("movq %%fs:0, %0\n\taddq " #symbol "@gottpoff(%%rip), %0"                     \
                     : "=r"(address)                                                               \
                     :                                                                             \
                     : "cc");                                                                      \
        return address;                                                                            \
    }())
// NOLINTEND(bugprone-macro-parentheses)
// For the switch, where an instruction is worth a thought: the variable's distance from the thread pointer,
// the same for all threads, and from there its words without an address in between. Ordered among each other,
// and by the assembly of a switch, which overwrites all memory as far as the compiler knows.
#define PIRN_THREAD_LOCAL_OFFSET(symbol, offset)                                                   \
    asm volatile("movq " #symbol "@gottpoff(%%rip), %0" : "=r"(offset))
#define PIRN_THREAD_LOCAL_LOAD(offset, at, into)                                                   \
    asm volatile("movq %%fs:%c2(%1), %0" : "=r"(into) : "r"(offset), "i"(at))
#define PIRN_THREAD_LOCAL_STORE(offset, at, from)                                                  \
    asm volatile("movq %0, %%fs:%c2(%1)" : : "r"(from), "r"(offset), "i"(at) : "memory")
#define PIRN_THREAD_LOCAL_INLINE 1
#else
#define PIRN_THREAD_LOCAL_INLINE 0
#endif
