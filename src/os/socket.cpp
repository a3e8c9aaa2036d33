// SPDX-License-Identifier: MIT
//
// The socket calls. Which of them can be interrupted at all: those that may wait, and as callers may
// bring blocking sockets, all of those are retried. connect is not retried blindly, see there.
#include "os/socket.hpp"

#include "os/result.hpp"

#include <cerrno>

#include <poll.h>

namespace pirn::os {

int open_socket(int family, int type, int protocol) noexcept {
    return result_of(::socket(family, type, protocol));
}

int bind(int socket, const sockaddr* address, socklen_t size) noexcept {
    return result_of(::bind(socket, address, size));
}

int listen(int socket, int backlog) noexcept { return result_of(::listen(socket, backlog)); }

int shutdown(int socket, int how) noexcept { return result_of(::shutdown(socket, how)); }

int connect(int socket, const sockaddr* address, socklen_t size) noexcept {
    const int result = result_of(::connect(socket, address, size));
    // An interrupted connect goes on in the background (POSIX), exactly like one that never waited.
    return result == -EINTR ? -EINPROGRESS : result;
}

int accept(int listener, int flags) noexcept {
    return uninterrupted([&] { return result_of(::accept4(listener, nullptr, nullptr, flags)); });
}

int receive(int socket, mutable_bytes into) noexcept {
    return uninterrupted([&] {
        return result_of(::recv(socket, into.data(), transfer_size(into.size()), MSG_DONTWAIT));
    });
}

int send(int socket, bytes from) noexcept {
    return uninterrupted([&] {
        return result_of(
            ::send(socket, from.data(), transfer_size(from.size()), MSG_DONTWAIT | MSG_NOSIGNAL));
    });
}

int receive_message(int socket, msghdr* message, int flags) noexcept {
    return uninterrupted([&] {
        return result_of(::recvmsg(socket, message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
    });
}

int send_message(int socket, const msghdr* message, int flags) noexcept {
    return uninterrupted(
        [&] { return result_of(::sendmsg(socket, message, flags | MSG_DONTWAIT | MSG_NOSIGNAL)); });
}

int local_address(int socket, sockaddr* address, socklen_t* size) noexcept {
    return result_of(::getsockname(socket, address, size));
}

int remote_address(int socket, sockaddr* address, socklen_t* size) noexcept {
    return result_of(::getpeername(socket, address, size));
}

int set_option(int socket, int level, int name, int value) noexcept {
    return result_of(::setsockopt(socket, level, name, &value, sizeof value));
}

int option(int socket, int level, int name) noexcept {
    int value = 0;
    socklen_t size = sizeof value;
    const int result = result_of(::getsockopt(socket, level, name, &value, &size));
    return result < 0 ? result : value;
}

int ready(int descriptor, short events) noexcept {
    if (descriptor < 0) {
        return -EBADF; // poll(2) would ignore it
    }
    pollfd asked{descriptor, events, 0};
    const int result = uninterrupted([&] { return result_of(::poll(&asked, 1, 0)); });
    if (result <= 0) {
        return result;
    }
    return (asked.revents & POLLNVAL) != 0 ? -EBADF : asked.revents;
}

} // namespace pirn::os
