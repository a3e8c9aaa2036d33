// SPDX-License-Identifier: MIT
//
// What never waits is asked of the kernel right in submit, whatever the backend: it is answered before a
// ring could have carried it there.
#pragma once

#include <pirn/loop/operation.hpp>

namespace pirn::detail {

// is_at_once: whether an operation is of this kind. Never suspends.
constexpr bool is_at_once(operation_kind kind) noexcept {
    return kind >= operation_kind::socket && kind <= operation_kind::shutdown;
}

// perform_at_once: the result. `socket_flags` as the backend wants sockets to be. Never suspends.
int perform_at_once(const operation& what, int socket_flags) noexcept;

} // namespace pirn::detail
