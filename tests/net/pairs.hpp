// SPDX-License-Identifier: MIT
//
// What the suites of TCP share: a listener on a port that the kernel chose, both ends of a connection,
// and bytes that can be recognised.
#pragma once

#include <pirn/net/tcp.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "io/streams.hpp"
#include "support/account.hpp"

#include <cstddef>
#include <utility>
#include <vector>

#include <sys/socket.h>

namespace support {

struct connected_pair {
    pirn::net::tcp_stream near;
    pirn::net::tcp_stream far;
};

inline pirn::net::tcp_listener any_listener() {
    return pirn::net::tcp_listen(pirn::net::address::loopback(0));
}

// connect_to, pair: suspend.
inline pirn::net::tcp_stream connect_to(const pirn::net::tcp_listener& listener) {
    return pirn::net::tcp_connect(listener.local_address());
}

inline connected_pair pair() {
    auto listener = any_listener();
    auto near = connect_to(listener);
    return {std::move(near), listener.accept()};
}

// reset_on_close: closing sends a reset instead of an orderly end.
inline void reset_on_close(const pirn::net::tcp_stream& stream) {
    const linger now{1, 0};
    ::setsockopt(stream.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

} // namespace support
