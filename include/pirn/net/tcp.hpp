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

#include <pirn/base/bytes.hpp>
#include <pirn/base/export.hpp>
#include <pirn/net/address.hpp>
#include <pirn/net/socket.hpp>

#include <cstddef>
#include <string_view>
#include <system_error>

namespace pirn::net {

struct listen_options {
    // How many connections may wait to be accepted. The kernel has its own limit, see
    // net.core.somaxconn.
    int backlog = 4096;

    // Lets several listeners share a port, each getting a part of the connections: one per thread.
    bool reuse_port = false;
};

enum class shutdown_side { read, write, both };

// tcp_stream: one connection. One task may read while another writes; two readers, or two writers, are
// a programmer error. Move-only; not to be moved while in use.
class PIRN_EXPORT tcp_stream {
  public:
    // A stream that is not open.
    tcp_stream() noexcept = default;
    // Adopts a connected socket. Never suspends.
    explicit tcp_stream(detail::socket&& connected) noexcept : socket_{std::move(connected)} {}

    // read: at least one byte, at most what fits; 0 at the end of the stream. A buffer of no bytes is a
    // programmer error, because its 0 would look like the end. Suspends.
    std::size_t read(mutable_bytes into);
    std::size_t read(mutable_bytes into, std::error_code& error);

    // write: at least one byte of them, as many as the kernel takes. Suspends.
    std::size_t write(bytes from);
    std::size_t write(bytes from, std::error_code& error);

    // write_all: every byte. The second form returns how many were written before the error.
    // Suspends.
    void write_all(bytes from);
    std::size_t write_all(bytes from, std::error_code& error);

    // shutdown: ends one direction: `write` tells the peer that no more will come, while reading goes
    // on. Never suspends.
    void shutdown(shutdown_side side = shutdown_side::write);
    void shutdown(shutdown_side side, std::error_code& error) noexcept;

    // close: ends reads and writes in flight with std::errc::operation_canceled, waits until the kernel
    // has let go of their buffers, and closes. Reads and writes that begin later end the same way: a task
    // may be between two of them. Closing a stream that is not open does nothing; the destructor closes
    // too. Not cancellable. Suspends.
    void close() noexcept { socket_.close(); }

    // set_no_delay: sends small writes at once (the default here) or collects them. Never suspends.
    void set_no_delay(bool on);

    address local_address() const;
    address peer_address() const;

    bool is_open() const noexcept { return socket_.is_open(); }
    // native_handle: the descriptor, -1 when not open; still owned by the stream. Never suspends.
    int native_handle() const noexcept { return socket_.descriptor(); }

  private:
    detail::socket socket_;
};

// tcp_listener: accepts connections. One task accepts at a time.
class PIRN_EXPORT tcp_listener {
  public:
    tcp_listener() noexcept = default;
    explicit tcp_listener(detail::socket&& listening) noexcept : socket_{std::move(listening)} {}

    // accept: the next connection. When the process has run out of descriptors (EMFILE, ENFILE), waits a
    // little and tries again: pending connections stay in the backlog, and nothing else is disturbed.
    // A connection that was reset before it was accepted is skipped. Suspends.
    tcp_stream accept();
    tcp_stream accept(std::error_code& error);

    // close: as for a stream; an accept, in flight or later, ends with std::errc::operation_canceled.
    // Suspends.
    void close() noexcept { socket_.close(); }

    address local_address() const;

    bool is_open() const noexcept { return socket_.is_open(); }
    int native_handle() const noexcept { return socket_.descriptor(); }

  private:
    detail::socket socket_;
};

// tcp_listen: a listener on an address, with SO_REUSEADDR; port 0 lets the kernel choose, and
// local_address() tells. Text is parsed as address::parse does. Never suspends.
PIRN_EXPORT tcp_listener tcp_listen(const address& where, const listen_options& options = {});
PIRN_EXPORT tcp_listener tcp_listen(const address& where, const listen_options& options,
                                    std::error_code& error) noexcept;
PIRN_EXPORT tcp_listener tcp_listen(std::string_view where, const listen_options& options = {});

// tcp_connect: a connection to an address. Suspends.
PIRN_EXPORT tcp_stream tcp_connect(const address& to);
PIRN_EXPORT tcp_stream tcp_connect(const address& to, std::error_code& error);
PIRN_EXPORT tcp_stream tcp_connect(std::string_view to);

} // namespace pirn::net
