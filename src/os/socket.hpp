// SPDX-License-Identifier: MIT
//
// The socket calls of the kernel, thinly: each answers in the kernel's form, zero or more on success
// and a negative errno otherwise, so that a result can travel through a loop without touching errno.
// No call here is ever interrupted as far as its caller can see, and none raises SIGPIPE.
//
// Nothing is owned here: descriptors come and go as plain numbers (see pirn/os/handle.hpp).
#pragma once

#include <pirn/base/bytes.hpp>

#include <sys/socket.h>

namespace pirn::os {

// open_socket: a new socket; the type may carry SOCK_CLOEXEC and SOCK_NONBLOCK. Never suspends.
int open_socket(int family, int type, int protocol) noexcept;

// bind, listen, shutdown: 0 or a negative errno. Never suspend.
int bind(int socket, const sockaddr* address, socklen_t size) noexcept;
int listen(int socket, int backlog) noexcept;
int shutdown(int socket, int how) noexcept;

// connect: 0, -EINPROGRESS or another negative errno. Asked again while the attempt runs it says
// -EALREADY, and once it has ended how it ended. Never suspends when the socket is non-blocking.
int connect(int socket, const sockaddr* address, socklen_t size) noexcept;

// accept: a new descriptor; flags are accept4(2)'s. Never suspends when the listener is non-blocking.
int accept(int listener, int flags) noexcept;

// receive, send: the number of bytes, or -EAGAIN where the socket would have to wait; they do not
// wait even on a blocking socket. Never suspend.
int receive(int socket, mutable_bytes into) noexcept;
int send(int socket, bytes from) noexcept;

// receive_message, send_message: the same for whole messages; descriptors come in close-on-exec.
// Never suspend.
int receive_message(int socket, msghdr* message, int flags) noexcept;
int send_message(int socket, const msghdr* message, int flags) noexcept;

// local_address, remote_address: like getsockname(2) and getpeername(2). Never suspend.
int local_address(int socket, sockaddr* address, socklen_t* size) noexcept;
int remote_address(int socket, sockaddr* address, socklen_t* size) noexcept;

// set_option: an integer option. Never suspends.
int set_option(int socket, int level, int name, int value) noexcept;

// option: the value of an integer option, or a negative errno. Never suspends.
int option(int socket, int level, int name) noexcept;

// ready: the events of poll(2) that hold right now, 0 for none, -EBADF for what is no descriptor.
// Never suspends.
int ready(int descriptor, short events) noexcept;

} // namespace pirn::os
