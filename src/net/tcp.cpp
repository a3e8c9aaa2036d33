// SPDX-License-Identifier: MIT
//
// TCP on a loop's operations. Each pair of forms is one function that fills in an error_code, and a thin
// one that throws it.
#include <pirn/net/tcp.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/runtime/runtime.hpp>

#include "net/socket_await.hpp"
#include "os/socket.hpp"

#include <cerrno>
#include <chrono>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace pirn::net {
namespace {

using side = detail::socket::direction;

// While the process has no descriptor left, the kernel reports the waiting connection again and again;
// in between, others get the thread, and may close something.
constexpr auto out_of_descriptors_pause = std::chrono::milliseconds{20};

bool out_of_descriptors(int result) noexcept {
    return result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM;
}

// A small write is to leave at once: request and answer protocols are the rule, and Nagle's algorithm
// together with delayed acknowledgements would hold each back by 40 ms.
void send_without_delay(int descriptor) noexcept {
    os::set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
}

address name_of(int (*ask)(int, sockaddr*, socklen_t*) noexcept, int descriptor, const char* what) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    auto* raw = reinterpret_cast<sockaddr*>(&storage);
    if (const int result = ask(descriptor, raw, &size); result < 0) {
        throw_error(error_of(result), what);
    }
    return address::from(raw, size);
}

// The throwing form of an operation that has filled in an error.
void check(const std::error_code& error, const char* operation) {
    if (PIRN_UNLIKELY(static_cast<bool>(error))) {
        if (error == std::errc::operation_canceled && stop_requested()) {
            throw cancelled{};
        }
        throw_error(error, operation);
    }
}

} // namespace

// ---- stream

std::size_t tcp_stream::read(mutable_bytes into, std::error_code& error) {
    PIRN_REQUIRE(!into.empty(), "read was given a buffer of no bytes: its 0 would mean the end");
    awaitable<receive_operation> receive{socket_.descriptor(), into};
    return detail::await_on(socket_, side::reading, receive, error);
}

std::size_t tcp_stream::read(mutable_bytes into) {
    std::error_code error;
    const std::size_t count = read(into, error);
    check(error, "read");
    return count;
}

std::size_t tcp_stream::write(bytes from, std::error_code& error) {
    if (from.empty()) {
        error = error_of(stop_requested() ? -ECANCELED : 0);
        return 0;
    }
    awaitable<send_operation> send{socket_.descriptor(), from};
    return detail::await_on(socket_, side::writing, send, error);
}

std::size_t tcp_stream::write(bytes from) {
    std::error_code error;
    const std::size_t count = write(from, error);
    check(error, "write");
    return count;
}

std::size_t tcp_stream::write_all(bytes from, std::error_code& error) {
    std::size_t written = 0;
    do {
        written += write(from.subspan(written), error);
    } while (!error && written < from.size());
    return written;
}

void tcp_stream::write_all(bytes from) {
    std::error_code error;
    write_all(from, error);
    check(error, "write_all");
}

void tcp_stream::shutdown(shutdown_side which, std::error_code& error) noexcept {
    const int how = which == shutdown_side::read    ? SHUT_RD
                    : which == shutdown_side::write ? SHUT_WR
                                                    : SHUT_RDWR;
    error = error_of(os::shutdown(socket_.descriptor(), how));
}

void tcp_stream::shutdown(shutdown_side which) {
    std::error_code error;
    shutdown(which, error);
    check(error, "shutdown");
}

void tcp_stream::set_no_delay(bool on) {
    check(error_of(os::set_option(socket_.descriptor(), IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0)),
          "set_no_delay");
}

address tcp_stream::local_address() const {
    return name_of(&os::local_address, socket_.descriptor(), "local_address");
}

address tcp_stream::peer_address() const {
    return name_of(&os::remote_address, socket_.descriptor(), "peer_address");
}

// ---- listener

tcp_stream tcp_listener::accept(std::error_code& error) {
    for (;;) {
        awaitable<accept_operation> next{socket_.descriptor()};
        const int result = detail::await_on(socket_, side::reading, next);
        if (result >= 0) {
            error.clear();
            send_without_delay(result);
            return tcp_stream{detail::socket{os::handle{result}, current_loop()}};
        }
        if (out_of_descriptors(result)) {
            awaitable<timer_operation> pause{after(out_of_descriptors_pause)};
            // Marked as in use all the time, so that whoever closes the listener ends the pause too.
            if (detail::await_on(socket_, side::reading, pause) != -ECANCELED) {
                continue;
            }
            error = error_of(-ECANCELED);
            return {};
        }
        // The peer went away while it waited in the backlog: not the listener's trouble.
        if (result == -ECONNABORTED || result == -EPROTO) {
            continue;
        }
        error = error_of(result);
        return {};
    }
}

tcp_stream tcp_listener::accept() {
    std::error_code error;
    tcp_stream accepted = accept(error);
    check(error, "accept");
    return accepted;
}

address tcp_listener::local_address() const {
    return name_of(&os::local_address, socket_.descriptor(), "local_address");
}

// ---- making them

namespace {

detail::socket open_on(loop& here, const address& where, std::error_code& error) noexcept {
    const int family = where.is_v6() ? AF_INET6 : AF_INET;
    const int result = os::open_socket(family, SOCK_STREAM | here.socket_flags(), IPPROTO_TCP);
    if (result < 0) {
        error = error_of(result);
        return {};
    }
    return {os::handle{result}, here};
}

} // namespace

tcp_listener tcp_listen(const address& where, const listen_options& options,
                        std::error_code& error) noexcept {
    error.clear();
    detail::socket made = open_on(current_loop(), where, error);
    if (error) {
        return {};
    }
    const int descriptor = made.descriptor();
    int result = os::set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
    if (result >= 0 && options.reuse_port) {
        result = os::set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    if (result >= 0) {
        result = os::bind(descriptor, where.raw(), where.raw_size());
    }
    if (result >= 0) {
        result = os::listen(descriptor, options.backlog);
    }
    if (result < 0) {
        error = error_of(result);
        return {};
    }
    return tcp_listener{std::move(made)};
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

tcp_stream tcp_connect(const address& to, std::error_code& error) {
    error.clear();
    detail::socket made = open_on(current_loop(), to, error);
    if (error) {
        return {};
    }
    awaitable<connect_operation> connect{made.descriptor(), to.raw(), to.raw_size()};
    detail::await_on(made, side::writing, connect, error);
    if (error) {
        return {};
    }
    send_without_delay(made.descriptor());
    return tcp_stream{std::move(made)};
}

tcp_stream tcp_connect(const address& to) {
    std::error_code error;
    tcp_stream connected = tcp_connect(to, error);
    if (error == std::errc::operation_canceled && stop_requested()) {
        throw cancelled{};
    }
    if (error) {
        throw_error(error, ("connect to " + to_string(to)).c_str());
    }
    return connected;
}

tcp_stream tcp_connect(std::string_view to) { return tcp_connect(address::parse(to)); }

} // namespace pirn::net
