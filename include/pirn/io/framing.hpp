// SPDX-License-Identifier: MIT
//
// Messages over bytes: each with its length before it, or with a delimiter behind it. Both own the stream below
// and can give it back.
//
//   pirn::io::length_framed messages{std::make_unique<pirn::net::tcp_stream>(std::move(stream))};
//   messages.send("hello");
//
// Cancelled or refused half way, a send may have written a part of its message. The rest is kept, and goes out
// before the next message, so that messages stay apart: that send counts as done, only late.
#pragma once

#include <pirn/base/bytes.hpp>
#include <pirn/base/export.hpp>
#include <pirn/io/reader.hpp>
#include <pirn/io/stream.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace pirn::io {

// framed_stream: what both have in common.
class PIRN_EXPORT framed_stream : public message_stream {
  public:
    // take_stream: gives the stream below back, and leaves nothing. Bytes that have been read ahead are appended to
    // `read_ahead`, those of a send that ended half way to `unsent`. Never suspends.
    std::unique_ptr<byte_stream> take_stream(std::vector<std::byte>& read_ahead,
                                             std::vector<std::byte>& unsent);

    byte_stream& stream() const;

    // unsent: bytes of a message whose send has ended half way. Never suspends.
    std::size_t unsent() const noexcept { return unsent_.size(); }

  protected:
    framed_stream(std::unique_ptr<byte_stream> below, std::size_t message_max, std::size_t buffer);
    void do_shutdown_send(std::error_code& error) override;
    void do_close() noexcept override;

    // Writes the pieces of one frame, after what an earlier one has left behind. Suspends.
    void send_frame(std::span<const bytes> pieces, std::error_code& error);

    std::unique_ptr<byte_stream> below_;
    reader in_;
    std::size_t message_max_;

  private:
    std::vector<std::byte> unsent_; // of a frame that was begun
};

struct length_options {
    // Bytes of the length: 1, 2, 4 or 8.
    std::size_t size = 4;
    // Whether the most significant byte comes first.
    bool big_endian = true;
    // The longest message, in bytes, in both directions.
    std::size_t message_max = std::size_t{1} << 20;
};

// length_framed: each message after its length. A longer one than allowed is std::errc::message_size, again and
// again: the stream cannot go on. An end in the middle of a message is std::errc::no_message_available.
class PIRN_EXPORT length_framed final : public framed_stream {
  public:
    // Throws std::bad_alloc.
    explicit length_framed(std::unique_ptr<byte_stream> below, const length_options& options = {});
    ~length_framed() override { do_close(); }

  private:
    bool do_receive(std::vector<std::byte>& into, std::error_code& error) override;
    void do_send(bytes message, std::error_code& error) override;

    length_options options_;
    std::vector<std::byte> partial_; // of a message whose length is known
    bool in_message_ = false;
    std::size_t length_ = 0;
    std::size_t got_ = 0; // bytes of it
};

// delimited: each message with a delimiter behind it, which it cannot contain: sending one that does is a programmer
// error. A longer one than allowed is std::errc::message_size, again and again, and stays in the stream. What follows
// the last delimiter is a message too, if it is not empty.
class PIRN_EXPORT delimited final : public framed_stream {
  public:
    // `message_max`: the longest message, in bytes, in both directions. Throws std::bad_alloc.
    explicit delimited(std::unique_ptr<byte_stream> below, std::string_view delimiter = "\n",
                       std::size_t message_max = std::size_t{64} * 1024);
    ~delimited() override { do_close(); }

  private:
    bool do_receive(std::vector<std::byte>& into, std::error_code& error) override;
    void do_send(bytes message, std::error_code& error) override;

    std::string delimiter_;
};

} // namespace pirn::io
