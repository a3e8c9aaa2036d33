// SPDX-License-Identifier: MIT
//
// Several messages with one call of the kernel, thinly, as os/socket.hpp: how many it was, or a negative errno.
#pragma once

#include <span>

#include <sys/socket.h>

namespace pirn::os {

// receive_messages: what is there, without waiting: at least one, or -EAGAIN. Descriptors come in
// close-on-exec. Never suspends.
int receive_messages(int socket, std::span<mmsghdr> into) noexcept;

// send_messages: as many as go without waiting: at least one, or -EAGAIN, or what is wrong with the first.
// Never raises SIGPIPE. Never suspends.
int send_messages(int socket, std::span<mmsghdr> from) noexcept;

} // namespace pirn::os
