// SPDX-License-Identifier: MIT
//
// Who moves the bytes is decided by what the two descriptors are:
//
//   from \ to    pipe       socket       file
//   pipe         splice     splice       splice
//   socket       splice     buffer       buffer
//   file         splice     send_file    copy_file_range
//
// The kernel may refuse at the first attempt what it looks able to do (a file opened for appending, a file system
// without the call); then a buffer does it.
#include <pirn/io/copy.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/io/endpoint.hpp>
#include <pirn/loop/splice.hpp>
#include <pirn/loop/work.hpp>

#include "os/file.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>

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
constexpr std::size_t step_by_range = std::size_t{8} << 20;

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

struct range_operation : work_operation {
    range_operation(int source, int destination, std::size_t most, completion done) noexcept
        : work_operation{&perform, done}, from{source}, to{destination}, size{most} {}
    static int perform(work_operation& what) noexcept {
        auto& self = static_cast<range_operation&>(what);
        for (;;) {
            const int result = os::copy_range(self.from, self.to, self.size);
            if (result != -EINTR || self.stop_requested()) {
                return result == -EINTR ? -ECANCELED : result;
            }
        }
    }
    int from;
    int to;
    std::size_t size;
};

int by_range(endpoint& from, endpoint& to, std::size_t most) {
    awaitable<range_operation> range{from.descriptor(), to.descriptor(),
                                     std::min(most, step_by_range)};
    return await_between(from, to, range);
}

using mover = int (*)(endpoint&, endpoint&, std::size_t);

mover kernels_way(kind from, kind to) noexcept {
    if (from == kind::none || to == kind::none) {
        return nullptr;
    }
    if (from == kind::pipe || to == kind::pipe) {
        return &by_splice;
    }
    if (from == kind::file) {
        return to == kind::socket ? &by_send_file : &by_range;
    }
    return nullptr;
}

bool is_not_for_the_kernel(int result) noexcept {
    return result == -EINVAL || result == -ENOSYS || result == -EOPNOTSUPP || result == -EXDEV ||
           result == -EBADF || result == -EPERM || result == -ESPIPE;
}

std::uint64_t by_buffer(byte_stream& from, byte_stream& to, const copy_options& options,
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

} // namespace

std::uint64_t copy(byte_stream& from, byte_stream& to, const copy_options& options,
                   std::error_code& error) {
    PIRN_REQUIRE(options.buffer > 0, "copy was given a buffer of no bytes");
    error.clear();
    const mover move =
        options.by_kernel ? kernels_way(kind_of(from.endpoint()), kind_of(to.endpoint())) : nullptr;
    if (move == nullptr) {
        return by_buffer(from, to, options, error);
    }
    std::uint64_t copied = 0;
    while (copied < options.most) {
        const auto rest =
            static_cast<std::size_t>(std::min<std::uint64_t>(options.most - copied, step_by_range));
        const int result = move(*from.endpoint(), *to.endpoint(), rest);
        if (copied == 0 && (is_not_for_the_kernel(result) || (result == 0 && move == &by_range))) {
            // Files of /proc say that they are empty, to copy_file_range alone.
            return by_buffer(from, to, options, error);
        }
        if (result == -EAGAIN) {
            // Somebody has made the descriptor non-blocking behind our back. The streams can wait for it.
            copy_options rest_of = options;
            rest_of.most = options.most - copied;
            return copied + by_buffer(from, to, rest_of, error);
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
