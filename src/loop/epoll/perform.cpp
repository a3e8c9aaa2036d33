// SPDX-License-Identifier: MIT
//
// The system call behind each kind of operation.
#include "loop/epoll/perform.hpp"

#include <pirn/loop/file.hpp>
#include <pirn/loop/socket.hpp>
#include <pirn/os/handle.hpp>

#include "loop/backend.hpp"
#include "loop/child.hpp"
#include "os/file.hpp"
#include "os/socket.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <span>

#include <poll.h>

namespace pirn::detail {
namespace {

// Flag of a connect operation: the kernel has begun.
constexpr std::uint8_t connecting = 0x01;

std::optional<int> unless_waiting(int result) noexcept {
    return result == -EAGAIN ? std::nullopt : std::optional{result};
}

// Asking again is better than reading SO_ERROR when the socket turns writable: it cannot mistake an
// edge from before the attempt for its success. EAGAIN is a result here, not a reason to wait: the
// queue of a UNIX listener is full, and no edge tells when it is not.
std::optional<int> connect(connect_operation& what) noexcept {
    const int result = os::connect(what.descriptor, what.address, what.address_size);
    std::uint8_t& flags = operation_access::flags(what);
    const bool begun = (flags & connecting) != 0;
    flags |= connecting;
    if (result == -EINPROGRESS || (begun && result == -EALREADY)) {
        return std::nullopt;
    }
    return begun && result == -EISCONN ? 0 : result;
}

// Flag of a splice operation: nothing in the source.
constexpr std::uint8_t source_is_empty = 0x01;

// Which end is not ready has to be asked for, as EAGAIN does not tell; and only an end that was seen not
// to be ready owes us an edge. Both may have become so meanwhile: then once more.
std::optional<int> splice(splice_operation& what) noexcept {
    constexpr int tries = 16;
    std::uint8_t& flags = operation_access::flags(what);
    for (int i = 0; i < tries; ++i) {
        const int result = os::splice(what.source, what.source_offset, what.destination,
                                      what.destination_offset, what.size);
        if (result != -EAGAIN) {
            return result;
        }
        if (os::ready(what.source, POLLIN) == 0) {
            flags |= source_is_empty;
            return std::nullopt;
        }
        if (os::ready(what.destination, POLLOUT) == 0) {
            flags &= static_cast<std::uint8_t>(~source_is_empty);
            return std::nullopt;
        }
    }
    return -EAGAIN;
}

// It says EAGAIN where something is there, or where there is room, too: then no edge is owed to us, and it is asked again.
template <class Call>
std::optional<int> transfer(int descriptor, short readiness, Call call) noexcept {
    constexpr int tries = 16;
    for (int i = 0; i < tries; ++i) {
        const int result = call();
        if (result != -EAGAIN) {
            return result;
        }
        if (os::ready(descriptor, readiness) == 0) {
            return std::nullopt;
        }
    }
    return -EAGAIN;
}

std::optional<int> read(int descriptor, std::span<const iovec> into) noexcept {
    return transfer(descriptor, POLLIN, [&] { return os::read_now(descriptor, into); });
}

std::optional<int> write(int descriptor, std::span<const iovec> from) noexcept {
    return transfer(descriptor, POLLOUT, [&] { return os::write_now(descriptor, from); });
}

std::optional<int> poll(const poll_operation& what) noexcept {
    const int events = os::ready(what.descriptor, what.events);
    return events == 0 ? std::nullopt : std::optional{events};
}

} // namespace

int descriptor_of(const operation& what) noexcept {
    switch (what.kind()) {
    case operation_kind::poll: return static_cast<const poll_operation&>(what).descriptor;
    case operation_kind::accept: return static_cast<const accept_operation&>(what).descriptor;
    case operation_kind::connect: return static_cast<const connect_operation&>(what).descriptor;
    case operation_kind::receive: return static_cast<const receive_operation&>(what).descriptor;
    case operation_kind::send: return static_cast<const send_operation&>(what).descriptor;
    case operation_kind::receive_message:
        return static_cast<const receive_message_operation&>(what).descriptor;
    case operation_kind::send_message:
        return static_cast<const send_message_operation&>(what).descriptor;
    case operation_kind::send_zero_copy:
        return static_cast<const send_zero_copy_operation&>(what).descriptor;
    case operation_kind::accept_many:
        return static_cast<const accept_many_operation&>(what).descriptor;
    case operation_kind::receive_borrowed:
        return static_cast<const receive_borrowed_operation&>(what).descriptor;
    case operation_kind::close: return static_cast<const close_operation&>(what).descriptor;
    case operation_kind::child:
        return operation_access::pidfd(static_cast<const child_operation&>(what)).get();
    case operation_kind::splice: {
        const auto& splice = static_cast<const splice_operation&>(what);
        return waits_for_source(what) ? splice.source : splice.destination;
    }
    case operation_kind::send_file: return static_cast<const send_file_operation&>(what).socket;
    case operation_kind::read: return static_cast<const read_operation&>(what).descriptor;
    case operation_kind::read_vector:
        return static_cast<const read_vector_operation&>(what).descriptor;
    case operation_kind::write: return static_cast<const write_operation&>(what).descriptor;
    case operation_kind::write_vector:
        return static_cast<const write_vector_operation&>(what).descriptor;
    default: return -1; // the loop keeps the others to itself
    }
}

bool waits_for_source(const operation& what) noexcept {
    return (operation_access::flags(what) & source_is_empty) != 0;
}

bool in_order(const operation& what) noexcept {
    switch (what.kind()) {
    case operation_kind::read: return static_cast<const read_operation&>(what).offset == -1;
    case operation_kind::read_vector:
        return static_cast<const read_vector_operation&>(what).offset == -1;
    case operation_kind::write: return static_cast<const write_operation&>(what).offset == -1;
    case operation_kind::write_vector:
        return static_cast<const write_vector_operation&>(what).offset == -1;
    default: return false;
    }
}

std::uint32_t events_of(const operation& what) noexcept {
    return what.kind() == operation_kind::child
               ? std::uint32_t{POLLIN}
               : static_cast<std::uint16_t>(static_cast<const poll_operation&>(what).events);
}

void close_pidfd(operation& what) noexcept {
    operation_access::pidfd(static_cast<child_operation&>(what)).close();
}

std::optional<int> perform(operation& what) noexcept {
    switch (what.kind()) {
    case operation_kind::poll: return poll(static_cast<poll_operation&>(what));
    case operation_kind::connect: return connect(static_cast<connect_operation&>(what));
    case operation_kind::accept: {
        const auto& accept = static_cast<accept_operation&>(what);
        return unless_waiting(os::accept(accept.descriptor, SOCK_NONBLOCK | SOCK_CLOEXEC));
    }
    case operation_kind::receive: {
        const auto& receive = static_cast<receive_operation&>(what);
        return unless_waiting(os::receive(receive.descriptor, receive.buffer));
    }
    case operation_kind::send: {
        const auto& send = static_cast<send_operation&>(what);
        return unless_waiting(os::send(send.descriptor, send.buffer));
    }
    case operation_kind::send_zero_copy: {
        const auto& send = static_cast<const send_zero_copy_operation&>(what);
        return unless_waiting(os::send(send.descriptor, send.buffer));
    }
    case operation_kind::receive_message: {
        const auto& receive = static_cast<const receive_message_operation&>(what);
        return unless_waiting(
            os::receive_message(receive.descriptor, receive.message, receive.flags));
    }
    case operation_kind::send_message: {
        const auto& send = static_cast<const send_message_operation&>(what);
        return unless_waiting(os::send_message(send.descriptor, send.message, send.flags));
    }
    case operation_kind::close: {
        const int descriptor = static_cast<const close_operation&>(what).descriptor;
        return descriptor < 0 ? -EBADF : os::handle{descriptor}.close();
    }
    case operation_kind::splice: return splice(static_cast<splice_operation&>(what));
    case operation_kind::send_file: {
        const auto& send = static_cast<const send_file_operation&>(what);
        return send.offset < 0
                   ? -EINVAL
                   : unless_waiting(os::send_file(send.socket, send.file, send.offset, send.size));
    }
    case operation_kind::read: {
        const mutable_bytes into = static_cast<const read_operation&>(what).buffer;
        const iovec piece{into.data(), std::min(into.size(), static_cast<std::size_t>(INT_MAX))};
        return read(static_cast<const read_operation&>(what).descriptor, {&piece, 1});
    }
    case operation_kind::read_vector: {
        const auto& vector = static_cast<const read_vector_operation&>(what);
        return read(vector.descriptor, vector.pieces);
    }
    case operation_kind::write: {
        const auto& one = static_cast<const write_operation&>(what);
        const iovec piece{const_cast<std::byte*>(one.buffer.data()),
                          std::min(one.buffer.size(), static_cast<std::size_t>(INT_MAX))};
        return write(one.descriptor, {&piece, 1});
    }
    case operation_kind::write_vector: {
        const auto& vector = static_cast<const write_vector_operation&>(what);
        return write(vector.descriptor, vector.pieces);
    }
    case operation_kind::child: return ask_child(static_cast<child_operation&>(what));
    default: break;
    }
    return -EINVAL; // the loop keeps these to itself
}

} // namespace pirn::detail
