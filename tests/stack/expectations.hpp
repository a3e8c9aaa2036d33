// SPDX-License-Identifier: MIT
//
// What the tests of all stack sources expect of a stack.
#pragma once

#include <pirn/stack/stack.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <gtest/gtest.h>

inline constexpr std::size_t page = 4096;
inline constexpr std::size_t slot = 8192;
inline constexpr std::byte mark{0xa5};

inline bool overlap(const pirn::stack& a, const pirn::stack& b) {
    return a.memory.data() < b.memory.data() + b.memory.size() &&
           b.memory.data() < a.memory.data() + a.memory.size();
}

inline void expect_usable(const pirn::stack& given, std::size_t size) {
    EXPECT_GE(given.memory.size(), size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(given.memory.data()) % 16, 0U);
    EXPECT_EQ(given.memory.size() % 16, 0U);
    std::fill(given.memory.begin(), given.memory.end(), mark);
}
