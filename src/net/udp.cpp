// SPDX-License-Identifier: MIT
//
// UDP on a loop's operations. Batches are the kernel's own (recvmmsg, sendmmsg), tried at once; only when
// nothing is there, or there is no room, an operation waits for the first. Options are in udp_options.cpp.
#include <pirn/net/udp.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/loop/socket.hpp>

#include "net/common.hpp"
#include "os/datagrams.hpp"

#include <array>
#include <cstring>

#include <netinet/in.h>
#include <netinet/udp.h>

namespace pirn::net {
namespace {

using detail::check;
using detail::direction;

constexpr std::size_t most_at_once = 32;
constexpr std::size_t largest = 65'507; // bytes of a datagram over IPv4
constexpr std::size_t most_segments = 64;

// Room for what comes along with one datagram: who sent it, and how large its segments are.
struct companion {
    iovec piece;
    sockaddr_in6 from;
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control;

    void prepare(msghdr& header, mutable_bytes into) noexcept {
        header = {};
        piece = {into.data(), into.size()};
        header.msg_iov = &piece;
        header.msg_iovlen = 1;
        header.msg_name = &from;
        header.msg_namelen = sizeof from;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
    }

    udp_received take(msghdr& header, std::size_t size) const noexcept {
        udp_received got{
            .size = size,
            .from = address::from(reinterpret_cast<const sockaddr*>(&from), header.msg_namelen),
            .truncated = (header.msg_flags & MSG_TRUNC) != 0};
        const cmsghdr* const joined = CMSG_FIRSTHDR(&header);
        if (joined != nullptr && joined->cmsg_level == IPPROTO_UDP &&
            joined->cmsg_type == UDP_GRO) {
            int segment = 0;
            std::memcpy(&segment, CMSG_DATA(joined), sizeof segment);
            if (static_cast<std::size_t>(segment) < size) {
                got.segment_size = static_cast<std::size_t>(segment);
            }
        }
        return got;
    }
};

void address_to(msghdr& header, iovec& piece, bytes data, const address* to) noexcept {
    header = {};
    piece = {const_cast<std::byte*>(data.data()), data.size()};
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    if (to != nullptr) {
        header.msg_name = const_cast<sockaddr*>(to->raw());
        header.msg_namelen = to->raw_size();
    }
}

// Tries a call that does not wait, and if it would have to, the operation, which does the first of its part.
// `waited` says that it was the operation. Suspends.
template <class Operation, class Call>
int try_or_await(io::detail::endpoint& which, direction side, awaitable<Operation>& what,
                 bool& waited, Call at_once) noexcept {
    waited = false;
    if (which.closed()) {
        return io::detail::refuse(-ECANCELED);
    }
    loop& here = current_loop();
    io::detail::endpoint::in_use mark{which, side, what, here};
    pirn::detail::give_way();
    if (which.closed() || pirn::detail::stop_refuses()) {
        return -ECANCELED;
    }
    const int result = at_once();
    if (result != -EAGAIN) {
        return result;
    }
    waited = true;
    return mark.wait(here, what);
}

} // namespace

// ---- receiving

udp_received udp_socket::receive(mutable_bytes into, std::error_code& error) {
    companion with;
    msghdr header;
    with.prepare(header, into);
    awaitable<receive_message_operation> receive{native_handle(), &header, 0};
    const std::size_t size = detail::await_on(endpoint_, direction::reading, receive, error);
    return error ? udp_received{} : with.take(header, size);
}

udp_received udp_socket::receive(mutable_bytes into) {
    std::error_code error;
    const udp_received got = receive(into, error);
    check(error, "receive");
    return got;
}

std::size_t udp_socket::receive_many(std::span<udp_slot> into, std::error_code& error) {
    PIRN_REQUIRE(!into.empty(), "receive_many was given no slots: it would wait for nothing");
    std::array<companion, most_at_once> with;
    std::array<mmsghdr, most_at_once> headers;
    const std::size_t room = std::min(into.size(), most_at_once);
    for (std::size_t i = 0; i < room; ++i) {
        with[i].prepare(headers[i].msg_hdr, into[i].buffer);
        headers[i].msg_len = 0;
    }
    const auto at_once = [&](std::size_t from) noexcept {
        return os::receive_messages(native_handle(), std::span{headers}.first(room).subspan(from));
    };
    awaitable<receive_message_operation> first{native_handle(), &headers[0].msg_hdr, 0};
    bool waited = false;
    const int result = try_or_await(endpoint_, direction::reading, first, waited,
                                    [&]() noexcept { return at_once(0); });
    error = error_of(result);
    if (error) {
        return 0;
    }
    auto count = static_cast<std::size_t>(result);
    if (waited) {
        headers[0].msg_len = static_cast<unsigned>(result);
        const int more = room > 1 ? at_once(1) : 0; // an error will be told next time
        count = 1 + static_cast<std::size_t>(std::max(more, 0));
    }
    for (std::size_t i = 0; i < count; ++i) {
        into[i].received = with[i].take(headers[i].msg_hdr, headers[i].msg_len);
    }
    return count;
}

std::size_t udp_socket::receive_many(std::span<udp_slot> into) {
    std::error_code error;
    const std::size_t count = receive_many(into, error);
    check(error, "receive_many");
    return count;
}

// ---- sending

void udp_socket::send(bytes datagram, std::error_code& error) {
    msghdr header;
    iovec piece;
    address_to(header, piece, datagram, nullptr);
    awaitable<send_message_operation> send{native_handle(), &header, 0};
    detail::await_on(endpoint_, direction::writing, send, error);
}

void udp_socket::send(bytes datagram) {
    std::error_code error;
    send(datagram, error);
    check(error, "send");
}

void udp_socket::send_to(bytes datagram, const address& to, std::error_code& error) {
    msghdr header;
    iovec piece;
    address_to(header, piece, datagram, &to);
    awaitable<send_message_operation> send{native_handle(), &header, 0};
    detail::await_on(endpoint_, direction::writing, send, error);
}

void udp_socket::send_to(bytes datagram, const address& to) {
    std::error_code error;
    send_to(datagram, to, error);
    if (error) {
        check(error, ("send to " + to_string(to)).c_str());
    }
}

std::size_t udp_socket::send_many(std::span<const udp_outgoing> datagrams, std::error_code& error) {
    std::array<iovec, most_at_once> pieces;
    std::array<mmsghdr, most_at_once> headers;
    std::size_t sent = 0;
    error.clear();
    while (sent < datagrams.size() && !error) {
        const auto next = datagrams.subspan(sent, std::min(datagrams.size() - sent, most_at_once));
        for (std::size_t i = 0; i < next.size(); ++i) {
            const auto& to = next[i].to;
            address_to(headers[i].msg_hdr, pieces[i], next[i].data, to ? &*to : nullptr);
        }
        awaitable<send_message_operation> first{native_handle(), &headers[0].msg_hdr, 0};
        bool waited = false;
        const int result =
            try_or_await(endpoint_, direction::writing, first, waited, [&]() noexcept {
                return os::send_messages(native_handle(), std::span{headers}.first(next.size()));
            });
        error = error_of(result);
        if (!error) {
            sent += waited ? 1 : static_cast<std::size_t>(result);
        }
    }
    return sent;
}

void udp_socket::send_many(std::span<const udp_outgoing> datagrams) {
    std::error_code error;
    send_many(datagrams, error);
    check(error, "send_many");
}

int udp_socket::send_joined(bytes data, std::size_t segment_size, const address* to) noexcept {
    msghdr header;
    iovec piece;
    address_to(header, piece, data, to);
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t))> control{};
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* const segment = CMSG_FIRSTHDR(&header);
    segment->cmsg_level = IPPROTO_UDP;
    segment->cmsg_type = UDP_SEGMENT;
    segment->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
    const auto size = static_cast<std::uint16_t>(segment_size);
    std::memcpy(CMSG_DATA(segment), &size, sizeof size);
    awaitable<send_message_operation> send{native_handle(), &header, 0};
    return detail::await_on(endpoint_, direction::writing, send);
}

