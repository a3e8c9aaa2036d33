// SPDX-License-Identifier: MIT
//
// How a scheduler's sequence of random numbers begins. It goes on in src/sync/select.cpp.
#pragma once

#include <cstdint>

namespace pirn::detail {

// first_random: seeds that differ by one begin sequences that have nothing in common. SplitMix64 (Steele, Lea and Flood,
// Fast splittable pseudorandom number generators, OOPSLA 2014). Not 0. Never suspends.
constexpr std::uint64_t first_random(std::uint64_t seed) noexcept {
    std::uint64_t bits = seed + 0x9e3779b97f4a7c15ULL;
    bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebULL;
    return (bits ^ (bits >> 31U)) | 1U;
}

} // namespace pirn::detail
