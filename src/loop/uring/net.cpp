// SPDX-License-Identifier: MIT
//
// The io_uring backend: the entries for sockets, and for waiting on descriptors in general.
#include <pirn/loop/operations.hpp>
#include <pirn/loop/socket.hpp>

#include "loop/buffers.hpp"
#include "loop/uring/prepare.hpp"
#include "loop/uring/uring.hpp"

#include <poll.h>
#include <sys/socket.h>

namespace pirn::detail {
namespace {

bool waits_for_room(const operation& what) noexcept {
    return (operation_access::flags(what) & send_flag::waits) != 0;
}

} // namespace

void prepare_net(io_uring_sqe& entry, operation& what) noexcept {
    switch (what.kind()) {
    case operation_kind::poll: {
        const auto& poll = static_cast<const poll_operation&>(what);
        const auto events = static_cast<std::uint16_t>(poll.events);
        if ((operation_access::flags(what) & poll_flag::by_edges) != 0) {
            io_uring_prep_poll_multishot(&entry, poll.descriptor, events);
        } else {
            io_uring_prep_poll_add(&entry, poll.descriptor, events);
        }
        break;
    }
    case operation_kind::accept: {
        const auto& accept = static_cast<const accept_operation&>(what);
        io_uring_prep_accept(&entry, accept.descriptor, nullptr, nullptr, SOCK_CLOEXEC);
        break;
    }
    case operation_kind::connect: {
        const auto& connect = static_cast<const connect_operation&>(what);
        io_uring_prep_connect(&entry, connect.descriptor, connect.address, connect.address_size);
        break;
    }
    case operation_kind::receive: {
        const auto& receive = static_cast<const receive_operation&>(what);
        io_uring_prep_recv(&entry, receive.descriptor, receive.buffer.data(),
                           transfer_size(receive.buffer.size()), 0);
        break;
    }
    case operation_kind::send: {
        const auto& send = static_cast<const send_operation&>(what);
        if (waits_for_room(what)) {
            io_uring_prep_poll_add(&entry, send.descriptor, POLLOUT);
        } else {
            io_uring_prep_send(&entry, send.descriptor, send.buffer.data(),
                               transfer_size(send.buffer.size()), MSG_NOSIGNAL | MSG_DONTWAIT);
        }
        break;
    }
    case operation_kind::receive_message: {
        const auto& receive = static_cast<const receive_message_operation&>(what);
        io_uring_prep_recvmsg(&entry, receive.descriptor, receive.message,
                              static_cast<unsigned>(receive.flags) | MSG_CMSG_CLOEXEC);
        break;
    }
    case operation_kind::send_message: {
        const auto& send = static_cast<const send_message_operation&>(what);
        if (waits_for_room(what)) {
            io_uring_prep_poll_add(&entry, send.descriptor, POLLOUT);
        } else {
            const int wait = send.message->msg_name == nullptr ? MSG_DONTWAIT : 0;
            io_uring_prep_sendmsg(&entry, send.descriptor, send.message,
                                  static_cast<unsigned>(send.flags | wait) | MSG_NOSIGNAL);
        }
        break;
    }
    case operation_kind::send_zero_copy: {
        const auto& send = static_cast<const send_zero_copy_operation&>(what);
        const unsigned size = transfer_size(send.buffer.size());
        if (waits_for_room(what)) {
            io_uring_prep_poll_add(&entry, send.descriptor, POLLOUT);
        } else if ((operation_access::flags(what) & zero_copy_flag::plain) != 0) {
            io_uring_prep_send(&entry, send.descriptor, send.buffer.data(), size,
                               MSG_NOSIGNAL | MSG_DONTWAIT);
        } else {
            io_uring_prep_send_zc(&entry, send.descriptor, send.buffer.data(), size, MSG_NOSIGNAL,
                                  0);
        }
        break;
    }
    case operation_kind::accept_many: {
        const int listener = static_cast<const accept_many_operation&>(what).descriptor;
        if ((operation_access::flags(what) & many_flag::one_by_one) != 0) {
            io_uring_prep_accept(&entry, listener, nullptr, nullptr, SOCK_CLOEXEC);
        } else {
            io_uring_prep_multishot_accept(&entry, listener, nullptr, nullptr, SOCK_CLOEXEC);
        }
        break;
    }
    case operation_kind::receive_borrowed: {
        const auto& receive = static_cast<const receive_borrowed_operation&>(what);
        if ((operation_access::flags(what) & many_flag::by_poll) != 0) {
            io_uring_prep_poll_add(&entry, receive.descriptor, POLLIN);
        } else {
            io_uring_prep_recv(&entry, receive.descriptor, nullptr, 0, 0);
            entry.flags |= IOSQE_BUFFER_SELECT;
            entry.buf_group = static_cast<std::uint16_t>(operation_access::pool(receive).group);
            if (receive.how_often == shots::many) {
                entry.ioprio |= IORING_RECV_MULTISHOT;
            }
        }
        break;
    }
    case operation_kind::child:
        io_uring_prep_poll_add(
            &entry, operation_access::pidfd(static_cast<const child_operation&>(what)).get(),
            POLLIN);
        break;
    case operation_kind::close:
        io_uring_prep_close(&entry, static_cast<const close_operation&>(what).descriptor);
        break;
    default: io_uring_prep_nop(&entry); break; // the loop keeps the others to itself
    }
}

} // namespace pirn::detail
