// SPDX-License-Identifier: MIT
//
// What the sources of this room share: opening sockets, setting options, asking for names.
#pragma once

#include <pirn/base/error.hpp>
#include <pirn/io/endpoint.hpp>
#include <pirn/io/stream.hpp>
#include <pirn/loop/loop.hpp>

#include "os/socket.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>

#include <sys/socket.h>

namespace pirn::net::detail {

using io::detail::await_on;
using io::detail::check;
using io::detail::direction;
using io::detail::endpoint;

// set_option: 0 or a negative errno.
template <class Value>
int set_option(int descriptor, int level, int name, const Value& value) noexcept {
    return ::setsockopt(descriptor, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

// open_on: a new socket on a loop.
inline endpoint open_on(loop& here, int family, int type, int protocol,
                        std::error_code& error) noexcept {
    const int result = os::open_socket(family, type | here.socket_flags(), protocol);
    error = error_of(result);
    return result < 0 ? endpoint{} : endpoint{os::handle{result}, here};
}

// accept_on: the next connection's descriptor, or a negative errno; waits while there is no descriptor left.
// Suspends.
int accept_on(endpoint& listener) noexcept;

// name_of: what getsockname or getpeername says.
template <class Address>
Address name_of(int (*ask)(int, sockaddr*, socklen_t*) noexcept, int descriptor,
                std::error_code& error) noexcept {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    auto* raw = reinterpret_cast<sockaddr*>(&storage);
    const int result = ask(descriptor, raw, &size);
    error = error_of(result);
    return result < 0 ? Address{} : Address::from(raw, size);
}

template <class Address>
Address name_of(int (*ask)(int, sockaddr*, socklen_t*) noexcept, int descriptor,
                const char* operation) {
    std::error_code error;
    const Address name = name_of<Address>(ask, descriptor, error);
    check(error, operation);
    return name;
}

} // namespace pirn::net::detail
