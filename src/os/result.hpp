// SPDX-License-Identifier: MIT
//
// What the calls of this room have in common: their results in the kernel's form, and how they are made again.
#pragma once

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>

namespace pirn::os {

// result_of: what a call of the C library returned, as zero or more or a negative errno. Never suspends.
template <class Number>
int result_of(Number returned) noexcept {
    return returned < 0 ? -errno : static_cast<int>(returned);
}

// transfer_size: results are an int, so no transfer may be longer. The kernel's own limit lies a page below
// this. Never suspends.
inline std::size_t transfer_size(std::size_t size) noexcept {
    return std::min(size, static_cast<std::size_t>(INT_MAX));
}

// uninterrupted: makes the call until no signal comes in between; its results are of the kernel's form. Suspends
// nobody, but takes as long as the call does.
template <class Call>
int uninterrupted(Call call) noexcept {
    for (;;) {
        const int result = call();
        if (result != -EINTR) {
            return result;
        }
    }
}

} // namespace pirn::os
