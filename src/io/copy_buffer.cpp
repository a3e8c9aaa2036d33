// SPDX-License-Identifier: MIT
//
// Bytes that go through a buffer, and from a socket the choice of what they go through:
//
//              the small buffer is full, and more is there        the large buffer is full too
//   waiting ────────────────────────────────────────────► many ──────────────────────────────► flowing
//   small buffer                                        large buffer                           pipe
//   (on the stack)      a short read                       │                                    │ nothing is there
//        ▲◄────────────────────────────────────────────────┴────────────────────────────────────┘
//
// so that a connection on which nothing comes holds neither a buffer nor a pipe, small messages cost no system call
// more than before, and a stream of bytes is moved by the kernel. What the sockets say is not ready is waited for with the
// small buffer when it is the source; bytes that are in the pipe when the target is not ready stay there meanwhile.
#include <pirn/base/error.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/loop/splice.hpp>

#include "io/copy_ways.hpp"
#include "os/file.hpp"
#include "os/socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <optional>

#include <poll.h>
#include <sys/socket.h>

namespace pirn::io::detail {
namespace {

constexpr std::size_t small_size = 2048; // bytes; on the stack of a task that may have little

class socket_copy {
  public:
    socket_copy(byte_stream& from, byte_stream& to, endpoint* to_socket,
                const copy_options& options) noexcept
        : from_{from}, to_{to}, to_socket_{to_socket}, most_{options.most}, size_{options.buffer} {}

    std::uint64_t run(std::error_code& error);

  private:
    std::uint64_t rest() const noexcept { return most_ - copied_; }
    std::size_t clipped(std::size_t size) const noexcept {
        return static_cast<std::size_t>(std::min<std::uint64_t>(size, rest()));
    }
    bool more_is_there() const noexcept { return os::ready(from_.descriptor(), POLLIN) > 0; }

    bool through_small(std::error_code& error);
    void through_large(bytes begun, std::error_code& error);
    void through_pipe(std::error_code& error);
    int fill(borrowed_pipe& pipe);
    bool empty(borrowed_pipe& pipe, std::error_code& error);
    void rescue(borrowed_pipe& pipe, std::error_code& error);

