// SPDX-License-Identifier: MIT
//
// What this build runs on, and every macro a user may set. This is the only place that asks the
// compiler about operating system, processor and instrumentation; all other files ask the macros
// below, so that a port begins here and a reader needs to know one spelling of each question.
//
// A user may set (all optional, all to be the same in every translation unit of a program):
//
//   PIRN_CONTEXT_UCONTEXT  1: switch by swapcontext(3) instead of inline assembly. Slow; it is the
//                          reference that the fast one is tested against. Set by the CMake option
//                          PIRN_CONTEXT=ucontext, and the default where no assembly exists yet.
//   PIRN_ASSERTIONS        1: check the library's own invariants too, not only the caller's
//                          preconditions (those are always checked). Default: 1 unless NDEBUG.
#pragma once

#if defined(__linux__)
#define PIRN_OS_LINUX 1
#else
#error "pirn: this operating system is not supported yet; see the table of platforms in README.md"
#endif

// The processor together with its ABI, for which there is a switch in arch/. None of them: ucontext.
#if defined(__x86_64__) && !defined(__ILP32__)
#define PIRN_CPU_X86_64 1
#elif defined(__aarch64__) && defined(__LP64__) && !defined(__AARCH64EB__)
#define PIRN_CPU_AARCH64 1
#elif defined(__riscv) && __riscv_xlen == 64 && !defined(__riscv_e)
#define PIRN_CPU_RISCV64 1
#elif defined(__arm__) && defined(__ARM_EABI__) && (!defined(__thumb__) || defined(__thumb2__))
#define PIRN_CPU_ARM 1
#elif defined(__i386__)
#define PIRN_CPU_I386 1
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__) && _CALL_ELF == 2 && defined(__VSX__)
#define PIRN_CPU_PPC64LE 1
#elif defined(__s390x__)
#define PIRN_CPU_S390X 1
#else
#define PIRN_CPU_OTHER 1
#endif

// Instrumentation. gcc announces a sanitizer by a macro, clang by a feature.
#if defined(__has_feature)
#define PIRN_HAS_FEATURE(feature) __has_feature(feature)
#else
#define PIRN_HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || PIRN_HAS_FEATURE(address_sanitizer)
#define PIRN_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__) || PIRN_HAS_FEATURE(thread_sanitizer)
#define PIRN_TSAN 1
#endif

#ifndef PIRN_CONTEXT_UCONTEXT
#if defined(PIRN_CPU_OTHER)
#define PIRN_CONTEXT_UCONTEXT 1
#else
#define PIRN_CONTEXT_UCONTEXT 0
#endif
#endif

// Whether this file is compiled with exceptions; a user's file need not be (docs/exceptions.md).
#if defined(__cpp_exceptions)
#define PIRN_EXCEPTIONS 1
#else
#define PIRN_EXCEPTIONS 0
#endif

#ifndef PIRN_ASSERTIONS
#ifdef NDEBUG
#define PIRN_ASSERTIONS 0
#else
#define PIRN_ASSERTIONS 1
#endif
#endif

// The switch must be inlined into its caller even at -O0 (see arch/context.hpp); what is cold must
// never be, so that the hot path stays one straight line.
#define PIRN_ALWAYS_INLINE [[gnu::always_inline]] inline
#define PIRN_COLD [[gnu::noinline, gnu::cold]]
#define PIRN_NOINLINE [[gnu::noinline]]
#define PIRN_UNLIKELY(condition) __builtin_expect(static_cast<bool>(condition), false)

// For the body of a loop that looks at memory until another thread has written it.
#if defined(__x86_64__) || defined(__i386__)
#define PIRN_CPU_RELAX() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PIRN_CPU_RELAX() asm volatile("yield" ::: "memory")
#else
#define PIRN_CPU_RELAX() asm volatile("" ::: "memory")
#endif
