// SPDX-License-Identifier: MIT
//
// One buffer, whose bytes are moved to its front when there is no more room behind them:
//
//        ┌─────────┬────────────────┬────────────┐
//        │ taken   │ buffered       │ room       │
//        └─────────┴────────────────┴────────────┘
//                  begin_           end_         room_
#include <pirn/io/reader.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/io/endpoint.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace pirn::io {

using detail::check;

namespace {

// may_end_in_time: whether bytes still to come can end this text after at most `limit` bytes: it is no longer than
// that, or a delimiter has begun there.
bool may_end_in_time(std::string_view text, std::string_view delimiter, std::size_t limit) {
    if (text.size() <= limit) {
        return true;
    }
    // Where a delimiter can have begun that is not complete.
    std::size_t at = text.size() < delimiter.size() ? 0 : text.size() - delimiter.size() + 1;
    while (at <= limit && !delimiter.starts_with(text.substr(at))) {
        ++at;
    }
    return at <= limit;
}

} // namespace

reader::reader(byte_stream& from, std::size_t capacity)
    : stream_{&from}, buffer_{std::make_unique_for_overwrite<std::byte[]>(capacity)},
      capacity_{capacity}, room_{capacity} {
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

void reader::make_room(std::size_t size, std::error_code& error) {
    if (size <= room_) {
        return;
    }
    std::unique_ptr<std::byte[]> larger{new (std::nothrow) std::byte[size]};
    if (larger == nullptr) {
        error = error_of(detail::refuse(-ENOMEM));
        return;
    }
    std::memcpy(larger.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    buffer_ = std::move(larger);
    room_ = size;
}

bool reader::fill(std::error_code& error) {
    if (begin_ == end_) {
        begin_ = end_ = 0;
    } else if (end_ == room_) {
        std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    const std::size_t count =
        stream_->read(mutable_bytes{buffer_.get() + end_, room_ - end_}, error);
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

std::optional<std::string_view> reader::until(std::string_view delimiter, std::size_t optional,
                                              std::size_t limit, std::error_code& error) {
    const std::string_view wanted = delimiter.substr(optional);
    error.clear();
    bool ended = false;
    for (std::size_t seen = 0;;) {
        const std::string_view text{reinterpret_cast<const char*>(buffer_.get() + begin_),
                                    end_ - begin_};
        // A delimiter may have begun at the end of what was looked at before.
        const std::size_t from = seen < wanted.size() ? 0 : seen - wanted.size() + 1;
        const std::size_t at = text.find(wanted, from);
        const bool found = at != std::string_view::npos;
        if (found || ended) {
            std::string_view message = text.substr(0, at);
            if (message.ends_with(delimiter.substr(0, optional))) {
                message.remove_suffix(optional);
            }
            if (message.size() > limit) {
                error = error_of(detail::refuse(-EMSGSIZE));
                return {};
            }
            begin_ += found ? at + wanted.size() : text.size(); // not consume(): the view must stay
            return message;
        }
        if (!may_end_in_time(text, delimiter, limit)) {
            error = error_of(detail::refuse(-EMSGSIZE));
            return {};
        }
        seen = text.size();
        if (seen == room_) {
            make_room(limit + delimiter.size(), error);
            if (error) {
                return {};
            }
        }
        if (!fill(error)) {
            if (error || seen == 0) {
                return {};
            }
            ended = true;
        }
    }
}

std::optional<std::string_view> reader::until(std::string_view delimiter, std::error_code& error) {
    PIRN_REQUIRE(!delimiter.empty(), "until was given an empty delimiter");
    return until(delimiter, 0, capacity_, error);
}

std::optional<std::string_view> reader::until(std::string_view delimiter) {
    std::error_code error;
    auto found = until(delimiter, error);
    check(error, "until");
    return found;
}

std::optional<std::string_view> reader::line(std::error_code& error) {
    return until("\r\n", 1, capacity_, error);
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
    const bytes all = buffered(); // a long delimiter may have made the buffer larger
    return all.first(std::min(all.size(), capacity_));
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
