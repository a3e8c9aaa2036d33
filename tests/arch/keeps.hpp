// SPDX-License-Identifier: MIT
//
// The registers that each ABI says a function keeps, as assembly sees them. keeps.cpp has a function for
// each ABI; here is what they have in common.
#pragma once

#include <pirn/base/config.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

// kept_registers: how many of them there are, in slots of 64 bits. Narrower registers use the first bytes of
// their slot, wider ones two slots.
#if defined(PIRN_CPU_X86_64)
inline constexpr std::size_t kept_registers = 6; // rbx, rbp, r12 to r15
#elif defined(PIRN_CPU_AARCH64)
inline constexpr std::size_t kept_registers = 19; // x19 to x29, d8 to d15
#elif defined(PIRN_CPU_RISCV64)
inline constexpr std::size_t kept_registers = 24; // s0 to s11, fs0 to fs11
#elif defined(PIRN_CPU_ARM)
inline constexpr std::size_t kept_registers = 16; // r4 to r11, d8 to d15
#elif defined(PIRN_CPU_I386)
inline constexpr std::size_t kept_registers = 4; // ebx, esi, edi, ebp
#elif defined(PIRN_CPU_PPC64LE)
inline constexpr std::size_t kept_registers = 61; // r14 to r31, f14 to f31, v20 to v31, cr2 to cr4
#elif defined(PIRN_CPU_S390X)
inline constexpr std::size_t kept_registers = 16; // r6 to r13, f8 to f15
#else
inline constexpr std::size_t kept_registers = 0;
#endif

struct register_values {
    alignas(16) std::array<std::uint64_t, kept_registers> slots;
    bool operator==(const register_values&) const = default;
};

// pirn_test_keeps: loads the registers with `values`, calls, and writes those that it finds then to `after`:
// only what a register holds, so that `after` is best a copy of `values` before.
extern "C" void pirn_test_keeps(const register_values* values, register_values* after,
                                void (*call)(void*), void* argument);
