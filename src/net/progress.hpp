// SPDX-License-Identifier: MIT
//
// What the kernel knows of a connection's progress.
#pragma once

#include <cstdint>

namespace pirn::net {

class stream_socket;

namespace detail {

// bytes_moved: a number that changes whenever bytes have been received, or taken by the peer. Of a unix socket,
// whenever an operation has ended.
std::uint64_t bytes_moved(const stream_socket& through) noexcept;

// has_unread: whether something has been received that nobody has read.
bool has_unread(int socket) noexcept;

} // namespace detail
} // namespace pirn::net
