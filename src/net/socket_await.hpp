// SPDX-License-Identifier: MIT
//
// Waiting for an operation on a socket, with the socket knowing about it meanwhile.
#pragma once

#include <pirn/base/error.hpp>
#include <pirn/net/socket.hpp>
#include <pirn/runtime/await.hpp>
#include <pirn/runtime/runtime.hpp>

#include <cerrno>
#include <cstddef>
#include <system_error>

namespace pirn::net::detail {

// await_on: the operation's result, in the kernel's form; -ECANCELED on a socket that has been closed,
// before or meanwhile. Suspends.
template <class Operation>
int await_on(socket& which, socket::direction side, awaitable<Operation>& what) noexcept {
    if (which.closed()) {
        return -ECANCELED;
    }
    loop& here = current_loop();
    const socket::in_use mark{which, side, what, here};
    // Marked already while others run, so that nobody moves the socket; but somebody may close it, and
    // could not cancel what is not in flight yet.
    pirn::detail::give_way();
    if (which.closed()) {
        return -ECANCELED;
    }
    if (&mark.where() == &here) {
        return pirn::detail::await_on(here, what, what.sleeper);
    }
    return pirn::detail::await_elsewhere(
        mark.where(), what, what.sleeper,
        [](const void* of) noexcept { return !static_cast<const socket*>(of)->closed(); }, &which);
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
