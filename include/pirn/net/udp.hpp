// SPDX-License-Identifier: MIT
//
// UDP: datagrams, each of which arrives whole, or cut with a notice, or not at all.
//
//   auto socket = pirn::net::udp_bind(pirn::net::address::any(53));
//   std::array<std::byte, 1500> buffer;
//   auto got = socket.receive(buffer);
//   socket.send_to(std::span{buffer}.first(got.size), got.from);
//
// Forms, cancellation and closing are as in tcp.hpp. One task may receive while another sends.
#pragma once

#include <pirn/base/bytes.hpp>
#include <pirn/base/export.hpp>
#include <pirn/io/endpoint.hpp>
#include <pirn/net/address.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

namespace pirn::net {

struct udp_options {
    // Lets several sockets share a port: each sender's datagrams go to one of them. One per thread.
    bool reuse_port = false;

    // Lets several sockets have the port of a multicast group, each of which gets all datagrams.
    bool reuse_address = false;

    // Allows to send to the broadcast address.
    bool broadcast = false;

    // For [::]: leaves IPv4 to others.
    bool v6_only = false;

    // Joins datagrams of one sender that have the same size (generic receive offload, GRO): a receive into a
    // large buffer may have several, see udp_received::segment_size. std::errc::no_protocol_option where the
    // kernel does not know it.
    bool join_received = false;

    // Bytes, 0 for what the kernel finds good. What finds no room is dropped by it.
    int send_buffer = 0;
    int receive_buffer = 0;
};

// udp_received: of a datagram in the receiver's buffer.
struct udp_received {
    std::size_t size = 0; // bytes
    address from = {};
    bool truncated = false; // it was longer than the buffer

    // Several datagrams of so many bytes stand in the buffer, the last one perhaps shorter; 0: it is one.
    std::size_t segment_size = 0;
};

// udp_slot: of a batch that is received: where to, and then what it was.
struct udp_slot {
    mutable_bytes buffer;
    udp_received received = {};
};

// udp_outgoing: of a batch that is sent. Without an address it goes to whom the socket is connected.
struct udp_outgoing {
    bytes data;
    std::optional<address> to = {};
};

class PIRN_EXPORT udp_socket {
  public:
    // A socket that is not open.
    udp_socket() noexcept = default;
    // Adopts a socket. Never suspends.
    explicit udp_socket(io::detail::endpoint&& bound) noexcept : endpoint_{std::move(bound)} {}

    // receive: the next datagram. On a connected socket std::errc::connection_refused tells that an earlier one
    // met nobody. A receive that is cancelled has taken none. Suspends.
    udp_received receive(mutable_bytes into);
    udp_received receive(mutable_bytes into, std::error_code& error);

    // receive_many: at least one datagram, and what else is there already, at most 32; how many. One call of
    // the kernel for all of them. Suspends.
    std::size_t receive_many(std::span<udp_slot> into);
    std::size_t receive_many(std::span<udp_slot> into, std::error_code& error);

    // send, send_to: one datagram; std::errc::message_size when it is longer than 65,507 bytes (IPv4).
    // Suspend, if there is no room in the socket's buffer.
    void send(bytes datagram);
    void send(bytes datagram, std::error_code& error);
    void send_to(bytes datagram, const address& to);
    void send_to(bytes datagram, const address& to, std::error_code& error);

    // send_many: all of them, in their order, with one call of the kernel for each 32. The second form returns
    // how many were sent before the error. Suspends.
    void send_many(std::span<const udp_outgoing> datagrams);
    std::size_t send_many(std::span<const udp_outgoing> datagrams, std::error_code& error);

    // send_segments: bytes as datagrams of `segment_size` bytes, the last one perhaps shorter, cut by the
    // kernel or the network card (generic segmentation offload, GSO), or one by one where that is refused. To
    // nobody in particular: to whom the socket is connected. The second form returns how many bytes were sent
    // before the error. Suspends.
    void send_segments(bytes data, std::size_t segment_size, std::optional<address> to = {});
    std::size_t send_segments(bytes data, std::size_t segment_size, std::optional<address> to,
                              std::error_code& error);

    // connect: from now on send goes there, and only what comes from there is received. Never suspends.
    void connect(const address& to);
    void connect(const address& to, std::error_code& error) noexcept;

    // join, leave: a multicast group, on an interface, whose number if_nametoindex(3) tells; 0: what the routes
    // say, or the group's own scope. Never suspend.
    void join(const address& group, unsigned interface = 0);
    void join(const address& group, unsigned interface, std::error_code& error) noexcept;
    void leave(const address& group, unsigned interface = 0);
    void leave(const address& group, unsigned interface, std::error_code& error) noexcept;

    // set_multicast_interface: through which multicasts are sent. set_multicast_loop: whether they are also
    // received on this machine (yes, if not set). Never suspend.
    void set_multicast_interface(unsigned interface);
    void set_multicast_loop(bool on);

    // set_ttl, set_multicast_ttl: how many routers a datagram may pass, 1 to 255, and 0 to 255. Multicasts
    // pass none (1) if not set. Never suspend.
    void set_ttl(int hops);
    void set_multicast_ttl(int hops);

    // set_broadcast: whether sending to the broadcast address is allowed. Never suspends.
    void set_broadcast(bool on);

    // close: what is in flight, or begins later, ends with std::errc::operation_canceled. Suspends.
    void close() noexcept { endpoint_.close(); }

    address local_address() const;
    address local_address(std::error_code& error) const noexcept;
    // peer_address: of a connected socket; otherwise std::errc::not_connected. Never suspends.
    address peer_address() const;
    address peer_address(std::error_code& error) const noexcept;

    bool is_open() const noexcept { return endpoint_.is_open(); }
    int native_handle() const noexcept { return endpoint_.descriptor(); }

  private:
    bool is_v6() const noexcept;
    int send_joined(bytes data, std::size_t segment_size, const address* to) noexcept;
    std::size_t send_pieces(bytes data, std::size_t segment_size, const std::optional<address>& to,
                            std::error_code& error);

    io::detail::endpoint endpoint_;
};

// udp_bind: a socket that receives at an address; port 0 lets the kernel choose. Never suspends.
PIRN_EXPORT udp_socket udp_bind(const address& where, const udp_options& options = {});
PIRN_EXPORT udp_socket udp_bind(const address& where, const udp_options& options,
                                std::error_code& error) noexcept;

// udp_connect: a socket that talks to one address. Never suspends.
PIRN_EXPORT udp_socket udp_connect(const address& to, const udp_options& options = {});
PIRN_EXPORT udp_socket udp_connect(const address& to, const udp_options& options,
                                   std::error_code& error) noexcept;

} // namespace pirn::net