std::size_t udp_socket::send_pieces(bytes data, std::size_t segment_size,
                                    const std::optional<address>& to, std::error_code& error) {
    std::array<udp_outgoing, most_at_once> datagrams;
    std::size_t sent = 0;
    while (sent < data.size() && !error) {
        std::size_t count = 0;
        for (std::size_t at = sent; at < data.size() && count < most_at_once; ++count) {
            datagrams[count] = {data.subspan(at, std::min(segment_size, data.size() - at)), to};
            at += segment_size;
        }
        count = send_many(std::span{datagrams}.first(count), error);
        sent = std::min(sent + count * segment_size, data.size());
    }
    return sent;
}

std::size_t udp_socket::send_segments(bytes data, std::size_t segment_size,
                                      std::optional<address> to, std::error_code& error) {
    PIRN_REQUIRE(segment_size > 0 && segment_size <= largest, "datagrams of such a size are none",
                 {"segment_size", segment_size});
    // So much goes with one call: whole segments, of which the kernel takes only so many.
    const std::size_t lot = std::min(largest / segment_size, most_segments) * segment_size;
    std::size_t sent = 0;
    error.clear();
    while (sent < data.size() && !error) {
        const bytes next = data.subspan(sent, std::min(lot, data.size() - sent));
        // One segment is a plain datagram, and the kernel may fragment that.
        const int result = next.size() > segment_size
                               ? send_joined(next, segment_size, to ? &*to : nullptr)
                               : -EIO;
        // -EIO: the way out cannot compute checksums. -EINVAL, -EMSGSIZE: a segment does not fit into a
        // packet. Others: a kernel that does not know it.
        if (result == -EIO || result == -EINVAL || result == -EMSGSIZE || result == -ENOPROTOOPT ||
            result == -EOPNOTSUPP) {
            sent += send_pieces(next, segment_size, to, error);
        } else {
            error = error_of(result);
            sent += error ? 0 : next.size();
        }
    }
    return sent;
}

void udp_socket::send_segments(bytes data, std::size_t segment_size, std::optional<address> to) {
    std::error_code error;
    send_segments(data, segment_size, to, error);
    check(error, "send_segments");
}

} // namespace pirn::net
