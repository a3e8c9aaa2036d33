// SPDX-License-Identifier: MIT
//
// What the suites of TCP share: a listener on a port that the kernel chose, both ends of a connection,
// and bytes that can be recognised.
#pragma once

#include <pirn/net/tcp.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

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

// pattern: bytes that differ from place to place, so that a byte out of place is noticed.
inline std::vector<std::byte> pattern(std::size_t size, unsigned seed = 1) {
    std::vector<std::byte> made(size);
    unsigned state = seed;
    for (std::byte& each : made) {
        state = state * 1664525U + 1013904223U;
        each = static_cast<std::byte>(state >> 24);
    }
    return made;
}

// read_all: everything until the end of the stream. Suspends.
inline std::vector<std::byte> read_all(pirn::net::tcp_stream& from, std::size_t piece = 8192) {
    std::vector<std::byte> all;
    std::vector<std::byte> buffer(piece);
    while (const std::size_t n = from.read(buffer)) {
        all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
    }
    return all;
}

// reset_on_close: closing sends a reset instead of an orderly end.
inline void reset_on_close(const pirn::net::tcp_stream& stream) {
    const linger now{1, 0};
    ::setsockopt(stream.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

} // namespace support
