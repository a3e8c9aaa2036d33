// SPDX-License-Identifier: MIT
//
// Waiting for a child, the part that is the same on every backend; between two calls of ask_child the
// backend waits until the pidfd is readable.
#pragma once

#include <pirn/loop/child.hpp>

#include <optional>

namespace pirn::detail {

// ask_child: the result, or nothing while the child runs: then there is a pidfd. Never suspends.
std::optional<int> ask_child(child_operation& what) noexcept;

} // namespace pirn::detail
