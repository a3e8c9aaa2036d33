// SPDX-License-Identifier: MIT
//
// Bytes from one descriptor to another that never come into the program's memory.
//
// The descriptors are used as any other: sockets are made with loop::socket_flags(), pipes may be of
// either kind for splice on epoll and are blocking for io_uring, and loop::release comes before close.
// Sizes on a 64-bit machine: splice 64 bytes, send_file 72.
#pragma once

#include <pirn/loop/operation.hpp>
#include <pirn/os/handle.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace pirn {

// splice_operation: splice(2): moves up to `size` bytes from one descriptor to another, one of which is a
// pipe. Completes with the number of bytes moved, 0 at the end of the source. It waits for whichever end
// is not ready. An offset of -1 is the descriptor's own position, and what a pipe or a socket needs. Never
// raises SIGPIPE. Counts as a receive on its source and a send on its destination.
class splice_operation : public operation {
  public:
    splice_operation(int from, int to, std::size_t most, completion done) noexcept
        : operation{operation_kind::splice, done}, source{from}, destination{to}, size{most} {}

    int source;
    int destination;
    std::size_t size; // bytes
    std::int64_t source_offset = -1;
    std::int64_t destination_offset = -1;
};

// send_file_operation: sends bytes of a file to a socket. Completes with the number of bytes that the
// socket took, fewer than asked for where it has no more room (and never more than a pipe holds by
// io_uring), 0 at the end of the file. The file's own position is left alone. A file whose pages are not
// in memory is read by epoll's loop itself, which waits for the disk. Never raises SIGPIPE. By io_uring it
// needs two descriptors while it goes on. Counts as a send.
class send_file_operation : public operation {
  public:
    send_file_operation(int from, std::int64_t at, int to, std::size_t most,
                        completion done) noexcept
        : operation{operation_kind::send_file, done}, file{from}, socket{to}, offset{at},
          size{most} {}

    int file;
    int socket;
    std::int64_t offset; // bytes, not negative
    std::size_t size;    // bytes

  private:
    friend struct detail::operation_access;
    std::array<os::handle, 2> pipe_; // io_uring: through which it goes, out and in
    int inside_ = 0;                 // bytes in the pipe
    int sent_ = 0;                   // bytes that the socket took
};

} // namespace pirn
