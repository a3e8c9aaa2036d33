// SPDX-License-Identifier: MIT
//
// What travels through the kernel with each registration: the descriptor, and the generation of its
// entry. Not a pointer, so that an event from a registration that we gave up can be told from one
// that counts.
#pragma once

#include <cstdint>

namespace pirn::detail {

constexpr std::uint64_t tag_of(int descriptor, std::uint32_t generation) noexcept {
    return (std::uint64_t{generation} << 32) | static_cast<std::uint32_t>(descriptor);
}

constexpr int descriptor_in(std::uint64_t tag) noexcept { return static_cast<int>(tag); }

constexpr std::uint32_t generation_in(std::uint64_t tag) noexcept {
    return static_cast<std::uint32_t>(tag >> 32);
}

// The wakeup's own; no descriptor is negative.
inline constexpr std::uint64_t wake_tag = tag_of(-1, 0);

} // namespace pirn::detail
