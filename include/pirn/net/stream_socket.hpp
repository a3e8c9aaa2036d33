// SPDX-License-Identifier: MIT
//
// What streams over sockets have in common: tcp_stream and unix_stream derive from it, and only they. It is a
// byte_stream whose calls do not go through a table when the type is known.
//
//   while (auto lease = client.read_borrowed(ring)) client.write_all(lease.data());
//
// One task may read while another writes; two readers, or two writers, are a programmer error. Move-only; not
// to be moved while in use. Used on the runtime that it was made on.
#pragma once

#include <pirn/base/bytes.hpp>
#include <pirn/base/export.hpp>
#include <pirn/io/endpoint.hpp>
#include <pirn/io/stream.hpp>
#include <pirn/loop/buffers.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

namespace pirn::net {

enum class shutdown_side : std::uint8_t { read, write, both };

namespace detail {
class open_connection;
class open_connections;
} // namespace detail

class PIRN_EXPORT stream_socket : public io::byte_stream {
  public:
    ~stream_socket() override;

    // read, write, write_all: as of every byte_stream; a write_all that is cancelled has written a part.
    // Suspend.
    std::size_t read(mutable_bytes into);
    [[nodiscard("fewer bytes may have gone than there were; look at the count")]] std::size_t
    read(mutable_bytes into, std::error_code& error);
    std::size_t write(bytes from);
    [[nodiscard("fewer bytes may have gone than there were; look at the count")]] std::size_t
    write(bytes from, std::error_code& error);
    void write_all(bytes from);
    std::size_t write_all(bytes from, std::error_code& error);

    // read_borrowed: like read, into a buffer of the ring that is taken only when bytes have come: a
    // connection that is silent holds none. An empty lease at the end of the stream. The ring belongs to the
    // same loop. When all its buffers are lent this waits for one, so a task that holds a lease must not wait
    // for another task that needs one. A read that is cancelled has taken no byte. Suspends.
    buffer_lease read_borrowed(buffer_ring& from);
    buffer_lease read_borrowed(buffer_ring& from, std::error_code& error);

    // write_zero_copy, write_all_zero_copy: like write and write_all, but the kernel sends from the buffer
    // itself, and they return once it has no more use for it, which over a network is when the peer has
    // acknowledged. Worth it for some 10 KiB and more to another machine; over loopback the kernel copies all
    // the same. Where it cannot be done they are write and write_all. Suspend.
    std::size_t write_zero_copy(bytes from);
    [[nodiscard("fewer bytes may have gone than there were; look at the count")]] std::size_t
    write_zero_copy(bytes from, std::error_code& error);
    void write_all_zero_copy(bytes from);
    std::size_t write_all_zero_copy(bytes from, std::error_code& error);

    // shutdown: ends a direction: `write` tells the peer that no more will come, while reading goes on; after
    // `read`, what has come can still be read, and then it is the end. A write that waits is std::errc::broken_pipe; on
    // another thread than the stream's, only once the peer makes room in a UNIX socket. Never suspends.
    void shutdown(shutdown_side side = shutdown_side::write);
    void shutdown(shutdown_side side, std::error_code& error) noexcept;

    // close: ends reads and writes in flight with std::errc::operation_canceled, waits until the kernel has
    // let go of their buffers, and closes. Reads and writes that begin later end the same way: a task may be
    // between two of them. Closing a stream that is not open does nothing; the destructor closes too. Not
    // cancellable. Suspends.
    void close() noexcept;

    bool is_open() const noexcept { return endpoint_.is_open(); }
    // native_handle: the descriptor, -1 when not open; still owned by the stream. Never suspends.
    int native_handle() const noexcept { return endpoint_.descriptor(); }

    // operations: how many reads and writes have ended, those that `copy` leaves to the kernel not counted;
    // comes round after 4 thousand million. Never suspends.
    std::uint32_t operations() const noexcept {
        return operations_.load(std::memory_order_relaxed);
    }

  protected:
    stream_socket() noexcept = default;
    explicit stream_socket(io::detail::endpoint&& connected) noexcept
        : endpoint_{std::move(connected)} {}
    stream_socket(stream_socket&& other) noexcept;
    stream_socket& operator=(stream_socket&& other) noexcept;

    io::detail::endpoint& connection() noexcept { return endpoint_; }

    std::size_t do_read(mutable_bytes into, std::error_code& error) final;
    std::size_t do_write(bytes from, std::error_code& error) final;
    std::size_t do_read_vector(std::span<const mutable_bytes> into, std::error_code& error) final;
    std::size_t do_write_vector(std::span<const bytes> from, std::error_code& error) final;
    void do_shutdown_write(std::error_code& error) final;
    void do_close() noexcept final { close(); }
    io::detail::endpoint* do_endpoint() const noexcept final;

    // count: an operation has ended. Without an exchange: when a read and a write on two threads count as one, the
    // number has changed all the same.
    void count() noexcept { operations_.store(operations() + 1, std::memory_order_relaxed); }

  private:
    friend class detail::open_connections;

    void shut(shutdown_side side, bool may_suspend, std::error_code& error) noexcept;
    void end_write(std::error_code& error) noexcept;

    std::shared_ptr<detail::open_connection> account_; // of the server that has accepted it, if any
    io::detail::endpoint endpoint_;
    std::atomic<std::uint32_t> operations_{0}; // read by the server's thread too
    bool was_short_ = false; // the last read, so that probably nothing is there for the next
    std::atomic<bool> write_ended_{false}; // by shutdown, also on the server's thread
};

// ---------------------------------------------------------------------------------------------------

inline std::size_t stream_socket::read(mutable_bytes into, std::error_code& error) {
    PIRN_REQUIRE(!into.empty(), "read was given a buffer of no bytes: its 0 would mean the end");
    return stream_socket::do_read(into, error);
}

} // namespace pirn::net
