// SPDX-License-Identifier: MIT
//
// Reading with a buffer in between: exactly so many bytes, lines, whatever comes before a delimiter. Every limit
// is bounded by the buffer, so that a peer cannot make a program hold more than it has allowed.
//
//   pirn::io::reader in{stream};
//   while (auto line = in.line()) use(*line);
//
// Two forms, as for streams. An operation that ends with an error or is cancelled takes nothing: what had arrived
// stays in the buffer, and the same call may be made again.
#pragma once

#include <pirn/base/bytes.hpp>
#include <pirn/base/export.hpp>
#include <pirn/io/stream.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

namespace pirn::io {

// reader: does not own the stream, which outlives it. Used by one task at a time. Views that it gives are valid until
// its next call. Move-only.
class PIRN_EXPORT reader {
  public:
    static constexpr std::size_t default_capacity = std::size_t{16} * 1024;

    // `capacity`, at least 1: bytes of the buffer, and the most that until, line and peek can give. Throws
    // std::bad_alloc.
    explicit reader(byte_stream& from, std::size_t capacity = default_capacity);

    // read: at least one byte, at most what fits, from the buffer first; 0 at the end. Large reads go past the
    // buffer. Suspends.
    std::size_t read(mutable_bytes into);
    [[nodiscard("fewer bytes may have gone than there were; look at the count")]] std::size_t
    read(mutable_bytes into, std::error_code& error);

    // read_exactly: fills all of it. When the stream ends before, the error is std::errc::no_message_available,
    // and what there was is in `into`: the second form returns how much. It is the one call that may have taken
    // bytes when it ends with an error; they are counted. Suspends.
    void read_exactly(mutable_bytes into);
    std::size_t read_exactly(mutable_bytes into, std::error_code& error);

    // until: what comes before the next delimiter, which is skipped; nothing at the end of the stream. Bytes after
    // the last delimiter are given at the end, as if one followed. More bytes than the capacity before the delimiter,
    // or before the end, are std::errc::message_size, as soon as that is certain, again and again. The delimiter does
    // not count: the buffer grows by its size when a message needs that (std::errc::not_enough_memory if it cannot).
    // The delimiter has at least one byte. Suspends.
    std::optional<std::string_view> until(std::string_view delimiter);
    std::optional<std::string_view> until(std::string_view delimiter, std::error_code& error);

    // line: until "\n" or "\r\n", or the end, where a "\r" is left out too; of at most the capacity. Suspends.
    std::optional<std::string_view> line();
    std::optional<std::string_view> line(std::error_code& error);

    // peek: at least so many bytes, at most the capacity, which stay in the buffer; fewer at the end. Suspends.
    bytes peek(std::size_t least);
    bytes peek(std::size_t least, std::error_code& error);

    // skip: leaves out so many bytes; how many there were before the end. The second form returns how many it has
    // left out before an error. Suspends.
    std::size_t skip(std::size_t count);
    std::size_t skip(std::size_t count, std::error_code& error);

    // buffered: what has been read from the stream and not been taken. Never suspends.
    bytes buffered() const noexcept { return {buffer_.get() + begin_, end_ - begin_}; }
    // consume: takes so many of them. Never suspends.
    void consume(std::size_t count);

    std::size_t capacity() const noexcept { return capacity_; }
    byte_stream& stream() const noexcept { return *stream_; }

  private:
    friend class delimited; // whose messages may be shorter than the buffer

    // until, of at most `limit` bytes. So many bytes at the delimiter's beginning may be missing. Suspends.
    std::optional<std::string_view> until(std::string_view delimiter, std::size_t optional,
                                          std::size_t limit, std::error_code& error);
    // Gives the buffer at least so much room; an error when there is no memory. Never suspends.
    void make_room(std::size_t size, std::error_code& error);
    // Reads more into the buffer, which is not full; false at the end, or on an error. Suspends.
    bool fill(std::error_code& error);

    byte_stream* stream_;
    std::unique_ptr<std::byte[]> buffer_;
    std::size_t capacity_;
    std::size_t room_; // of the buffer: the capacity, and a delimiter once one was needed behind it
    std::size_t begin_ = 0; // of what is buffered
    std::size_t end_ = 0;
};

} // namespace pirn::io
