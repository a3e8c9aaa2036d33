// SPDX-License-Identifier: MIT
//
// Reading and writing what can be waited for, in four manners:
//
//   by_loop     io_uring waits itself                          read ──► result
//   by_socket   so does every loop for sockets                 receive ──► result
//   by_trying   epoll, and ours: non-blocking                  read ──► EAGAIN ──► poll ──► read …
//   by_pool     epoll, and not ours alone: it may block        poll ──► read on a thread of the pool
//
// epoll knows a descriptor once, hence one that is both read and written and polled for it is there a second time.
//
// A descriptor that somebody has made non-blocking behind our back answers EAGAIN in any of them, and is polled.
#include <pirn/io/descriptor_stream.hpp>

#include <pirn/base/error.hpp>
#include <pirn/loop/file.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/loop/operations.hpp>

#include "os/file.hpp"
#include "os/socket.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pirn::io {
namespace {

using detail::direction;
using detail::endpoint;

bool loop_waits_itself() { return (current_loop().socket_flags() & SOCK_NONBLOCK) == 0; }

bool is_socket(int descriptor) noexcept {
    struct stat known{};
    return ::fstat(descriptor, &known) == 0 && S_ISSOCK(known.st_mode);
}

bool is_for_both(int descriptor) noexcept {
    const int flags = ::fcntl(descriptor, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == O_RDWR;
}

// Tries, and polls while that would wait.
template <class Try>
int try_and_wait(endpoint& which, int polled, direction side, short events, Try attempt) {
    if (which.closed()) {
        return detail::refuse(-ECANCELED);
    }
    loop& here = current_loop();
    awaitable<poll_operation> ready{polled, events};
    endpoint::in_use mark{which, side, ready, here};
    pirn::detail::give_way();
    for (;;) {
        if (which.closed() || pirn::detail::stop_refuses()) {
            return -ECANCELED;
        }
        const int result = attempt();
        if (result == -EINTR) {
            continue;
        }
        if (result != -EAGAIN) {
            return result;
        }
        if (const int answer = mark.wait(here, ready); answer < 0) {
            return answer;
        }
    }
}

} // namespace

descriptor_stream::descriptor_stream(os::handle&& owned, sharing how)
    : endpoint_{std::move(owned), current_loop()} {
    const bool socket = is_socket(native_handle());
    if (loop_waits_itself()) {
        manner_ = socket ? manner::by_socket : manner::by_loop;
        return;
    }
    manner_ = how == sharing::shared ? manner::by_pool
              : socket               ? manner::by_socket
                                     : manner::by_trying;
    if (how == sharing::own) {
        const int flags = ::fcntl(native_handle(), F_GETFL);
        ::fcntl(native_handle(), F_SETFL, flags | O_NONBLOCK);
    }
    if (manner_ != manner::by_socket && is_for_both(native_handle())) {
        second_ = os::handle{::fcntl(native_handle(), F_DUPFD_CLOEXEC, 0)};
        if (!second_) {
            throw_errno("descriptor_stream");
        }
    }
}

descriptor_stream::descriptor_stream(descriptor_stream&& other) noexcept
    : endpoint_{std::move(other.endpoint_)}, second_{std::move(other.second_)},
      manner_{other.manner_}, ended_{other.ended_.exchange(false, std::memory_order_relaxed)} {}

descriptor_stream& descriptor_stream::operator=(descriptor_stream&& other) noexcept {
    if (this != &other) {
        do_close();
        endpoint_ = std::move(other.endpoint_);
        second_ = std::move(other.second_);
        manner_ = other.manner_;
        ended_.store(other.ended_.exchange(false, std::memory_order_relaxed),
                     std::memory_order_relaxed);
    }
    return *this;
}

template <class Operation, class Buffer>
int descriptor_stream::perform(direction side, short events, Buffer buffer) {
    const int polled = second_ && side == direction::writing ? second_.get() : native_handle();
    for (bool wait = manner_ == manner::by_pool;; wait = true) {
        if (wait) {
            awaitable<poll_operation> ready{polled, events};
            if (const int result = detail::await_on(endpoint_, side, ready); result < 0) {
                return result;
            }
        }
        awaitable<Operation> what{native_handle(), buffer, std::int64_t{-1}};
        if (const int result = detail::await_on(endpoint_, side, what); result != -EAGAIN) {
            return result;
        }
    }
}

std::size_t descriptor_stream::do_read(mutable_bytes into, std::error_code& error) {
    int result = 0;
    if (manner_ == manner::by_socket) {
        awaitable<receive_operation> receive{native_handle(), into};
        result = detail::await_on(endpoint_, direction::reading, receive);
    } else if (manner_ == manner::by_trying) {
        result = try_and_wait(endpoint_, native_handle(), direction::reading, POLLIN,
                              [&] { return os::read(native_handle(), into, -1); });
    } else {
        result = perform<read_operation>(direction::reading, POLLIN, into);
    }
    // The other side of a pseudo terminal that is closed is an end, and not an error. Of anything else, EIO is the
    // device that fails.
    const bool hung_up = result == -EIO && ::isatty(native_handle()) == 1;
    error = error_of(hung_up ? 0 : result);
    return result < 0 ? 0 : static_cast<std::size_t>(result);
}

std::size_t descriptor_stream::do_write(bytes from, std::error_code& error) {
    if (ended()) {
        error = error_of(detail::refuse(-EPIPE));
        return 0;
    }
    int result = 0;
    if (manner_ == manner::by_socket) {
        awaitable<send_operation> send{native_handle(), from};
        result = detail::await_on(endpoint_, direction::writing, send);
    } else if (manner_ == manner::by_trying) {
        const int polled = second_ ? second_.get() : native_handle();
        result = try_and_wait(endpoint_, polled, direction::writing, POLLOUT,
                              [&] { return os::write(native_handle(), from, -1); });
    } else {
        result = perform<write_operation>(direction::writing, POLLOUT, from);
    }
    if (result == -ECANCELED && ended()) {
        result = -EPIPE; // the write was waiting, and shutdown_write has ended that
    }
    error = error_of(result);
    return result < 0 ? 0 : static_cast<std::size_t>(result);
}

void descriptor_stream::do_close() noexcept {
    endpoint_.close();
    second_.close();
    ended_.store(false, std::memory_order_relaxed); // being closed is said first
}

void descriptor_stream::do_shutdown_write(std::error_code& error) {
    error.clear();
    pirn::detail::give_way();
    if (ended()) {
        return;
    }
    if (endpoint_.closed() || pirn::detail::stop_refuses()) {
        error = error_of(-ECANCELED);
        return;
    }
    const int flags = ::fcntl(native_handle(), F_GETFL);
    if (flags >= 0 && (flags & O_ACCMODE) == O_WRONLY) {
        ended_.store(true,
                     std::memory_order_relaxed); // before what is in flight ends, which looks at it
        error = error_of(endpoint_.close());
        return;
    }
    const int result = os::shutdown(native_handle(), SHUT_WR);
    if (result == -ENOTSOCK) {
        error = std::make_error_code(std::errc::not_supported);
        return;
    }
    error = error_of(result);
    ended_.store(result >= 0, std::memory_order_relaxed);
    if (result >= 0) {
        endpoint_.end_writing(true);
    }
}

pipe_ends make_pipe(std::error_code& error) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        error = error_of(-errno);
        return {};
    }
    error.clear();
    return {descriptor_stream{os::handle{ends[0]}}, descriptor_stream{os::handle{ends[1]}}};
}

pipe_ends make_pipe() {
    std::error_code error;
    pipe_ends made = make_pipe(error);
    detail::check(error, "make_pipe");
    return made;
}

} // namespace pirn::io