    byte_stream& from_;
    byte_stream& to_;
    endpoint* to_socket_; // null when the kernel does not move the bytes, or has refused
    std::uint64_t most_;
    std::size_t size_; // of the large buffer
    std::uint64_t copied_ = 0;
};

std::uint64_t socket_copy::run(std::error_code& error) {
    std::optional<pipe_user> user;
    if (to_socket_ != nullptr) {
        user.emplace();
    }
    while (copied_ < most_ && through_small(error)) {
    }
    return copied_;
}

// through_small: waits for bytes and passes them on, with all that follow at once; false at the end or an error.
bool socket_copy::through_small(std::error_code& error) {
    std::array<std::byte, small_size> buffer;
    const std::size_t wanted = clipped(std::min(size_, buffer.size()));
    const std::size_t got = from_.read(mutable_bytes{buffer.data(), wanted}, error);
    if (got == 0) {
        return false;
    }
    const bytes begun{buffer.data(), got};
    if (got < small_size || rest() == got || size_ == small_size || !more_is_there()) {
        copied_ += to_.write_all(begun, error);
    } else {
        through_large(begun, error);
    }
    return !error;
}

void socket_copy::through_large(bytes begun, std::error_code& error) {
    const std::unique_ptr<std::byte[]> buffer{new (std::nothrow) std::byte[size_]};
    if (buffer == nullptr) {
        copied_ += to_.write_all(begun, error); // slower, but it goes on
        return;
    }
    std::memcpy(buffer.get(), begun.data(), begun.size());
    for (std::size_t inside = begun.size();;) {
        const std::size_t wanted = clipped(size_);
        std::error_code source;
        const std::size_t got =
            from_.read(mutable_bytes{buffer.get() + inside, wanted - inside}, source);
        inside += got;
        copied_ += to_.write_all(bytes{buffer.get(), inside}, error);
        error = error ? error : source;
        if (error || inside < size_ || rest() == 0) {
            return;
        }
        if (to_socket_ != nullptr) {
            through_pipe(error);
        }
        if (error || rest() == 0 || !more_is_there()) {
            return;
        }
        inside = 0;
    }
}

// through_pipe: until nothing is there, the end has come, or the kernel refuses.
void socket_copy::through_pipe(std::error_code& error) {
    borrowed_pipe pipe;
    while (pipe && to_socket_ != nullptr && rest() > 0) {
        const int got = fill(pipe);
        if (got < 0 && got != -EAGAIN) {
            const bool refused = got == -EINVAL || got == -EPERM || got == -ENOSYS ||
                                 got == -EXDEV || got == -EOPNOTSUPP;
            to_socket_ = refused ? nullptr : to_socket_;
            error = error_of(refused ? 0 : got);
            return;
        }
        if (got <= 0 || !empty(pipe, error)) {
            return;
        }
    }
}

// fill: what is in the source without waiting for it; -EAGAIN when nothing is.
int socket_copy::fill(borrowed_pipe& pipe) {
    loop& here = current_loop();
    endpoint& source = *from_.endpoint();
    awaitable<splice_operation> splice{source.descriptor(), pipe.in(), clipped(pipe.room())};
    endpoint::in_use mark{source, direction::reading, splice, here};
    if (source.closed()) {
        return -ECANCELED;
    }
    int result = -EAGAIN;
    if ((here.socket_flags() & SOCK_NONBLOCK) != 0) {
        result = os::splice(splice.source, -1, pipe.in(), -1, splice.size);
    } else if (more_is_there()) {
        // The socket blocks, and so would the call: a thread of the kernel's makes it.
        result = mark.wait(here, splice);
    }
    pipe.inside += static_cast<std::size_t>(std::max(result, 0));
    return result;
}

// empty: passes on all that is in the pipe; false on an error, or when another way has to be taken.
bool socket_copy::empty(borrowed_pipe& pipe, std::error_code& error) {
    while (pipe.inside > 0) {
        awaitable<splice_operation> splice{pipe.out(), to_socket_->descriptor(), pipe.inside};
        const int result = await_on(*to_socket_, direction::writing, splice);
        if (result <= 0) {
            if (result == 0 || result == -EAGAIN || result == -EINVAL || result == -EPERM ||
                result == -ENOSYS || result == -EOPNOTSUPP) {
                rescue(pipe, error);
            } else {
                error = error_of(result);
            }
            return false;
        }
        pipe.inside -= static_cast<std::size_t>(result);
        copied_ += static_cast<std::uint64_t>(result);
    }
    return true;
}

// rescue: the target does not take from a pipe. What is inside goes through a buffer, and so does the rest.
void socket_copy::rescue(borrowed_pipe& pipe, std::error_code& error) {
    to_socket_ = nullptr;
    std::array<std::byte, small_size> buffer;
    while (pipe.inside > 0 && !error) {
        const int got = os::read(pipe.out(), mutable_bytes{buffer}, -1);
        if (got <= 0) {
            error = error_of(got == 0 ? -EIO : got);
            return;
        }
        pipe.inside -= static_cast<std::size_t>(got);
        copied_ += to_.write_all(bytes{buffer.data(), static_cast<std::size_t>(got)}, error);
    }
}

} // namespace

std::uint64_t copy_from_socket(byte_stream& from, byte_stream& to, endpoint* to_socket,
                               const copy_options& options, std::error_code& error) {
    return socket_copy{from, to, to_socket, options}.run(error);
}

std::uint64_t copy_by_buffer(byte_stream& from, byte_stream& to, const copy_options& options,
                             std::error_code& error) {
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(options.buffer);
    std::uint64_t copied = 0;
    while (copied < options.most) {
        const auto some = static_cast<std::size_t>(
            std::min<std::uint64_t>(options.buffer, options.most - copied));
        const std::size_t got = from.read(mutable_bytes{buffer.get(), some}, error);
        if (got == 0) {
            break;
        }
        copied += to.write_all(bytes{buffer.get(), got}, error);
        if (error) {
            break;
        }
    }
    return copied;
}

} // namespace pirn::io::detail
