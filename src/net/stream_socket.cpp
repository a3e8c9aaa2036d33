// SPDX-License-Identifier: MIT
//
// Streams over sockets on a loop's operations. Each pair of forms is one function that fills in an error_code,
// and a thin one that throws it.
#include <pirn/net/stream_socket.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/loop/socket.hpp>

#include "net/common.hpp"
#include "net/open_connections.hpp"

#include <array>
#include <cerrno>

namespace pirn::net {
namespace {

using detail::check;
using detail::direction;

// Views into what the system calls want: as many as fit, which is a part that the kernel might as well have
// taken. Returns how many.
constexpr std::size_t most_pieces = 16;
using pieces = std::array<iovec, most_pieces>;

template <class View>
std::span<const iovec> as_iovecs(std::span<const View> views, pieces& into) noexcept {
    const std::size_t count = std::min(views.size(), most_pieces);
    for (std::size_t i = 0; i < count; ++i) {
        into[i] = {const_cast<std::byte*>(views[i].data()), views[i].size()};
    }
    return std::span{into}.first(count);
}

} // namespace

// ---- moving and closing

stream_socket::stream_socket(stream_socket&& other) noexcept
    : account_{std::move(other.account_)}, endpoint_{std::move(other.endpoint_)},
      operations_{other.operations()}, was_short_{other.was_short_},
      write_ended_{other.write_ended_.load(std::memory_order_relaxed)} {
    if (account_ != nullptr) {
        account_->follow(*this);
    }
}

stream_socket& stream_socket::operator=(stream_socket&& other) noexcept {
    if (this != &other) {
        close();
        account_ = std::move(other.account_);
        endpoint_ = std::move(other.endpoint_);
        operations_.store(other.operations(), std::memory_order_relaxed);
        was_short_ = other.was_short_;
        write_ended_.store(other.write_ended_.load(std::memory_order_relaxed),
                           std::memory_order_relaxed);
        if (account_ != nullptr) {
            account_->follow(*this);
        }
    }
    return *this;
}

stream_socket::~stream_socket() { close(); }

void stream_socket::close() noexcept {
    if (account_ == nullptr) {
        endpoint_.close();
        return;
    }
    account_->leave();
    endpoint_.close();
    if (!is_open()) { // else another task is still closing it
        account_->closed();
    }
}

// ---- reading

std::size_t stream_socket::do_read(mutable_bytes into, std::error_code& error) {
    awaitable<receive_operation> receive{native_handle(), into};
    receive.wait_first = was_short_ && !pirn::detail::attempt_left();
    const std::size_t got = detail::await_on(endpoint_, direction::reading, receive, error);
    was_short_ = got < into.size();
    count();
    return got;
}

std::size_t stream_socket::read(mutable_bytes into) {
    std::error_code error;
    const std::size_t got = read(into, error);
    check(error, "read");
    return got;
}

std::size_t stream_socket::do_read_vector(std::span<const mutable_bytes> into,
                                          std::error_code& error) {
    pieces list;
    awaitable<receive_vector_operation> receive{native_handle(), as_iovecs(into, list)};
    const std::size_t got = detail::await_on(endpoint_, direction::reading, receive, error);
    count();
    return got;
}

buffer_lease stream_socket::read_borrowed(buffer_ring& from, std::error_code& error) {
    PIRN_REQUIRE(
        !endpoint_.is_elsewhere(current_loop()),
        "a borrowed buffer was asked for on another thread than the one that the stream belongs to",
        {"descriptor", native_handle()});
    awaitable<receive_borrowed_operation> receive{native_handle(), from, shots::one};
    detail::await_on(endpoint_, direction::reading, receive, error);
    count();
    return std::move(receive.lease);
}

buffer_lease stream_socket::read_borrowed(buffer_ring& from) {
    std::error_code error;
    buffer_lease lease = read_borrowed(from, error);
    check(error, "read_borrowed");
    return lease;
}

// ---- writing

// end_write: counts a write. One that was waiting when its direction was shut down has been cancelled for that.
void stream_socket::end_write(std::error_code& error) noexcept {
    count();
    if (error == std::errc::operation_canceled && write_ended_.load(std::memory_order_relaxed) &&
        !endpoint_.closed()) {
        error = error_of(-EPIPE);
    }
}

std::size_t stream_socket::do_write(bytes from, std::error_code& error) {
    awaitable<send_operation> send{native_handle(), from};
    const std::size_t sent = detail::await_on(endpoint_, direction::writing, send, error);
    end_write(error);
    return sent;
}

std::size_t stream_socket::write(bytes from, std::error_code& error) {
    if (from.empty()) {
        pirn::detail::give_way();
        error = error_of(pirn::detail::stop_refuses() ? -ECANCELED : 0);
        return 0;
    }
    return stream_socket::do_write(from, error);
}

std::size_t stream_socket::write(bytes from) {
    std::error_code error;
    const std::size_t sent = write(from, error);
    check(error, "write");
    return sent;
}

std::size_t stream_socket::write_all(bytes from, std::error_code& error) {
    std::size_t written = 0;
    do {
        written += write(from.subspan(written), error);
    } while (!error && written < from.size());
    return written;
}

void stream_socket::write_all(bytes from) {
    std::error_code error;
    write_all(from, error);
    check(error, "write_all");
}

std::size_t stream_socket::do_write_vector(std::span<const bytes> from, std::error_code& error) {
    pieces list;
    awaitable<send_vector_operation> send{native_handle(), as_iovecs(from, list)};
    const std::size_t sent = detail::await_on(endpoint_, direction::writing, send, error);
    end_write(error);
    return sent;
}

std::size_t stream_socket::write_zero_copy(bytes from, std::error_code& error) {
    if (from.empty()) {
        return write(from, error);
    }
    awaitable<send_zero_copy_operation> send{native_handle(), from};
    const std::size_t sent = detail::await_on(endpoint_, direction::writing, send, error);
    end_write(error);
    return sent;
}

std::size_t stream_socket::write_zero_copy(bytes from) {
    std::error_code error;
    const std::size_t sent = write_zero_copy(from, error);
    check(error, "write_zero_copy");
    return sent;
}

std::size_t stream_socket::write_all_zero_copy(bytes from, std::error_code& error) {
    std::size_t written = 0;
    do {
        written += write_zero_copy(from.subspan(written), error);
    } while (!error && written < from.size());
    return written;
}

void stream_socket::write_all_zero_copy(bytes from) {
    std::error_code error;
    write_all_zero_copy(from, error);
    check(error, "write_all_zero_copy");
}

// ---- ending

void stream_socket::shut(shutdown_side which, bool may_suspend, std::error_code& error) noexcept {
    const int how = which == shutdown_side::read    ? SHUT_RD
                    : which == shutdown_side::write ? SHUT_WR
                                                    : SHUT_RDWR;
    int result = os::shutdown(native_handle(), how);
    // The kernel forgets a connection that both sides have ended, and with it that we had.
    if (result == -ENOTCONN && write_ended_.load(std::memory_order_relaxed) &&
        !endpoint_.closed()) {
        result = 0;
    }
    if (result >= 0 && which != shutdown_side::read) {
        write_ended_.store(true, std::memory_order_relaxed);
        endpoint_.end_writing(may_suspend);
    }
    error = error_of(result);
}

void stream_socket::shutdown(shutdown_side which, std::error_code& error) noexcept {
    shut(which, false, error);
}

void stream_socket::shutdown(shutdown_side which) {
    std::error_code error;
    shutdown(which, error);
    check(error, "shutdown");
}

void stream_socket::do_shutdown_write(std::error_code& error) {
    pirn::detail::give_way();
    if (endpoint_.closed() || pirn::detail::stop_refuses()) {
        error = error_of(-ECANCELED);
    } else {
        shut(shutdown_side::write, true, error);
    }
}

io::detail::endpoint* stream_socket::do_endpoint() const noexcept {
    return const_cast<io::detail::endpoint*>(
        &endpoint_); // it is only said to be constant by looking
}

} // namespace pirn::net
