// SPDX-License-Identifier: MIT
//
// Unix sockets on a loop's operations.
//
// Two waits of theirs are made of attempts and pauses: a connect to a full backlog, and a send to a full queue
// that the sender is not connected to, have no readiness in the kernel.
#include <pirn/net/unix.hpp>

#include <pirn/loop/socket.hpp>

#include "net/common.hpp"
#include "net/unix_message.hpp"

#include <array>
#include <chrono>
#include <string>

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace pirn::net {
namespace {

using detail::check;
using detail::direction;
using detail::name_of;

// Pauses between attempts: short at first, as a queue empties fast, and then one that costs nothing.
class pause_between {
  public:
    // False when it was cancelled, or the socket closed. Suspends.
    bool wait(io::detail::endpoint& on) noexcept {
        awaitable<timer_operation> pause{after(next_)};
        next_ = std::min(next_ * 2, std::chrono::microseconds{5'000});
        return detail::await_on(on, direction::writing, pause) != -ECANCELED;
    }

  private:
    std::chrono::microseconds next_{100};
};

unix_message receive_on(io::detail::endpoint& from, mutable_bytes into, std::size_t at_most,
                        std::error_code& error) {
    detail::incoming message{into, at_most};
    awaitable<receive_message_operation> receive{from.descriptor(), &message.header(), 0};
    const std::size_t size = detail::await_on(from, direction::reading, receive, error);
    return error ? unix_message{} : message.take(size);
}

// One datagram, whole or not at all.
void send_on(io::detail::endpoint& through, const msghdr& message, std::error_code& error) {
    PIRN_REQUIRE(through.is_open() || through.closed(),
                 "an operation was started on a socket that is not open");
    if (message.msg_name == nullptr) {
        awaitable<send_message_operation> send{through.descriptor(), &message, 0};
        detail::await_on(through, direction::writing, send, error);
        return;
    }
    pause_between attempts;
    for (;;) {
        pirn::detail::give_way();
        const int result = through.closed() || pirn::detail::stop_refuses()
                               ? -ECANCELED
                               : os::send_message(through.descriptor(), &message, 0);
        error = error_of(result);
        if (result != -EAGAIN) {
            return;
        }
        if (!attempts.wait(through)) {
            error = error_of(-ECANCELED);
            return;
        }
    }
}

std::string text_for(const char* what, const unix_address& where) {
    return what + (" " + to_string(where));
}

// Whether a path is a socket that nobody listens on.
bool is_stale(const unix_address& where) noexcept {
    const std::string path{where.name()};
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) {
        return false;
    }
    const os::handle probe{os::open_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    return probe && os::connect(probe.get(), where.raw(), where.raw_size()) == -ECONNREFUSED;
}

} // namespace

// ---- stream

std::size_t unix_stream::send_descriptors(bytes with, std::span<const int> descriptors,
                                          std::error_code& error) {
    PIRN_REQUIRE(!with.empty(), "descriptors travel with bytes, of which there must be one");
    const detail::outgoing message{with, descriptors, nullptr};
    awaitable<send_message_operation> send{native_handle(), &message.header(), 0};
    const std::size_t sent = detail::await_on(connection(), direction::writing, send, error);
    count();
    return sent;
}

std::size_t unix_stream::send_descriptors(bytes with, std::span<const int> descriptors) {
    std::error_code error;
    const std::size_t sent = send_descriptors(with, descriptors, error);
    check(error, "send_descriptors");
    return sent;
}

unix_message unix_stream::receive_descriptors(mutable_bytes into, std::size_t at_most,
                                              std::error_code& error) {
    PIRN_REQUIRE(!into.empty(), "a buffer of no bytes: its 0 would mean the end");
    unix_message message = receive_on(connection(), into, at_most, error);
    count();
    return message;
}

unix_message unix_stream::receive_descriptors(mutable_bytes into, std::size_t at_most) {
    std::error_code error;
    unix_message message = receive_descriptors(into, at_most, error);
    check(error, "receive_descriptors");
    return message;
}

peer_credentials unix_stream::peer(std::error_code& error) const noexcept {
    ::ucred raw{};
    socklen_t size = sizeof raw;
    const int result = ::getsockopt(native_handle(), SOL_SOCKET, SO_PEERCRED, &raw, &size);
    error = error_of(result < 0 ? -errno : 0);
    return {raw.pid, raw.uid, raw.gid};
}

peer_credentials unix_stream::peer() const {
    std::error_code error;
    const peer_credentials who = peer(error);
    check(error, "peer");
    return who;
}

unix_address unix_stream::local_address() const {
    return name_of<unix_address>(&os::local_address, native_handle(), "local_address");
}

unix_address unix_stream::peer_address() const {
    return name_of<unix_address>(&os::remote_address, native_handle(), "peer_address");
}

// ---- listener

unix_listener& unix_listener::operator=(unix_listener&& other) noexcept {
    if (this != &other) {
        close();
        endpoint_ = std::move(other.endpoint_);
        path_ = std::exchange(other.path_, {});
    }
    return *this;
}

unix_stream unix_listener::accept(std::error_code& error) {
    const int result = detail::accept_on(endpoint_);
    error = error_of(result);
    return result < 0 ? unix_stream{}
                      : unix_stream{io::detail::endpoint{os::handle{result}, current_loop()}};
}

unix_stream unix_listener::accept() {
    std::error_code error;
    unix_stream accepted = accept(error);
    check(error, "accept");
    return accepted;
}

void unix_listener::close() noexcept {
    endpoint_.close();
    if (const made_path path = std::exchange(path_, {}); path.where.is_path()) {
        std::array<char, unix_address::longest + 1> name{};
        path.where.name().copy(name.data(), unix_address::longest);
        struct stat status{};
        if (::lstat(name.data(), &status) == 0 && status.st_dev == path.device &&
            status.st_ino == path.number) {
            ::unlink(name.data());
        }
    }
}

unix_address unix_listener::local_address() const {
    return name_of<unix_address>(&os::local_address, native_handle(), "local_address");
}

unix_listener unix_listen(const unix_address& where, const unix_listen_options& options,
                          std::error_code& error) noexcept {
    unix_listener listener;
    listener.endpoint_ = detail::open_on(current_loop(), AF_UNIX, SOCK_STREAM, 0, error);
    if (error) {
        return {};
    }
    const int descriptor = listener.native_handle();
    std::array<char, unix_address::longest + 1> path{};
    where.name().copy(path.data(), unix_address::longest);
    int result = os::bind(descriptor, where.raw(), where.raw_size());
    if (result == -EADDRINUSE && where.is_path() && options.replace_stale && is_stale(where)) {
        ::unlink(path.data());
        result = os::bind(descriptor, where.raw(), where.raw_size());
    }
    if (result >= 0 && where.is_path()) {
        struct stat status{};
        if (options.remove_at_end && ::lstat(path.data(), &status) == 0) {
            listener.path_ = {where, status.st_dev, status.st_ino};
        }
        // Nobody can connect before it listens.
        if (options.permissions && ::chmod(path.data(), *options.permissions) != 0) {
            result = -errno;
        }
    }
    if (result >= 0) {
        result = os::listen(descriptor, options.backlog);
    }
    error = error_of(result);
    return error ? unix_listener{} : std::move(listener);
}

unix_listener unix_listen(const unix_address& where, const unix_listen_options& options) {
    std::error_code error;
    unix_listener listener = unix_listen(where, options, error);
    if (error) {
        throw_error(error, text_for("listen on", where).c_str());
    }
    return listener;
}

unix_stream unix_connect(const unix_address& to, std::error_code& error) {
    auto made = detail::open_on(current_loop(), AF_UNIX, SOCK_STREAM, 0, error);
    if (error) {
        pirn::detail::give_way(); // an error like any other
        return {};
    }
    pause_between attempts;
    for (;;) {
        awaitable<connect_operation> connect{made.descriptor(), to.raw(), to.raw_size()};
        const int result = detail::await_on(made, direction::writing, connect);
        error = error_of(result);
        if (!error) {
            return unix_stream{std::move(made)};
        }
        if (result != -EAGAIN) {
            return {};
        }
        if (!attempts.wait(made)) {
            error = error_of(-ECANCELED);
            return {};
        }
    }
}

unix_stream unix_connect(const unix_address& to) {
    std::error_code error;
    unix_stream connected = unix_connect(to, error);
    if (error) {
        check(error, text_for("connect to", to).c_str());
    }
    return connected;
}

// ---- datagrams

unix_message unix_datagram::receive(mutable_bytes into, std::size_t at_most,
                                    std::error_code& error) {
    return receive_on(endpoint_, into, at_most, error);
}

unix_message unix_datagram::receive(mutable_bytes into, std::size_t at_most) {
    std::error_code error;
    unix_message message = receive(into, at_most, error);
    check(error, "receive");
    return message;
}

void unix_datagram::send(bytes message, std::span<const int> descriptors, std::error_code& error) {
    const detail::outgoing outgoing{message, descriptors, nullptr};
    send_on(endpoint_, outgoing.header(), error);
}

void unix_datagram::send(bytes message, std::span<const int> descriptors) {
    std::error_code error;
    send(message, descriptors, error);
    check(error, "send");
}

void unix_datagram::send_to(const unix_address& to, bytes message, std::span<const int> descriptors,
                            std::error_code& error) {
    const detail::outgoing outgoing{message, descriptors, &to};
    send_on(endpoint_, outgoing.header(), error);
}

void unix_datagram::send_to(const unix_address& to, bytes message,
                            std::span<const int> descriptors) {
    std::error_code error;
    send_to(to, message, descriptors, error);
    if (error) {
        check(error, text_for("send to", to).c_str());
    }
}

unix_address unix_datagram::local_address() const {
    return name_of<unix_address>(&os::local_address, native_handle(), "local_address");
}

unix_datagram unix_bind(const unix_address& where, std::error_code& error) noexcept {
    auto made = detail::open_on(current_loop(), AF_UNIX, SOCK_DGRAM, 0, error);
    if (!error && !where.is_unnamed()) {
        error = error_of(os::bind(made.descriptor(), where.raw(), where.raw_size()));
    }
    return error ? unix_datagram{} : unix_datagram{std::move(made)};
}

unix_datagram unix_bind(const unix_address& where) {
    std::error_code error;
    unix_datagram bound = unix_bind(where, error);
    if (error) {
        throw_error(error, text_for("bind to", where).c_str());
    }
    return bound;
}

unix_datagram unix_datagram_connect(const unix_address& to) {
    std::error_code error;
    auto made = detail::open_on(current_loop(), AF_UNIX, SOCK_DGRAM, 0, error);
    if (!error) { // which never waits for datagrams
        error = error_of(os::connect(made.descriptor(), to.raw(), to.raw_size()));
    }
    if (error) {
        throw_error(error, text_for("connect to", to).c_str());
    }
    return unix_datagram{std::move(made)};
}

// ---- pairs

namespace {

template <class Socket>
std::pair<Socket, Socket> pair_of(int type) {
    loop& here = current_loop();
    std::array<int, 2> both{};
    if (::socketpair(AF_UNIX, type | here.socket_flags(), 0, both.data()) != 0) {
        throw_errno("socketpair");
    }
    return {Socket{io::detail::endpoint{os::handle{both[0]}, here}},
            Socket{io::detail::endpoint{os::handle{both[1]}, here}}};
}

} // namespace

std::pair<unix_stream, unix_stream> unix_pair() { return pair_of<unix_stream>(SOCK_STREAM); }

std::pair<unix_datagram, unix_datagram> unix_datagram_pair() {
    return pair_of<unix_datagram>(SOCK_DGRAM);
}

} // namespace pirn::net
