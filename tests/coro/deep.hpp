// SPDX-License-Identifier: MIT
//
// A function that goes deep.
#pragma once

#include <pirn/base/config.hpp>

#include <cstddef>

#include <alloca.h>

inline constexpr std::size_t page = 4096;

// Writes so many bytes of the stack, below whoever calls.
PIRN_NOINLINE inline void use_stack(std::size_t bytes) {
    auto* frame = static_cast<volatile char*>(alloca(bytes));
    for (std::size_t i = 0; i < bytes; i += 64) {
        frame[i] = 1;
    }
    frame[0] = 1;
}
