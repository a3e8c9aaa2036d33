// SPDX-License-Identifier: MIT
//
// One buffer, whose bytes are moved to its front when there is no more room behind them:
//
//        ┌─────────┬────────────────┬────────────┐
//        │ taken   │ buffered       │ room       │
//        └─────────┴────────────────┴────────────┘
//                  begin_           end_         capacity_
#include <pirn/io/reader.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/io/endpoint.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace pirn::io {

using detail::check;

reader::reader(byte_stream& from, std::size_t capacity)
    : stream_{&from}, buffer_{std::make_unique_for_overwrite<std::byte[]>(capacity)},
      capacity_{capacity} {
    PIRN_REQUIRE(capacity > 0, "a reader needs room for a byte");
}

void reader::consume(std::size_t count) {
    PIRN_REQUIRE(count <= end_ - begin_, "more bytes were consumed than are buffered",
                 {"count", count}, {"buffered", end_ - begin_});
    begin_ += count;
    if (begin_ == end_) {
        begin_ = end_ = 0;
    }
}

bool reader::fill(std::error_code& error) {
    if (begin_ == end_) {
        begin_ = end_ = 0;
    } else if (end_ == capacity_) {
        std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    const std::size_t count =
        stream_->read(mutable_bytes{buffer_.get() + end_, capacity_ - end_}, error);
    end_ += count;
    return count > 0;
}

std::size_t reader::read(mutable_bytes into, std::error_code& error) {
    PIRN_REQUIRE(!into.empty(), "read was given a buffer of no bytes: its 0 would mean the end");
    error.clear();
    if (begin_ == end_) {
        if (into.size() >= capacity_) {
            return stream_->read(into, error);
        }
        if (!fill(error)) {
            return 0;
        }
    }
    const std::size_t count = std::min(into.size(), end_ - begin_);
    std::memcpy(into.data(), buffer_.get() + begin_, count);
    consume(count);
    return count;
}

std::size_t reader::read(mutable_bytes into) {
    std::error_code error;
    const std::size_t count = read(into, error);
    check(error, "read");
    return count;
}

std::size_t reader::read_exactly(mutable_bytes into, std::error_code& error) {
    error.clear();
    std::size_t got = 0;
    while (got < into.size()) {
        const std::size_t count = read(into.subspan(got), error);
        got += count;
        if (count == 0) {
            if (!error) {
                error = std::make_error_code(std::errc::no_message_available);
            }
            break;
        }
    }
    return got;
}

void reader::read_exactly(mutable_bytes into) {
    std::error_code error;
    read_exactly(into, error);
    check(error, "read_exactly: the stream ended before");
}

std::optional<std::string_view> reader::until(std::string_view delimiter, std::error_code& error) {
    PIRN_REQUIRE(!delimiter.empty(), "until was given an empty delimiter");
    error.clear();
    for (std::size_t seen = 0;;) {
        const std::string_view text{reinterpret_cast<const char*>(buffer_.get() + begin_),
                                    end_ - begin_};
        // A delimiter may have begun at the end of what was looked at before.
        const std::size_t from = seen < delimiter.size() ? 0 : seen - delimiter.size() + 1;
        if (const std::size_t at = text.find(delimiter, from); at != std::string_view::npos) {
            begin_ += at + delimiter.size(); // not consume(): the view must stay where it is
            return text.substr(0, at);
        }
        seen = text.size();
        if (seen == capacity_) {
            error = error_of(detail::refuse(-EMSGSIZE));
            return {};
        }
        if (!fill(error)) {
            if (error || seen == 0) {
                return {};
            }
            // fill may have moved what there is.
            const std::string_view rest{reinterpret_cast<const char*>(buffer_.get() + begin_),
                                        seen};
            begin_ = end_;
            return rest;
        }
    }
}

std::optional<std::string_view> reader::until(std::string_view delimiter) {
    std::error_code error;
    auto found = until(delimiter, error);
    check(error, "until");
    return found;
}

std::optional<std::string_view> reader::line(std::error_code& error) {
    auto found = until("\n", error);
    if (found && found->ends_with('\r')) {
        found->remove_suffix(1);
    }
    return found;
}

std::optional<std::string_view> reader::line() {
    std::error_code error;
    auto found = line(error);
    check(error, "line");
    return found;
}

bytes reader::peek(std::size_t least, std::error_code& error) {
    PIRN_REQUIRE(least <= capacity_, "peek was asked for more than the reader can hold",
                 {"bytes", least}, {"capacity", capacity_});
    error.clear();
    while (end_ - begin_ < least && fill(error)) {
    }
    return buffered();
}

bytes reader::peek(std::size_t least) {
    std::error_code error;
    const bytes found = peek(least, error);
    check(error, "peek");
    return found;
}

std::size_t reader::skip(std::size_t count, std::error_code& error) {
    error.clear();
    std::size_t skipped = 0;
    while (skipped < count) {
        if (begin_ == end_ && !fill(error)) {
            break;
        }
        const std::size_t some = std::min(count - skipped, end_ - begin_);
        consume(some);
        skipped += some;
    }
    return skipped;
}

std::size_t reader::skip(std::size_t count) {
    std::error_code error;
    const std::size_t skipped = skip(count, error);
    check(error, "skip");
    return skipped;
}

} // namespace pirn::io
