// SPDX-License-Identifier: MIT
//
// Waiting for foreign descriptors.
#include <pirn/io/ready.hpp>

#include <pirn/base/error.hpp>
#include <pirn/io/endpoint.hpp>
#include <pirn/io/stream.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/loop/operations.hpp>
#include <pirn/os/handle.hpp>
#include <pirn/runtime/await.hpp>
#include <pirn/runtime/runtime.hpp>

#include "os/socket.hpp"

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

namespace pirn::io {
namespace {

readiness from_events(int events) noexcept {
    return {.readable = (events & POLLIN) != 0,
            .writable = (events & POLLOUT) != 0,
            .hung_up = (events & POLLHUP) != 0,
            .failed = (events & (POLLERR | POLLNVAL)) != 0};
}

int wait_for(int descriptor, short events) {
    awaitable<poll_operation> ready{descriptor, events};
    return await(ready);
}

} // namespace

readiness wait_ready(int descriptor, bool reading, bool writing, std::error_code& error) {
    const int events = (reading ? POLLIN : 0) | (writing ? POLLOUT : 0);
    const int result = wait_for(descriptor, static_cast<short>(events));
    error = error_of(result);
    return result < 0 ? readiness{} : from_events(result);
}

readiness wait_ready(int descriptor, bool reading, bool writing) {
    std::error_code error;
    const readiness found = wait_ready(descriptor, reading, writing, error);
    detail::check(error, "wait_ready");
    return found;
}

void wait_readable(int descriptor, std::error_code& error) {
    error = error_of(wait_for(descriptor, POLLIN));
}

void wait_readable(int descriptor) {
    std::error_code error;
    wait_readable(descriptor, error);
    detail::check(error, "wait_readable");
}

void wait_writable(int descriptor, std::error_code& error) {
    if ((current_loop().socket_flags() & SOCK_NONBLOCK) == 0) {
        error = error_of(wait_for(descriptor, POLLOUT));
        return;
    }
    // epoll knows a descriptor once; under a second number, somebody else may wait for reading.
    const os::handle second{::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)};
    error = error_of(second ? wait_for(second.get(), POLLOUT) : detail::refuse(-errno));
}

void wait_writable(int descriptor) {
    std::error_code error;
    wait_writable(descriptor, error);
    detail::check(error, "wait_writable");
}

readiness is_ready(int descriptor) {
    const int events = os::ready(descriptor, POLLIN | POLLOUT);
    if (events < 0) {
        throw_error(error_of(events), "is_ready");
    }
    return from_events(events);
}

} // namespace pirn::io
