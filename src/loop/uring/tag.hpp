// SPDX-License-Identifier: MIT
//
// What user_data means when it is not the address of an operation. Addresses are aligned and never
// this small.
#pragma once

#include <cstdint>

namespace pirn::detail::uring_tag {

inline constexpr std::uint64_t cancel = 1; // the answer to a cancellation; tells nothing new
inline constexpr std::uint64_t wakeup = 2;

} // namespace pirn::detail::uring_tag
