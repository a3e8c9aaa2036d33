// SPDX-License-Identifier: MIT
//
// Writing with a buffer in between, so that many small pieces go out as few large ones.
//
//   pirn::io::writer out{stream};
//   out.write("HTTP/1.1 200 OK\r\n");
//   out.write(body);
//   out.flush();
//
// Two forms, as for streams.
#pragma once

#include <pirn/base/bytes.hpp>
#include <pirn/base/export.hpp>
#include <pirn/io/stream.hpp>

#include <cstddef>
#include <memory>
#include <system_error>

namespace pirn::io {

// writer: does not own the stream, which outlives it. Used by one task at a time. Move-only. Its destructor does not
// flush: an error would have nowhere to go.
class PIRN_EXPORT writer {
  public:
    static constexpr std::size_t default_capacity = std::size_t{16} * 1024;

    // `capacity`, at least 1: bytes of the buffer. Throws std::bad_alloc.
    explicit writer(byte_stream& to, std::size_t capacity = default_capacity);

    // write: all of them, into the buffer; when that is full, what is in it goes to the stream first. The second
    // form returns how many were taken before the error: they are written or buffered, the others are not. What
    // is buffered stays so over an error, and goes out with the next call. Suspends.
    void write(bytes from);
    std::size_t write(bytes from, std::error_code& error);

    // flush: everything that is buffered to the stream. Suspends.
    void flush();
    void flush(std::error_code& error);

    // buffered: bytes that wait for a flush. Never suspends.
    std::size_t buffered() const noexcept { return end_ - begin_; }
    std::size_t capacity() const noexcept { return capacity_; }
    byte_stream& stream() const noexcept { return *stream_; }

  private:
    byte_stream* stream_;
    std::unique_ptr<std::byte[]> buffer_;
    std::size_t capacity_;
    std::size_t begin_ = 0; // of what waits: a flush may have ended half way
    std::size_t end_ = 0;
};

} // namespace pirn::io
