// SPDX-License-Identifier: MIT
//
// Waiting for an operation on a socket, with the socket knowing about it meanwhile.
#pragma once

#include <pirn/base/error.hpp>
#include <pirn/net/socket.hpp>
#include <pirn/runtime/await.hpp>

#include <cstddef>
#include <system_error>

namespace pirn::net::detail {

// await_on: the operation's result, in the kernel's form. Suspends.
template <class Operation>
int await_on(socket& which, socket::direction side, awaitable<Operation>& what) noexcept {
    const socket::in_use mark{which, side, what};
    return pirn::await(what);
}

// The same, with the error apart: 0 when there is one. Suspends.
template <class Operation>
std::size_t await_on(socket& which, socket::direction side, awaitable<Operation>& what,
                     std::error_code& error) noexcept {
    const int result = await_on(which, side, what);
    error = error_of(result);
    return result < 0 ? 0 : static_cast<std::size_t>(result);
}

} // namespace pirn::net::detail
