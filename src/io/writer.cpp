// SPDX-License-Identifier: MIT
//
// The buffer before a stream.
#include <pirn/io/writer.hpp>

#include <pirn/base/assert.hpp>

#include <algorithm>
#include <array>
#include <cstring>

namespace pirn::io {

using detail::check;

writer::writer(byte_stream& to, std::size_t capacity)
    : stream_{&to}, buffer_{std::make_unique_for_overwrite<std::byte[]>(capacity)},
      capacity_{capacity} {
    PIRN_REQUIRE(capacity > 0, "a writer needs room for a byte");
}

std::size_t writer::write(bytes from, std::error_code& error) {
    error.clear();
    if (from.size() <= capacity_ - end_) {
        std::memcpy(buffer_.get() + end_, from.data(), from.size());
        end_ += from.size();
        return from.size();
    }
    if (from.size() < capacity_) {
        flush(error);
        return error ? 0 : write(from, error);
    }
    // More than the buffer holds: both in one go, without a copy.
    const std::array<bytes, 2> both{bytes{buffer_.get() + begin_, buffered()}, from};
    const std::size_t waiting = buffered();
    const std::size_t written = stream_->write_all_vector(both, error);
    begin_ += std::min(written, waiting);
    if (begin_ == end_) {
        begin_ = end_ = 0;
    }
    return written - std::min(written, waiting);
}

void writer::write(bytes from) {
    std::error_code error;
    write(from, error);
    check(error, "write");
}

void writer::flush(std::error_code& error) {
    begin_ += stream_->write_all(bytes{buffer_.get() + begin_, buffered()}, error);
    if (begin_ == end_) {
        begin_ = end_ = 0;
    }
}

void writer::flush() {
    std::error_code error;
    flush(error);
    check(error, "flush");
}

} // namespace pirn::io
