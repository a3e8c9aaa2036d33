// SPDX-License-Identifier: MIT
//
// Messages with descriptors, in the kernel's form.
#pragma once

#include <pirn/base/bytes.hpp>
#include <pirn/net/unix.hpp>

#include <array>
#include <cstddef>
#include <span>

#include <sys/socket.h>

namespace pirn::net::detail {

// control_room: memory for the control data of one message.
struct control_room {
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(most_descriptors * sizeof(int))> memory;
};

// outgoing: a message to send. Stays where it is, with the bytes and the name, until it has been sent.
class outgoing {
  public:
    outgoing(bytes what, std::span<const int> descriptors, const unix_address* to) noexcept;
    outgoing(const outgoing&) = delete;
    outgoing& operator=(const outgoing&) = delete;

    const msghdr& header() const noexcept { return header_; }

  private:
    iovec piece_;
    msghdr header_{};
    control_room control_;
};

// incoming: room for a message. Stays where it is until it has been received.
class incoming {
  public:
    incoming(mutable_bytes into, std::size_t at_most) noexcept;
    incoming(const incoming&) = delete;
    incoming& operator=(const incoming&) = delete;

    msghdr& header() noexcept { return header_; }

    // take: what has come, with a result that is not an error. Throws std::bad_alloc, and then has closed the
    // descriptors.
    unix_message take(std::size_t size);

  private:
    iovec piece_;
    msghdr header_{};
    sockaddr_storage from_{};
    control_room control_;
};

} // namespace pirn::net::detail
