// SPDX-License-Identifier: MIT
//
// Unix sockets: streams and datagrams between processes of one machine, which can also pass descriptors and
// say who is at the other end.
//
//   auto listener = pirn::net::unix_listen(pirn::net::unix_address::path("/run/pirn.sock"));
//   auto client = listener.accept();
//   if (client.peer().user != ::getuid()) return;
//
// Forms, cancellation and closing are as in tcp.hpp.
#pragma once

#include <pirn/base/bytes.hpp>
#include <pirn/base/export.hpp>
#include <pirn/io/endpoint.hpp>
#include <pirn/net/stream_socket.hpp>
#include <pirn/net/unix_address.hpp>
#include <pirn/os/handle.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace pirn::net {

// peer_credentials: of the process that connected, or made the pair, as it was then.
struct peer_credentials {
    pid_t process;
    uid_t user;
    gid_t group;
};

// unix_message: what comes with descriptors.
struct unix_message {
    std::size_t size = 0;                // bytes
    std::vector<os::handle> descriptors; // close-on-exec, and the receiver's
    bool truncated = false;              // a datagram that was longer than the buffer
    bool descriptors_lost =
        false;              // more than the receiver wanted, or could have: closed by the kernel
    unix_address from = {}; // for datagrams
};

// most_descriptors: that can go with one message.
inline constexpr std::size_t most_descriptors = 253;

// unix_stream: one connection; reading, writing and closing are those of stream_socket.
class PIRN_EXPORT unix_stream final : public stream_socket {
  public:
    // A stream that is not open.
    unix_stream() noexcept = default;
    // Adopts a connected socket. Never suspends.
    explicit unix_stream(io::detail::endpoint&& connected) noexcept
        : stream_socket{std::move(connected)} {}

    // send_descriptors: descriptors with bytes, of which there is at least one; returns how many bytes the
    // kernel took, perhaps fewer; the descriptors have gone with the first. They stay open here. Suspends.
    std::size_t send_descriptors(bytes with, std::span<const int> descriptors);
    std::size_t send_descriptors(bytes with, std::span<const int> descriptors,
                                 std::error_code& error);

    // receive_descriptors: a read that also takes descriptors, at most so many; size 0 is the end. Bytes that
    // came with different descriptors are not joined. A plain read drops descriptors. Suspends.
    unix_message receive_descriptors(mutable_bytes into, std::size_t at_most);
    unix_message receive_descriptors(mutable_bytes into, std::size_t at_most,
                                     std::error_code& error);

    // peer: who is at the other end. Never suspends.
    peer_credentials peer() const;
    peer_credentials peer(std::error_code& error) const noexcept;

    unix_address local_address() const;
    unix_address peer_address() const;
};

struct unix_listen_options {
    // How many connections may wait to be accepted; net.core.somaxconn is the kernel's limit.
    int backlog = 4096;

    // A path that nobody listens on any more, left by a process that has died, is removed first.
    bool replace_stale = true;

    // The path is removed when the listener is closed.
    bool remove_at_end = true;

    // Permissions of the path: who may connect. None: what the umask leaves.
    std::optional<mode_t> permissions = {};
};

// unix_listener: accepts connections. One task accepts at a time.
class PIRN_EXPORT unix_listener {
  public:
    unix_listener() noexcept = default;
    unix_listener(unix_listener&& other) noexcept
        : endpoint_{std::move(other.endpoint_)}, path_{std::exchange(other.path_, {})} {}
    unix_listener& operator=(unix_listener&& other) noexcept;
    ~unix_listener() { close(); }

    // accept: the next connection; waits while the process has no descriptor left. Suspends.
    unix_stream accept();
    unix_stream accept(std::error_code& error);

    // close: an accept, in flight or later, ends with std::errc::operation_canceled. Suspends.
    void close() noexcept;

    unix_address local_address() const;

    bool is_open() const noexcept { return endpoint_.is_open(); }
    int native_handle() const noexcept { return endpoint_.descriptor(); }

  private:
    friend unix_listener unix_listen(const unix_address&, const unix_listen_options&,
                                     std::error_code&) noexcept;
    // What is to be removed at the end, if it is still what was made; unnamed for nothing.
    struct made_path {
        unix_address where;
        dev_t device = 0;
        ino_t number = 0;
    };

    io::detail::endpoint endpoint_;
    made_path path_;
};

// unix_datagram: messages, kept apart, neither lost nor reordered; a sender waits while the receiver's queue is
// full. One task receives while another sends.
class PIRN_EXPORT unix_datagram {
  public:
    unix_datagram() noexcept = default;
    explicit unix_datagram(io::detail::endpoint&& bound) noexcept : endpoint_{std::move(bound)} {}

    // receive: the next message, with at most so many descriptors. A message that is longer than the buffer
    // is cut, and says so. Suspends.
    unix_message receive(mutable_bytes into, std::size_t at_most = 0);
    unix_message receive(mutable_bytes into, std::size_t at_most, std::error_code& error);

    // send: a message, to whom it is connected. Suspends.
    void send(bytes message, std::span<const int> descriptors = {});
    void send(bytes message, std::span<const int> descriptors, std::error_code& error);

    // send_to: a message, to a socket that is bound to a name. Suspends.
    void send_to(const unix_address& to, bytes message, std::span<const int> descriptors = {});
    void send_to(const unix_address& to, bytes message, std::span<const int> descriptors,
                 std::error_code& error);

    // close: what is in flight, or begins later, ends with std::errc::operation_canceled. A path stays.
    // Suspends.
    void close() noexcept { endpoint_.close(); }

    unix_address local_address() const;

    bool is_open() const noexcept { return endpoint_.is_open(); }
    int native_handle() const noexcept { return endpoint_.descriptor(); }

  private:
    io::detail::endpoint endpoint_;
};

// unix_listen: a listener on a path or an abstract name. Never suspends.
PIRN_EXPORT unix_listener unix_listen(const unix_address& where,
                                      const unix_listen_options& options = {});
PIRN_EXPORT unix_listener unix_listen(const unix_address& where, const unix_listen_options& options,
                                      std::error_code& error) noexcept;

// unix_connect: a connection. A backlog that is full is waited for. Suspends.
PIRN_EXPORT unix_stream unix_connect(const unix_address& to);
PIRN_EXPORT unix_stream unix_connect(const unix_address& to, std::error_code& error);

// unix_pair: two connected streams. Never suspends.
PIRN_EXPORT std::pair<unix_stream, unix_stream> unix_pair();

// unix_datagram_pair: two connected sockets. unix_bind: one that can be sent to; unnamed, one that can only
// send. unix_datagram_connect: one that sends to a name. Never suspend.
PIRN_EXPORT std::pair<unix_datagram, unix_datagram> unix_datagram_pair();
PIRN_EXPORT unix_datagram unix_bind(const unix_address& where);
PIRN_EXPORT unix_datagram unix_bind(const unix_address& where, std::error_code& error) noexcept;
PIRN_EXPORT unix_datagram unix_datagram_connect(const unix_address& to);

} // namespace pirn::net
