// SPDX-License-Identifier: MIT
//
// One operation, one system call that does not wait. Knows nothing of epoll.
#pragma once

#include <pirn/loop/operations.hpp>

#include <optional>

namespace pirn::detail {

// descriptor_of: the descriptor that an operation is about; -1 for a timer or a nop.
int descriptor_of(const operation& what) noexcept;

// perform: the result, or nothing when the kernel would have to wait. A connect is begun by the first
// call and asked after by the following ones.
std::optional<int> perform(operation& what) noexcept;

} // namespace pirn::detail
