// SPDX-License-Identifier: MIT
//
// More that can be asked about sockets, besides operations.hpp: making and closing them, several pieces
// of memory at a time, and whole messages with addresses and control data.
//
// What never waits (socket, bind, listen, shutdown) is done by a plain system call inside submit; its
// completion comes on the next turn like any other, and there is nothing to cancel.
//
// Sizes on a 64-bit machine: up to 56 bytes; the vectored forms, which carry a message header, 112.
#pragma once

#include <pirn/base/bytes.hpp>
#include <pirn/loop/operation.hpp>

#include <span>

#include <sys/socket.h>
#include <sys/uio.h>

namespace pirn {

// socket_operation: completes with a new socket: close-on-exec, and fit for this loop's operations. The
// caller owns it.
class socket_operation : public operation {
  public:
    socket_operation(int of_family, int of_type, int of_protocol, completion done) noexcept
        : operation{operation_kind::socket, done}, family{of_family}, type{of_type},
          protocol{of_protocol} {}

    int family;
    int type;
    int protocol;
};

// bind_operation: gives a socket its address. 0.
class bind_operation : public operation {
  public:
    bind_operation(int socket, const sockaddr* to, socklen_t length, completion done) noexcept
        : operation{operation_kind::bind, done}, descriptor{socket}, address{to},
          address_size{length} {}

    int descriptor;
    const sockaddr* address;
    socklen_t address_size; // bytes
};

// listen_operation: makes a socket accept connections. 0.
class listen_operation : public operation {
  public:
    listen_operation(int socket, int most_waiting, completion done) noexcept
        : operation{operation_kind::listen, done}, descriptor{socket}, backlog{most_waiting} {}

    int descriptor;
    int backlog; // connections that nobody has accepted yet
};

// shutdown_operation: ends one direction of a connection, or both: SHUT_RD, SHUT_WR, SHUT_RDWR. 0. A
// receive or a send that waits on it ends: with 0, or with an error.
class shutdown_operation : public operation {
  public:
    shutdown_operation(int socket, int which, completion done) noexcept
        : operation{operation_kind::shutdown, done}, descriptor{socket}, how{which} {}

    int descriptor;
    int how;
};

// close_operation: closes a descriptor of any kind, loop::release included: no operation may be in flight
// on it, and from submit on the number is not the caller's any more. 0, or the last word of the descriptor
// about data written before; it is gone either way. Cannot be cancelled.
class close_operation : public operation {
  public:
    close_operation(int fd, completion done) noexcept
        : operation{operation_kind::close, done}, descriptor{fd} {}

    int descriptor;
};

// send_zero_copy_operation: a send whose bytes the kernel reads from the buffer itself instead of copying
// them first, and which completes once it has no more use for it: for large ones (some 10 KiB and more),
// as that takes longer and costs more than the copy of a small one. Where the kernel or the socket cannot do
// that, and on epoll, it is a plain send. The result is that of a send. Cancelled after the bytes have gone
// out, it waits for the buffer all the same.
class send_zero_copy_operation : public operation {
  public:
    send_zero_copy_operation(int socket, bytes from, completion done) noexcept
        : operation{operation_kind::send_zero_copy, done}, descriptor{socket}, buffer{from} {}

    int descriptor;
    bytes buffer;
};

// receive_message_operation: recvmsg(2): completes with the number of bytes, and fills in the header: the
// address of the sender, control data (descriptors come close-on-exec), and msg_flags, where MSG_TRUNC
// tells of a datagram that was cut. `flags`: MSG_PEEK, MSG_TRUNC. One receive of any kind per descriptor at
// a time.
class receive_message_operation : public operation {
  public:
    receive_message_operation(int socket, msghdr* header, int how, completion done) noexcept
        : operation{operation_kind::receive_message, done}, descriptor{socket}, message{header},
          flags{how} {}

    int descriptor;
    msghdr* message;
    int flags;
};

// send_message_operation: sendmsg(2): completes with the number of bytes that the kernel took; the control
// data has gone along if that is not negative. `flags`: MSG_MORE, MSG_EOR, MSG_CONFIRM. Never raises
// SIGPIPE. One send of any kind per descriptor at a time.
class send_message_operation : public operation {
  public:
    send_message_operation(int socket, const msghdr* header, int how, completion done) noexcept
        : operation{operation_kind::send_message, done}, descriptor{socket}, message{header},
          flags{how} {}

    int descriptor;
    const msghdr* message;
    int flags;
};

// receive_vector_operation, send_vector_operation: a receive into, a send from several pieces of memory, in
// their order. The array of pieces stays with the caller until the completion. At most 1024 pieces.
class receive_vector_operation : public receive_message_operation {
  public:
    receive_vector_operation(int socket, std::span<const iovec> into, completion done) noexcept
        : receive_message_operation{socket, &header_, 0, done} {
        pieces(into);
    }

    // pieces: others for the next submit. Never suspends.
    void pieces(std::span<const iovec> into) noexcept {
        header_.msg_iov = const_cast<iovec*>(into.data()); // which nobody writes to
        header_.msg_iovlen = into.size();
    }

  private:
    msghdr header_{};
};

class send_vector_operation : public send_message_operation {
  public:
    send_vector_operation(int socket, std::span<const iovec> from, completion done) noexcept
        : send_message_operation{socket, &header_, 0, done} {
        pieces(from);
    }

    // pieces: others for the next submit. Never suspends.
    void pieces(std::span<const iovec> from) noexcept {
        header_.msg_iov = const_cast<iovec*>(from.data()); // which nobody writes to
        header_.msg_iovlen = from.size();
    }

  private:
    msghdr header_{};
};

} // namespace pirn
