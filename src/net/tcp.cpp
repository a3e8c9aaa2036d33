// SPDX-License-Identifier: MIT
//
// TCP on a loop's operations. Each pair of forms is one function that fills in an error_code, and a thin
// one that throws it.
#include <pirn/net/tcp.hpp>

#include "net/common.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

namespace pirn::net {
namespace {

using detail::check;
using detail::direction;
using detail::name_of;

int family_of(const address& where) noexcept { return where.is_v6() ? AF_INET6 : AF_INET; }

} // namespace

// ---- stream

void tcp_stream::set_no_delay(bool on) {
    check(error_of(os::set_option(native_handle(), IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0)),
          "set_no_delay");
}

void tcp_stream::apply(const tcp_options& options, std::error_code& error) noexcept {
    error = net::apply(options, native_handle());
}

void tcp_stream::apply(const tcp_options& options) {
    check(net::apply(options, native_handle()), "apply");
}

address tcp_stream::local_address(std::error_code& error) const noexcept {
    return name_of<address>(&os::local_address, native_handle(), error);
}

address tcp_stream::local_address() const {
    return name_of<address>(&os::local_address, native_handle(), "local_address");
}

address tcp_stream::peer_address(std::error_code& error) const noexcept {
    return name_of<address>(&os::remote_address, native_handle(), error);
}

address tcp_stream::peer_address() const {
    return name_of<address>(&os::remote_address, native_handle(), "peer_address");
}

// ---- listener

tcp_stream tcp_listener::accept(std::error_code& error) {
    const int result = detail::accept_on(endpoint_);
    error = error_of(result);
    return result < 0 ? tcp_stream{}
                      : tcp_stream{io::detail::endpoint{os::handle{result}, current_loop()}};
}

tcp_stream tcp_listener::accept() {
    std::error_code error;
    tcp_stream accepted = accept(error);
    check(error, "accept");
    return accepted;
}

address tcp_listener::local_address(std::error_code& error) const noexcept {
    return name_of<address>(&os::local_address, native_handle(), error);
}

address tcp_listener::local_address() const {
    return name_of<address>(&os::local_address, native_handle(), "local_address");
}

// ---- making them

tcp_listener tcp_listen(const address& where, const listen_options& options,
                        std::error_code& error) noexcept {
    const int family = family_of(where);
    auto made = detail::open_on(current_loop(), family, SOCK_STREAM, IPPROTO_TCP, error);
    // What is accepted inherits its options from the listener: no system call for each connection.
    if (!error) {
        error = apply(options.accepted, made.descriptor());
    }
    if (error) {
        return {};
    }
    const int descriptor = made.descriptor();
    int result = 0;
    if (options.reuse_address) {
        result = os::set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
    }
    if (result >= 0 && options.reuse_port) {
        result = os::set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    if (result >= 0 && family == AF_INET6) { // always, as the default is the system's
        result = os::set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only ? 1 : 0);
    }
    if (result >= 0) {
        result = os::bind(descriptor, where.raw(), where.raw_size());
    }
    if (result >= 0) {
        result = os::listen(descriptor, options.backlog);
    }
    error = error_of(result);
    return error ? tcp_listener{} : tcp_listener{std::move(made)};
}

tcp_listener tcp_listen(const address& where, const listen_options& options) {
    std::error_code error;
    tcp_listener listener = tcp_listen(where, options, error);
    if (error) {
        throw_error(error, ("listen on " + to_string(where)).c_str());
    }
    return listener;
}

tcp_listener tcp_listen(std::string_view where, const listen_options& options) {
    return tcp_listen(address::parse(where), options);
}

tcp_listener tcp_listen(std::string_view where, const listen_options& options,
                        std::error_code& error) noexcept {
    const address parsed = address::parse(where, error);
    return error ? tcp_listener{} : tcp_listen(parsed, options, error);
}

tcp_stream tcp_connect(const address& to, const tcp_options& options, std::error_code& error) {
    auto made = detail::open_on(current_loop(), family_of(to), SOCK_STREAM, IPPROTO_TCP, error);
    if (!error) {
        error = apply(options, made.descriptor());
    }
    if (error) {
        pirn::detail::give_way(); // an error like any other
        return {};
    }
    awaitable<connect_operation> connect{made.descriptor(), to.raw(), to.raw_size()};
    detail::await_on(made, direction::writing, connect, error);
    return error ? tcp_stream{} : tcp_stream{std::move(made)};
}

tcp_stream tcp_connect(const address& to, std::error_code& error) {
    return tcp_connect(to, {}, error);
}

tcp_stream tcp_connect(const address& to, const tcp_options& options) {
    std::error_code error;
    tcp_stream connected = tcp_connect(to, options, error);
    if (error) {
        check(error, ("connect to " + to_string(to)).c_str());
    }
    return connected;
}

tcp_stream tcp_connect(std::string_view to, const tcp_options& options) {
    return tcp_connect(address::parse(to), options);
}

} // namespace pirn::net
