// SPDX-License-Identifier: MIT
//
// How sockets may be set up. Everything has a default; what a kernel does not know is an error and never
// silently ignored.
#pragma once

#include <pirn/base/export.hpp>

#include <chrono>
#include <optional>
#include <system_error>

namespace pirn::net {

// keep_alive: probes on a connection that is silent, so that a peer that has vanished is noticed: after
// idle + count * interval, when reads and writes end with std::errc::timed_out.
struct keep_alive {
    std::chrono::seconds idle{60};     // of silence before the first probe, at least 1
    std::chrono::seconds interval{10}; // between probes, at least 1
    int count = 5;                     // probes without an answer

    bool operator==(const keep_alive&) const = default;
};

// tcp_options: of a connection.
struct tcp_options {
    // Small writes go out at once. Otherwise they are collected while an acknowledgement is due (Nagle's
    // algorithm, RFC 896), which together with the peer's delayed acknowledgements can hold one back by 40 ms.
    bool no_delay = true;

    // None: no probes.
    std::optional<net::keep_alive> keep_alive = {};

    // What close does with bytes that the peer has not taken: none: they go out in the background; zero: they
    // are thrown away and the peer sees a reset.
    std::optional<std::chrono::seconds> linger = {};

    // Bytes, 0 for what the kernel finds good. The kernel has limits of its own (net.core.wmem_max, rmem_max),
    // and once set it no longer adapts the size.
    int send_buffer = 0;
    int receive_buffer = 0;
};

// listen_options: of a listener.
struct listen_options {
    // How many connections may wait to be accepted. The kernel has its own limit, see net.core.somaxconn.
    int backlog = 4096;

    // Lets several listeners share a port, each getting a part of the connections: one per thread.
    bool reuse_port = false;

    // Lets a server that was restarted have its port although connections of its last life are in TIME_WAIT.
    bool reuse_address = true;

    // For [::]: leaves IPv4 to others. Otherwise IPv4 clients come in as ::ffff:1.2.3.4.
    bool v6_only = false;

    // Of the connections that are accepted.
    tcp_options accepted = {};
};

// apply: sets up a descriptor. error_code: the first thing that the kernel refused; what follows it was not
// tried. For sockets that others have made; ours have it done. Never suspends.
PIRN_EXPORT std::error_code apply(const tcp_options& options, int descriptor) noexcept;

} // namespace pirn::net
