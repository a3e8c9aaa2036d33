// SPDX-License-Identifier: MIT
//
// The two interfaces of everything that bytes go through: byte_stream, where only the order of the bytes
// counts, and message_stream, which keeps messages apart. A protocol is written against one of them, takes
// the layer below by ownership, and offers one of them again. There is nothing else to implement.
//
//   void echo(pirn::io::byte_stream& client) {
//       std::array<std::byte, 4096> buffer;
//       while (auto n = client.read(buffer)) client.write_all(std::span{buffer}.first(n));
//   }
//
// Each operation has two forms: one throws std::system_error, the other takes a std::error_code&. When the
// task is asked to stop, the first throws `cancelled`, and the second gives std::errc::operation_canceled.
//
// Who writes a stream implements the do_… functions, all in the second form; the rest, and the checks, are
// here. check_byte_stream of conformance.hpp tells whether it behaves.
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/base/bytes.hpp>
#include <pirn/base/export.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <vector>

namespace pirn::io {

namespace detail {
class endpoint; // endpoint.hpp

// check: throws what an operation has filled in, or `cancelled`; nothing for no error. Never suspends.
PIRN_EXPORT void check(const std::error_code& error, const char* operation);
} // namespace detail

// byte_stream: two directions, each of which ends by itself. One task may read while another writes; two
// readers, or two writers, are a programmer error.
//
//            write                shutdown_write               close
//   open ───────────► open ─────────────────────► half open ──────────► closed
//                                 the peer reads its end;        what is in flight, and what begins
//                                 reading goes on here           later, is operation_canceled
class PIRN_EXPORT byte_stream {
  public:
    // Who derives closes in its own destructor: here it would be too late.
    virtual ~byte_stream() = default;

    // read: at least one byte, at most what fits; 0 at the end of the stream, again and again. A buffer of no
    // bytes is a programmer error, because its 0 would look like the end. A read that is cancelled has taken
    // no byte. Suspends.
    std::size_t read(mutable_bytes into);
    [[nodiscard("fewer bytes may have gone than there were; look at the count")]] std::size_t
    read(mutable_bytes into, std::error_code& error);

    // read_vector: the same into several pieces of memory, in their order; perhaps only into the first. At
    // least one of them has room. Suspends.
    std::size_t read_vector(std::span<const mutable_bytes> into);
    [[nodiscard("fewer bytes may have gone than there were; look at the count")]] std::size_t
    read_vector(std::span<const mutable_bytes> into, std::error_code& error);

    // write: at least one byte of them, as many as the stream takes; 0 for none. When the peer reads no more,
    // std::errc::broken_pipe or connection_reset, and never a signal. A write that is cancelled has written
    // nothing. Suspends.
    std::size_t write(bytes from);
    [[nodiscard("fewer bytes may have gone than there were; look at the count")]] std::size_t
    write(bytes from, std::error_code& error);

    // write_vector: the same from several pieces of memory, in their order. Suspends.
    std::size_t write_vector(std::span<const bytes> from);
    [[nodiscard("fewer bytes may have gone than there were; look at the count")]] std::size_t
    write_vector(std::span<const bytes> from, std::error_code& error);

    // write_all, write_all_vector: every byte. The second forms return how many were written before the error.
    // Suspend.
    void write_all(bytes from);
    std::size_t write_all(bytes from, std::error_code& error);
    void write_all_vector(std::span<const bytes> from);
    std::size_t write_all_vector(std::span<const bytes> from, std::error_code& error);

    // shutdown_write: no more will be written; the peer reads the end once it has read what was written.
    // Reading goes on. Writes afterwards are std::errc::broken_pipe. No error when it has been done already;
    // std::errc::not_supported where a direction cannot end alone. Suspends.
    void shutdown_write();
    void shutdown_write(std::error_code& error) { do_shutdown_write(error); }

    // close: ends both directions: reads and writes in flight end with std::errc::operation_canceled, and so
    // do those that begin later; when it returns, nobody uses their buffers any more. Again does nothing. Not
    // cancellable. Suspends.
    void close() noexcept { do_close(); }

    // descriptor: the one that the bytes go through, still owned by the stream; -1 when there is none. For
    // looking at: whoever reads or writes it loses the order of the bytes. Never suspends.
    int descriptor() const noexcept;

    // endpoint: how operations of the event loop are tied to that descriptor, so that `copy` may leave the
    // bytes to the kernel; null when they do not simply go through one. Never suspends.
    detail::endpoint* endpoint() const noexcept { return do_endpoint(); }

  protected:
    byte_stream() = default;
    byte_stream(const byte_stream&) = default;
    byte_stream(byte_stream&&) = default;
    byte_stream& operator=(const byte_stream&) = default;
    byte_stream& operator=(byte_stream&&) = default;

    // What they mean stands above. They set the error in any case, to none on success; they never throw for
    // the world's reasons, nor for a request to stop.
    virtual std::size_t do_read(mutable_bytes into, std::error_code& error) = 0; // some room
    virtual std::size_t do_write(bytes from, std::error_code& error) = 0;        // some bytes
    virtual void do_shutdown_write(std::error_code& error) = 0;
    virtual void do_close() noexcept = 0;

    // By do_read and do_write, of the first piece that is not empty. Who can do better, does.
    virtual std::size_t do_read_vector(std::span<const mutable_bytes> into, std::error_code& error);
    virtual std::size_t do_write_vector(std::span<const bytes> from, std::error_code& error);

    virtual detail::endpoint* do_endpoint() const noexcept;

  private:
    static void nothing_to_write(std::error_code& error) noexcept;
};

// message_stream: messages, each received as it was sent, or not at all. One task may receive while another
// sends.
class PIRN_EXPORT message_stream {
  public:
    virtual ~message_stream() = default;

    // receive: the next message, in place of what was in the vector, whose memory is used again; false at the
    // end of the stream. One that is longer than the stream allows is std::errc::message_size. A receive that
    // is cancelled has lost nothing: the next one has the message. Suspends.
    bool receive(std::vector<std::byte>& into);
    bool receive(std::vector<std::byte>& into, std::error_code& error);

    // send: the whole message, which may be empty. Suspends.
    void send(bytes message);
    void send(bytes message, std::error_code& error) { do_send(message, error); }

    // shutdown_send, close: as shutdown_write and close of a byte_stream. Suspend.
    void shutdown_send();
    void shutdown_send(std::error_code& error) { do_shutdown_send(error); }
    void close() noexcept { do_close(); }

  protected:
    message_stream() = default;
    message_stream(const message_stream&) = default;
    message_stream(message_stream&&) = default;
    message_stream& operator=(const message_stream&) = default;
    message_stream& operator=(message_stream&&) = default;

    virtual bool do_receive(std::vector<std::byte>& into, std::error_code& error) = 0;
    virtual void do_send(bytes message, std::error_code& error) = 0;
    virtual void do_shutdown_send(std::error_code& error) = 0;
    virtual void do_close() noexcept = 0;
};

// ---------------------------------------------------------------------------------------------------

inline std::size_t byte_stream::read(mutable_bytes into, std::error_code& error) {
    PIRN_REQUIRE(!into.empty(), "read was given a buffer of no bytes: its 0 would mean the end");
    return do_read(into, error);
}

inline std::size_t byte_stream::write(bytes from, std::error_code& error) {
    if (from.empty()) {
        nothing_to_write(error);
        return 0;
    }
    return do_write(from, error);
}

} // namespace pirn::io
