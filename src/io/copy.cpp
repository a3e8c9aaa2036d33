// SPDX-License-Identifier: MIT
//
// Who moves the bytes is decided by what the two descriptors are:
//
//   from \ to    pipe       socket       file
//   pipe         splice     splice       splice
//   socket       splice     see below    buffer
//   file         splice     send_file    copy_file.cpp
//
// The kernel may refuse at the first attempt what it looks able to do (a filter of system calls, a file system without
// the call); then a buffer does it. What comes from a socket goes as copy_buffer.cpp chooses.
#include <pirn/io/copy.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/io/endpoint.hpp>
#include <pirn/loop/splice.hpp>
#include <pirn/loop/work.hpp>

#include "io/copy_file.hpp"
#include "io/copy_ways.hpp"
#include "os/socket.hpp"

#include <algorithm>
#include <cerrno>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pirn::io {
namespace {

using detail::direction;
using detail::endpoint;

enum class kind : std::uint8_t { none, pipe, socket, file };

kind kind_of(const endpoint* which) noexcept {
    struct stat known{};
    if (which == nullptr || !which->is_open() || ::fstat(which->descriptor(), &known) != 0) {
        return kind::none;
    }
    return S_ISFIFO(known.st_mode)   ? kind::pipe
           : S_ISSOCK(known.st_mode) ? kind::socket
           : S_ISREG(known.st_mode)  ? kind::file
                                     : kind::none;
}

// How much the kernel is asked for at a time: much, but not so much that others wait for long.
constexpr std::size_t step_by_splice = std::size_t{1} << 20;

// An operation that reads from one stream and writes to another, and is ended by the closing of either.
template <class Operation>
int await_between(endpoint& from, endpoint& to, awaitable<Operation>& what) {
    if (from.closed() || to.closed()) {
        return detail::refuse(-ECANCELED);
    }
    loop& here = current_loop();
    endpoint::in_use reads{from, direction::reading, what, here};
    const endpoint::in_use writes{to, direction::writing, what, here};
    pirn::detail::give_way();
    if (from.closed() || to.closed()) {
        return -ECANCELED;
    }
    if (&reads.where() != &writes.where()) {
        return -EXDEV; // they belong to two threads: by a buffer
    }
    return reads.wait(here, what);
}

int by_splice(endpoint& from, endpoint& to, std::size_t most) {
    awaitable<splice_operation> splice{from.descriptor(), to.descriptor(),
                                       std::min(most, step_by_splice)};
    return await_between(from, to, splice);
}

int by_send_file(endpoint& from, endpoint& to, std::size_t most) {
    const off_t at = ::lseek(from.descriptor(), 0, SEEK_CUR);
    if (at < 0) {
        return -errno;
    }
    awaitable<send_file_operation> send{from.descriptor(), std::int64_t{at}, to.descriptor(),
                                        std::min(most, step_by_splice)};
    const int result = await_between(from, to, send);
    if (result > 0) {
        ::lseek(from.descriptor(), at + result, SEEK_SET);
    }
    return result;
}

// file_operation: a step of a file_copier on a thread of the pool.
struct file_operation : work_operation {
    file_operation(detail::file_copier& copier, std::uint64_t most, completion done) noexcept
        : work_operation{&perform, done}, files{copier}, size{most} {}
    static int perform(work_operation& what) noexcept {
        auto& self = static_cast<file_operation&>(what);
        return self.files.step(self.size, self, self.moved);
    }
    detail::file_copier& files;
    std::uint64_t size;
    std::uint64_t moved = 0; // bytes, also beside an error
};

std::uint64_t between_files(byte_stream& from, byte_stream& to, const copy_options& options,
                            std::error_code& error) {
    detail::file_copier files{from.descriptor(), to.descriptor(), options.by_kernel,
                              options.buffer};
    std::uint64_t copied = 0;
    while (copied < options.most) {
        awaitable<file_operation> part{files, options.most - copied};
        const int result = await_between(*from.endpoint(), *to.endpoint(), part);
        copied += part.moved;
        if (result == -EXDEV && copied == 0) {
            return detail::copy_by_buffer(from, to, options, error); // of two threads
        }
        error = error_of(result);
        if (error || part.moved == 0) {
            break;
        }
    }
    return copied;
}

using mover = int (*)(endpoint&, endpoint&, std::size_t);

mover kernels_way(kind from, kind to) noexcept {
    if (from == kind::none || to == kind::none) {
        return nullptr;
    }
    if (from == kind::pipe || to == kind::pipe) {
        return &by_splice;
    }
    return from == kind::file && to == kind::socket ? &by_send_file : nullptr;
}

// is_for_splice: whether both are TCP connections of this loop. Others do not count what goes past them, as the limit of
// silence of `serve` needs.
bool is_for_splice(endpoint& from, endpoint& to) {
    loop& here = current_loop();
    for (endpoint* each : {&from, &to}) {
        if (os::option(each->descriptor(), SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP ||
            each->is_elsewhere(here)) {
            return false;
        }
    }
    return true;
}

bool is_not_for_the_kernel(int result) noexcept {
    return result == -EINVAL || result == -ENOSYS || result == -EOPNOTSUPP || result == -EXDEV ||
           result == -EBADF || result == -EPERM || result == -ESPIPE;
}

} // namespace

std::uint64_t copy(byte_stream& from, byte_stream& to, const copy_options& options,
                   std::error_code& error) {
    PIRN_REQUIRE(options.buffer > 0, "copy was given a buffer of no bytes");
    error.clear();
    const kind source = kind_of(from.endpoint());
    const kind target = kind_of(to.endpoint());
    if (source == kind::file && target == kind::file) {
        return between_files(from, to, options, error);
    }
    const mover move = options.by_kernel ? kernels_way(source, target) : nullptr;
    if (move == nullptr && source == kind::socket) {
        const bool splice = options.by_kernel && target == kind::socket &&
                            is_for_splice(*from.endpoint(), *to.endpoint());
        return detail::copy_from_socket(from, to, splice ? to.endpoint() : nullptr, options, error);
    }
    if (move == nullptr) {
        return detail::copy_by_buffer(from, to, options, error);
    }
    std::uint64_t copied = 0;
    while (copied < options.most) {
        const auto rest = static_cast<std::size_t>(
            std::min<std::uint64_t>(options.most - copied, step_by_splice));
        const int result = move(*from.endpoint(), *to.endpoint(), rest);
        if (copied == 0 && is_not_for_the_kernel(result)) {
            return detail::copy_by_buffer(from, to, options, error);
        }
        if (result == -EAGAIN) {
            // Somebody has made the descriptor non-blocking behind our back. The streams can wait for it.
            copy_options rest_of = options;
            rest_of.most = options.most - copied;
            return copied + detail::copy_by_buffer(from, to, rest_of, error);
        }
        if (result <= 0) {
            error = error_of(result);
            break;
        }
        copied += static_cast<std::uint64_t>(result);
    }
    return copied;
}

std::uint64_t copy(byte_stream& from, byte_stream& to, const copy_options& options) {
    std::error_code error;
    const std::uint64_t copied = copy(from, to, options, error);
    detail::check(error, "copy");
    return copied;
}

} // namespace pirn::io
