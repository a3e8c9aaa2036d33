// SPDX-License-Identifier: MIT
//
// The io_uring backend: bytes that do not come into the program's memory. There is no request that sends
// a file to a socket, but one end of a splice may be a pipe; so a send_file goes through one in two steps:
//
//           splice file → pipe            splice pipe → socket, until the pipe is empty
//   filling ──────────────────► draining ────────────────────────────────────────────► finished
//      │ 0, an error               │ an error: what was sent, or the error
//      └────► finished             └────► finished, the pipe thrown away with what is in it
//
// An empty pipe goes back to a few that are kept for the next one.
#include <pirn/loop/splice.hpp>

#include "loop/uring/prepare.hpp"
#include "loop/uring/uring.hpp"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <unistd.h>

namespace pirn::detail {
namespace {

// Flag of a send_file: the second step.
constexpr std::uint8_t draining = 0x01;

// What a pipe is asked to hold: each step costs a way through one of the kernel's threads. Whoever has many of them,
// and is not root, gets smaller ones.
constexpr int wanted_pipe_size = 1 << 20;

// What it does hold: more would make the first step wait for the second.
std::size_t room_in(const os::handle& pipe) noexcept {
    const int room = ::fcntl(pipe.get(), F_GETPIPE_SZ);
    return room > 0 ? static_cast<std::size_t>(room) : std::size_t{4096};
}

} // namespace

void prepare_splice(io_uring_sqe& entry, operation& what) noexcept {
    if (what.kind() == operation_kind::splice) {
        const auto& splice = static_cast<const splice_operation&>(what);
        io_uring_prep_splice(&entry, splice.source, splice.source_offset, splice.destination,
                             splice.destination_offset, transfer_size(splice.size), SPLICE_F_MOVE);
        return;
    }
    auto& send = static_cast<send_file_operation&>(what);
    auto& [out, in] = operation_access::pipe(send);
    if ((operation_access::flags(what) & draining) == 0) {
        const auto size = static_cast<unsigned>(std::min(send.size, room_in(in)));
        io_uring_prep_splice(&entry, send.file, send.offset, in.get(), -1, size, SPLICE_F_MOVE);
    } else {
        const auto inside = static_cast<unsigned>(operation_access::inside(send));
        io_uring_prep_splice(&entry, out.get(), -1, send.socket, -1, inside, SPLICE_F_MOVE);
    }
}

// begin_send_file: 0, or a negative errno.
int uring_backend::begin_send_file(send_file_operation& what) noexcept {
    operation_access::inside(what) = operation_access::sent(what) = 0;
    if (what.offset < 0) {
        return -EINVAL;
    }
    auto& pipe = operation_access::pipe(what);
    if (spare_pipes_ > 0) {
        pipe = std::move(pipes_[--spare_pipes_]);
        return 0;
    }
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return -errno;
    }
    ::fcntl(ends[1], F_SETPIPE_SZ, wanted_pipe_size); // a refusal leaves it as it is
    pipe = {os::handle{ends[0]}, os::handle{ends[1]}};
    return 0;
}

void uring_backend::complete_send_file(send_file_operation& what, int result) noexcept {
    std::uint8_t& flags = operation_access::flags(what);
    if (result > 0 && (flags & draining) == 0) {
        flags |= draining;
        operation_access::inside(what) = result;
        retry(what);
    } else if (result > 0) {
        operation_access::sent(what) += result;
        operation_access::inside(what) -= result;
        if (operation_access::inside(what) > 0) {
            retry(what);
        } else {
            complete_last(what, 0);
        }
    } else {
        complete_last(what, result);
    }
}

// end_send_file: the result of all steps, given that of the last.
int uring_backend::end_send_file(send_file_operation& what, int result) noexcept {
    auto& pipe = operation_access::pipe(what);
    if (operation_access::inside(what) == 0 && spare_pipes_ < pipes_.size() && result >= 0) {
        pipes_[spare_pipes_++] = std::move(pipe);
    }
    pipe = {};
    const int sent = operation_access::sent(what);
    return sent > 0 ? sent : result;
}

} // namespace pirn::detail
