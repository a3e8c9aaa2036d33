// SPDX-License-Identifier: MIT
//
// What all streams share: the throwing forms, and what is made of the do_… functions.
#include <pirn/io/stream.hpp>

#include <pirn/base/error.hpp>
#include <pirn/io/endpoint.hpp>

#include <algorithm>
#include <array>
#include <cerrno>

namespace pirn::io {

namespace detail {

void check(const std::error_code& error, const char* operation) {
    if (PIRN_UNLIKELY(static_cast<bool>(error))) {
        if (error == std::errc::operation_canceled && stop_requested()) {
            throw cancelled{};
        }
        throw_error(error, operation);
    }
}

} // namespace detail

using detail::check;

namespace {

template <class Piece>
std::size_t first_of(std::span<const Piece> pieces) noexcept {
    const auto found =
        std::ranges::find_if(pieces, [](const Piece& each) { return !each.empty(); });
    return static_cast<std::size_t>(found - pieces.begin());
}

} // namespace

// ---- bytes

std::size_t byte_stream::read(mutable_bytes into) {
    std::error_code error;
    const std::size_t count = read(into, error);
    check(error, "read");
    return count;
}

std::size_t byte_stream::read_vector(std::span<const mutable_bytes> into, std::error_code& error) {
    const std::size_t first = first_of(into);
    PIRN_REQUIRE(first < into.size(), "read was given no bytes of room: its 0 would mean the end");
    return do_read_vector(into.subspan(first), error);
}

std::size_t byte_stream::read_vector(std::span<const mutable_bytes> into) {
    std::error_code error;
    const std::size_t count = read_vector(into, error);
    check(error, "read_vector");
    return count;
}

std::size_t byte_stream::write(bytes from) {
    std::error_code error;
    const std::size_t count = write(from, error);
    check(error, "write");
    return count;
}

std::size_t byte_stream::write_vector(std::span<const bytes> from, std::error_code& error) {
    const std::size_t first = first_of(from);
    if (first == from.size()) {
        nothing_to_write(error);
        return 0;
    }
    return do_write_vector(from.subspan(first), error);
}

std::size_t byte_stream::write_vector(std::span<const bytes> from) {
    std::error_code error;
    const std::size_t count = write_vector(from, error);
    check(error, "write_vector");
    return count;
}

std::size_t byte_stream::write_all(bytes from, std::error_code& error) {
    std::size_t written = 0;
    do {
        written += write(from.subspan(written), error);
    } while (!error && written < from.size());
    return written;
}

void byte_stream::write_all(bytes from) {
    std::error_code error;
    write_all(from, error);
    check(error, "write_all");
}

std::size_t byte_stream::write_all_vector(std::span<const bytes> from, std::error_code& error) {
    // A short write may end in the middle of a piece: what is left is copied into a window of views, which are
    // moved on; the caller's are not touched.
    constexpr std::size_t window_size = 16;
    std::array<bytes, window_size> window;
    std::size_t written = 0;
    std::size_t into_first = 0; // bytes of the first piece that are written
    do {
        const std::size_t count = std::min(from.size(), window_size);
        std::copy_n(from.begin(), count, window.begin());
        if (count > 0) {
            window[0] = window[0].subspan(into_first);
        }
        std::size_t taken = write_vector(std::span{window}.first(count), error);
        written += taken;
        for (taken += into_first; !from.empty() && taken >= from.front().size();) {
            taken -= from.front().size();
            from = from.subspan(1);
        }
        into_first = taken;
    } while (!error && !from.empty());
    return written;
}

void byte_stream::write_all_vector(std::span<const bytes> from) {
    std::error_code error;
    write_all_vector(from, error);
    check(error, "write_all_vector");
}

void byte_stream::shutdown_write() {
    std::error_code error;
    shutdown_write(error);
    check(error, "shutdown_write");
}

int byte_stream::descriptor() const noexcept {
    const detail::endpoint* const through = endpoint();
    return through == nullptr ? -1 : through->descriptor();
}

std::size_t byte_stream::do_read_vector(std::span<const mutable_bytes> into,
                                        std::error_code& error) {
    return do_read(into.front(), error);
}

std::size_t byte_stream::do_write_vector(std::span<const bytes> from, std::error_code& error) {
    return do_write(from.front(), error);
}

detail::endpoint* byte_stream::do_endpoint() const noexcept { return nullptr; }

void byte_stream::nothing_to_write(std::error_code& error) noexcept {
    pirn::detail::give_way();
    error = error_of(pirn::detail::stop_refuses() ? -ECANCELED : 0);
}

// ---- messages

bool message_stream::receive(std::vector<std::byte>& into, std::error_code& error) {
    return do_receive(into, error);
}

bool message_stream::receive(std::vector<std::byte>& into) {
    std::error_code error;
    const bool received = receive(into, error);
    check(error, "receive");
    return received;
}

void message_stream::send(bytes message) {
    std::error_code error;
    send(message, error);
    check(error, "send");
}

void message_stream::shutdown_send() {
    std::error_code error;
    shutdown_send(error);
    check(error, "shutdown_send");
}

} // namespace pirn::io
