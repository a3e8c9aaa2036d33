// SPDX-License-Identifier: MIT
//
// UDP sockets: making them and setting them up. ip(7), ipv6(7) and udp(7) say what each option does.
#include <pirn/net/udp.hpp>

#include "net/common.hpp"

#include <cstring>

#include <netinet/in.h>
#include <netinet/udp.h>

namespace pirn::net {
namespace {

using detail::check;
using detail::name_of;

int change_group(int descriptor, int option, const address& group, unsigned interface) noexcept {
    group_req request{};
    request.gr_interface = interface != 0 ? interface : group.scope_id();
    std::memcpy(&request.gr_group, group.raw(), group.raw_size());
    return detail::set_option(descriptor, group.is_v6() ? IPPROTO_IPV6 : IPPROTO_IP, option,
                              request);
}

std::error_code set_up(int descriptor, bool v6, const udp_options& options) noexcept {
    int result = 0;
    const auto set = [&](bool wanted, int level, int name, int value) {
        if (wanted && result >= 0) {
            result = os::set_option(descriptor, level, name, value);
        }
    };
    set(options.reuse_port, SOL_SOCKET, SO_REUSEPORT, 1);
    set(options.reuse_address, SOL_SOCKET, SO_REUSEADDR, 1);
    set(options.broadcast, SOL_SOCKET, SO_BROADCAST, 1);
    set(v6, IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only ? 1 : 0);
    set(options.join_received, IPPROTO_UDP, UDP_GRO, 1);
    set(options.send_buffer != 0, SOL_SOCKET, SO_SNDBUF, options.send_buffer);
    set(options.receive_buffer != 0, SOL_SOCKET, SO_RCVBUF, options.receive_buffer);
    return error_of(result);
}

udp_socket open(const address& where, const udp_options& options,
                int (*attach)(int, const sockaddr*, socklen_t) noexcept,
                std::error_code& error) noexcept {
    const int family = where.is_v6() ? AF_INET6 : AF_INET;
    auto made = detail::open_on(current_loop(), family, SOCK_DGRAM, IPPROTO_UDP, error);
    if (!error) {
        error = set_up(made.descriptor(), where.is_v6(), options);
    }
    if (!error && !where.is_v6()) {
        // By default a socket also gets what others on this machine have joined.
        error = error_of(os::set_option(made.descriptor(), IPPROTO_IP, IP_MULTICAST_ALL, 0));
    } else if (!error) {
        os::set_option(made.descriptor(), IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0); // since Linux 4.20
    }
    if (!error) {
        error = error_of(attach(made.descriptor(), where.raw(), where.raw_size()));
    }
    return error ? udp_socket{} : udp_socket{std::move(made)};
}

} // namespace

bool udp_socket::is_v6() const noexcept {
    return os::option(native_handle(), SOL_SOCKET, SO_DOMAIN) == AF_INET6;
}

void udp_socket::connect(const address& to, std::error_code& error) noexcept {
    error = error_of(os::connect(native_handle(), to.raw(), to.raw_size())); // never waits
}

void udp_socket::connect(const address& to) {
    std::error_code error;
    connect(to, error);
    if (error) {
        throw_error(error, ("connect to " + to_string(to)).c_str());
    }
}

void udp_socket::join(const address& group, unsigned interface, std::error_code& error) noexcept {
    error = error_of(change_group(native_handle(), MCAST_JOIN_GROUP, group, interface));
}

void udp_socket::join(const address& group, unsigned interface) {
    std::error_code error;
    join(group, interface, error);
    if (error) {
        throw_error(error, ("join " + group.host()).c_str());
    }
}

void udp_socket::leave(const address& group, unsigned interface, std::error_code& error) noexcept {
    error = error_of(change_group(native_handle(), MCAST_LEAVE_GROUP, group, interface));
}

void udp_socket::leave(const address& group, unsigned interface) {
    std::error_code error;
    leave(group, interface, error);
    if (error) {
        throw_error(error, ("leave " + group.host()).c_str());
    }
}

void udp_socket::set_multicast_interface(unsigned interface) {
    int result = 0;
    if (is_v6()) {
        result = os::set_option(native_handle(), IPPROTO_IPV6, IPV6_MULTICAST_IF,
                                static_cast<int>(interface));
    } else {
        ip_mreqn request{};
        request.imr_ifindex = static_cast<int>(interface);
        result = detail::set_option(native_handle(), IPPROTO_IP, IP_MULTICAST_IF, request);
    }
    check(error_of(result), "set_multicast_interface");
}

void udp_socket::set_multicast_loop(bool on) {
    const bool v6 = is_v6();
    check(error_of(os::set_option(native_handle(), v6 ? IPPROTO_IPV6 : IPPROTO_IP,
                                  v6 ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP, on ? 1 : 0)),
          "set_multicast_loop");
}

void udp_socket::set_ttl(int hops) {
    const bool v6 = is_v6();
    check(error_of(os::set_option(native_handle(), v6 ? IPPROTO_IPV6 : IPPROTO_IP,
                                  v6 ? IPV6_UNICAST_HOPS : IP_TTL, hops)),
          "set_ttl");
}

void udp_socket::set_multicast_ttl(int hops) {
    const bool v6 = is_v6();
    check(error_of(os::set_option(native_handle(), v6 ? IPPROTO_IPV6 : IPPROTO_IP,
                                  v6 ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL, hops)),
          "set_multicast_ttl");
}

void udp_socket::set_broadcast(bool on) {
    check(error_of(os::set_option(native_handle(), SOL_SOCKET, SO_BROADCAST, on ? 1 : 0)),
          "set_broadcast");
}

address udp_socket::local_address(std::error_code& error) const noexcept {
    return name_of<address>(&os::local_address, native_handle(), error);
}

address udp_socket::local_address() const {
    return name_of<address>(&os::local_address, native_handle(), "local_address");
}

address udp_socket::peer_address(std::error_code& error) const noexcept {
    return name_of<address>(&os::remote_address, native_handle(), error);
}

address udp_socket::peer_address() const {
    return name_of<address>(&os::remote_address, native_handle(), "peer_address");
}

udp_socket udp_bind(const address& where, const udp_options& options,
                    std::error_code& error) noexcept {
    return open(where, options, &os::bind, error);
}

udp_socket udp_bind(const address& where, const udp_options& options) {
    std::error_code error;
    udp_socket bound = udp_bind(where, options, error);
    if (error) {
        throw_error(error, ("bind to " + to_string(where)).c_str());
    }
    return bound;
}

udp_socket udp_connect(const address& to, const udp_options& options,
                       std::error_code& error) noexcept {
    return open(to, options, &os::connect, error);
}

udp_socket udp_connect(const address& to, const udp_options& options) {
    std::error_code error;
    udp_socket connected = udp_connect(to, options, error);
    if (error) {
        throw_error(error, ("connect to " + to_string(to)).c_str());
    }
    return connected;
}

} // namespace pirn::net
