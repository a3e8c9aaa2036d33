// SPDX-License-Identifier: MIT
//
// TCP: streams of bytes between sockets, in code that reads as if it blocked.
//
//   auto listener = pirn::net::tcp_listen(pirn::net::address::loopback(8080));
//   auto client = listener.accept();
//   std::array<std::byte, 4096> buffer;
//   while (auto n = client.read(buffer)) client.write_all(std::span{buffer}.first(n));
//
// Each operation that can fail has two forms: one throws std::system_error, the other takes a
// std::error_code&. When the task is asked to stop, the first throws `cancelled`, and the second gives
// std::errc::operation_canceled. Everything here is called inside a task of a runtime, and a stream or
// listener is used on the runtime that it was made on.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/io/endpoint.hpp>
#include <pirn/net/address.hpp>
#include <pirn/net/options.hpp>
#include <pirn/net/stream_socket.hpp>

#include <string_view>
#include <system_error>
#include <utility>

namespace pirn::net {

// tcp_stream: one connection; reading, writing and closing are those of stream_socket.
class PIRN_EXPORT tcp_stream final : public stream_socket {
  public:
    // A stream that is not open.
    tcp_stream() noexcept = default;
    // Adopts a connected socket. Never suspends.
    explicit tcp_stream(io::detail::endpoint&& connected) noexcept
        : stream_socket{std::move(connected)} {}

    // set_no_delay: sends small writes at once (the default here) or collects them. Never suspends.
    void set_no_delay(bool on);

    // apply: options that were not given when the connection was made. Never suspends.
    void apply(const tcp_options& options);
    void apply(const tcp_options& options, std::error_code& error) noexcept;

    // local_address, peer_address: std::errc::not_connected when there is no peer any more. Never suspend.
    address local_address() const;
    address local_address(std::error_code& error) const noexcept;
    address peer_address() const;
    address peer_address(std::error_code& error) const noexcept;
};

// tcp_listener: accepts connections. One task accepts at a time.
class PIRN_EXPORT tcp_listener {
  public:
    tcp_listener() noexcept = default;
    explicit tcp_listener(io::detail::endpoint&& listening) noexcept
        : endpoint_{std::move(listening)} {}

    // accept: the next connection. When the process has run out of descriptors (EMFILE, ENFILE), waits a
    // little and tries again: pending connections stay in the backlog, and nothing else is disturbed.
    // A connection that was reset before it was accepted is skipped. Suspends.
    tcp_stream accept();
    tcp_stream accept(std::error_code& error);

    // close: as for a stream; an accept, in flight or later, ends with std::errc::operation_canceled.
    // Suspends.
    void close() noexcept { endpoint_.close(); }

    address local_address() const;
    address local_address(std::error_code& error) const noexcept;

    bool is_open() const noexcept { return endpoint_.is_open(); }
    int native_handle() const noexcept { return endpoint_.descriptor(); }

  private:
    io::detail::endpoint endpoint_;
};

// tcp_listen: a listener on an address; port 0 lets the kernel choose, and local_address() tells. Text is parsed
// as address::parse does. Never suspends.
PIRN_EXPORT tcp_listener tcp_listen(const address& where, const listen_options& options = {});
PIRN_EXPORT tcp_listener tcp_listen(const address& where, const listen_options& options,
                                    std::error_code& error) noexcept;
PIRN_EXPORT tcp_listener tcp_listen(std::string_view where, const listen_options& options = {});
PIRN_EXPORT tcp_listener tcp_listen(std::string_view where, const listen_options& options,
                                    std::error_code& error) noexcept;

// tcp_connect: a connection to an address. For names and timeouts: connect.hpp. Suspends.
PIRN_EXPORT tcp_stream tcp_connect(const address& to, const tcp_options& options = {});
PIRN_EXPORT tcp_stream tcp_connect(const address& to, std::error_code& error);
PIRN_EXPORT tcp_stream tcp_connect(const address& to, const tcp_options& options,
                                   std::error_code& error);
PIRN_EXPORT tcp_stream tcp_connect(std::string_view to, const tcp_options& options = {});

} // namespace pirn::net
