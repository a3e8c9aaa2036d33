// SPDX-License-Identifier: MIT
//
// Messages over bytes.
#include <pirn/io/framing.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/io/endpoint.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace pirn::io {
namespace {

constexpr std::size_t first_room = 4096; // for a message of which nothing has come

using length_bytes = std::array<std::byte, 8>;

// The place in the length, counted from its first byte, of the byte with this significance.
std::size_t place_of(std::size_t significance, const length_options& options) noexcept {
    return options.big_endian ? options.size - 1 - significance : significance;
}

std::uint64_t decode(bytes from, const length_options& options) noexcept {
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < options.size; ++i) {
        length |= std::to_integer<std::uint64_t>(from[place_of(i, options)]) << (8 * i);
    }
    return length;
}

length_bytes encode(std::uint64_t length, const length_options& options) noexcept {
    length_bytes made{};
    for (std::size_t i = 0; i < options.size; ++i) {
        made[place_of(i, options)] = static_cast<std::byte>(length >> (8 * i));
    }
    return made;
}

// The same options, with the longest message no longer than the length can say.
length_options checked(length_options options) {
    PIRN_REQUIRE(options.size == 1 || options.size == 2 || options.size == 4 || options.size == 8,
                 "a length has 1, 2, 4 or 8 bytes", {"size", options.size});
    if (options.size < sizeof(std::size_t)) {
        const std::size_t limit = (std::size_t{1} << (8 * options.size)) - 1;
        options.message_max = std::min(options.message_max, limit);
    }
    return options;
}

} // namespace

// ---- both

framed_stream::framed_stream(std::unique_ptr<byte_stream> below, std::size_t message_max,
                             std::size_t buffer)
    : below_{std::move(below)}, in_{*below_, buffer}, message_max_{message_max} {}

byte_stream& framed_stream::stream() const {
    PIRN_REQUIRE(below_ != nullptr, "the stream below was taken away");
    return *below_;
}

std::unique_ptr<byte_stream> framed_stream::take_stream(std::vector<std::byte>& read_ahead,
                                                        std::vector<std::byte>& unsent) {
    const bytes ahead = in_.buffered();
    read_ahead.insert(read_ahead.end(), ahead.begin(), ahead.end());
    in_.consume(ahead.size());
    unsent.insert(unsent.end(), unsent_.begin(), unsent_.end());
    unsent_.clear();
    return std::move(below_);
}

void framed_stream::do_shutdown_send(std::error_code& error) {
    send_frame({}, error);
    if (!error) {
        stream().shutdown_write(error);
    }
}

void framed_stream::do_close() noexcept {
    if (below_ != nullptr) {
        below_->close();
    }
}

void framed_stream::send_frame(std::span<const bytes> pieces, std::error_code& error) {
    byte_stream& to = stream();
    const auto written_before = static_cast<std::ptrdiff_t>(to.write_all(unsent_, error));
    unsent_.erase(unsent_.begin(), unsent_.begin() + written_before);
    if (error || pieces.empty()) {
        return;
    }
    std::size_t written = to.write_all_vector(pieces, error);
    if (!error || written == 0) {
        return; // all of it, or nothing
    }
    for (const bytes piece : pieces) {
        const std::size_t gone = std::min(written, piece.size());
        written -= gone;
        unsent_.insert(unsent_.end(), piece.begin() + static_cast<std::ptrdiff_t>(gone),
                       piece.end());
    }
}

// ---- by length

length_framed::length_framed(std::unique_ptr<byte_stream> below, const length_options& options)
    : framed_stream{std::move(below), checked(options).message_max, reader::default_capacity},
      options_{checked(options)} {}

bool length_framed::do_receive(std::vector<std::byte>& into, std::error_code& error) {
    into.clear();
    static_cast<void>(stream());
    if (!in_message_) {
        const bytes head = in_.peek(options_.size, error);
        if (error || head.empty()) {
            return false;
        }
        if (head.size() < options_.size) {
            error = std::make_error_code(std::errc::no_message_available);
            return false;
        }
        const std::uint64_t length = decode(head, options_);
        if (length > message_max_) {
            error = error_of(detail::refuse(-EMSGSIZE));
            return false;
        }
        in_.consume(options_.size);
        length_ = static_cast<std::size_t>(length);
        partial_.clear();
        got_ = 0;
        in_message_ = true;
    }
    // Room is made for twice as much as has come, as a length alone must not cost memory. What has come is kept if this is
    // cancelled, or if there is no memory: the next receive goes on.
    do {
        if (got_ == partial_.size()) {
            partial_.resize(std::min(length_, std::max(2 * got_, first_room)));
        }
        got_ += in_.read_exactly(std::span{partial_}.subspan(got_), error);
        if (error) {
            return false;
        }
    } while (got_ < length_);
    in_message_ = false;
    std::swap(into, partial_);
    return true;
}

void length_framed::do_send(bytes message, std::error_code& error) {
    if (message.size() > message_max_) {
        error = error_of(detail::refuse(-EMSGSIZE));
        return;
    }
    const length_bytes length = encode(message.size(), options_);
    const std::array<bytes, 2> frame{bytes{std::span{length}.first(options_.size)}, message};
    send_frame(frame, error);
}

// ---- by a delimiter

delimited::delimited(std::unique_ptr<byte_stream> below, std::string_view delimiter,
                     std::size_t message_max)
    : framed_stream{std::move(below), message_max, message_max + delimiter.size()},
      delimiter_{delimiter} {
    PIRN_REQUIRE(!delimiter.empty(), "messages were to be told apart by nothing");
}

bool delimited::do_receive(std::vector<std::byte>& into, std::error_code& error) {
    into.clear();
    static_cast<void>(stream());
    const auto found = in_.until(delimiter_, 0, message_max_, error);
    if (!found) {
        return false;
    }
    const bytes message{*found};
    into.assign(message.begin(), message.end());
    return true;
}

void delimited::do_send(bytes message, std::error_code& error) {
    if (message.size() > message_max_) {
        error = error_of(detail::refuse(-EMSGSIZE));
        return;
    }
    const std::string_view text{reinterpret_cast<const char*>(message.data()), message.size()};
    PIRN_REQUIRE(text.find(delimiter_) == std::string_view::npos,
                 "a message that contains the delimiter would arrive as two");
    const std::array<bytes, 2> frame{message, bytes{delimiter_}};
    send_frame(frame, error);
}

} // namespace pirn::io
