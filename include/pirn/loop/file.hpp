// SPDX-License-Identifier: MIT
//
// What can be asked about files and directories. Each operation is one system call, with its parameters
// and its result; io_uring does those that the kernel knows, the blocking pool does the others.
//
// A path is the caller's and ends in a zero; a relative one begins at `directory`, a descriptor or AT_FDCWD.
// An offset of -1 is the file's own position, which moves; anything else leaves that alone. Descriptors may
// be of any kind; a read at the own position of one that waits for somebody else (a pipe, a terminal) waits without
// a thread, but a write to one that is full holds up a thread of the pool on epoll: poll it first. Descriptors of
// files need no loop::release.
//
// Cancelled, an operation that has begun ends early where the kernel lets it, with -ECANCELED, and
// otherwise with its result. One that changes something (rename, unlink …) either did or did not.
//
// Sizes on a 64-bit machine: from 72 bytes (sync_operation) to 96 (rename_operation).
#pragma once

#include <pirn/base/bytes.hpp>
#include <pirn/loop/work.hpp>

#include <cstdint>
#include <span>

#include <fcntl.h>
#include <sys/types.h>

struct iovec;
struct statx;

namespace pirn {

// open_operation: openat(2). Completes with a new descriptor, always close-on-exec; the caller owns it,
// also when the operation was cancelled too late.
class open_operation : public pooled_operation {
  public:
    open_operation(const char* name, int how, mode_t permissions, completion done) noexcept
        : pooled_operation{operation_kind::open, done}, path{name}, flags{how}, mode{permissions} {}

    int directory = AT_FDCWD;
    const char* path;
    int flags;
    mode_t mode; // of a file that is created
};

// read_operation: completes with the number of bytes read, 0 at the end of the file. An offset of -1 is the file's own
// position; any other one is -ESPIPE where there are no places: pipes, sockets, terminals.
class read_operation : public pooled_operation {
  public:
    read_operation(int fd, mutable_bytes into, std::int64_t at, completion done) noexcept
        : pooled_operation{operation_kind::read, done}, descriptor{fd}, buffer{into}, offset{at} {}

    int descriptor;
    mutable_bytes buffer;
    std::int64_t offset;
    bool has_places =
        false; // known of the descriptor, and not asked for any more; so in the following three
};

// write_operation: completes with the number of bytes written, which may be fewer than asked for. Writing
// to a pipe that nobody reads is -EPIPE, and no signal where the blocking pool does it; io_uring raises
// none either.
class write_operation : public pooled_operation {
  public:
    write_operation(int fd, bytes from, std::int64_t at, completion done) noexcept
        : pooled_operation{operation_kind::write, done}, descriptor{fd}, buffer{from}, offset{at} {}

    int descriptor;
    bytes buffer;
    std::int64_t offset;
    bool has_places = false;
};

// read_vector_operation, write_vector_operation: the same with several pieces of memory, in their order.
// The array of pieces stays with the caller until the completion. At most 1024 pieces.
class read_vector_operation : public pooled_operation {
  public:
    read_vector_operation(int fd, std::span<const iovec> into, std::int64_t at,
                          completion done) noexcept
        : pooled_operation{operation_kind::read_vector, done}, descriptor{fd}, pieces{into},
          offset{at} {}

    int descriptor;
    std::span<const iovec> pieces;
    std::int64_t offset;
    bool has_places = false;
};

class write_vector_operation : public pooled_operation {
  public:
    write_vector_operation(int fd, std::span<const iovec> from, std::int64_t at,
                           completion done) noexcept
        : pooled_operation{operation_kind::write_vector, done}, descriptor{fd}, pieces{from},
          offset{at} {}

    int descriptor;
    std::span<const iovec> pieces;
    std::int64_t offset;
    bool has_places = false;
};

// sync_operation: completes with 0 when the file is on its disk: the data and what is needed to read it
// (fdatasync(2)), or everything about the file (fsync(2)).
class sync_operation : public pooled_operation {
  public:
    sync_operation(int fd, bool only_data, completion done) noexcept
        : pooled_operation{operation_kind::sync, done}, descriptor{fd}, data_only{only_data} {}

    int descriptor;
    bool data_only;
};

// allocate_operation: fallocate(2): reserves room in a file, or with another mode gives it back. 0.
class allocate_operation : public pooled_operation {
  public:
    allocate_operation(int fd, int how, std::int64_t from, std::int64_t count,
                       completion done) noexcept
        : pooled_operation{operation_kind::allocate, done}, descriptor{fd}, mode{how}, offset{from},
          size{count} {}

    int descriptor;
    int mode;            // 0, or FALLOC_FL_*
    std::int64_t offset; // bytes
    std::int64_t size;   // bytes
};

// truncate_operation: ftruncate(2): makes a file as long as this. 0.
class truncate_operation : public pooled_operation {
  public:
    truncate_operation(int fd, std::int64_t length, completion done) noexcept
        : pooled_operation{operation_kind::truncate, done}, descriptor{fd}, size{length} {}

    int descriptor;
    std::int64_t size; // bytes
};

// status_operation: statx(2): fills in what is known about a path; about the descriptor `directory`
// itself with an empty path and AT_EMPTY_PATH. 0.
class status_operation : public pooled_operation {
  public:
    status_operation(const char* name, struct statx* into, completion done) noexcept
        : pooled_operation{operation_kind::status, done}, path{name}, status{into} {}

    int directory = AT_FDCWD;
    const char* path;
    struct statx* status;
    int flags = 0;          // AT_*
    unsigned mask = 0x7ffU; // which fields: STATX_BASIC_STATS
};

// rename_operation: renameat2(2). 0.
class rename_operation : public pooled_operation {
  public:
    rename_operation(const char* name, const char* new_name, completion done) noexcept
        : pooled_operation{operation_kind::rename, done}, path{name}, new_path{new_name} {}

    const char* path;
    const char* new_path;
    int directory = AT_FDCWD;
    int new_directory = AT_FDCWD;
    unsigned flags = 0; // RENAME_NOREPLACE and its like
};

// unlink_operation: unlinkat(2): removes a name; a directory with AT_REMOVEDIR. 0.
class unlink_operation : public pooled_operation {
  public:
    unlink_operation(const char* name, int how, completion done) noexcept
        : pooled_operation{operation_kind::unlink, done}, path{name}, flags{how} {}

    int directory = AT_FDCWD;
    const char* path;
    int flags;
};

// make_directory_operation: mkdirat(2). 0.
class make_directory_operation : public pooled_operation {
  public:
    make_directory_operation(const char* name, mode_t permissions, completion done) noexcept
        : pooled_operation{operation_kind::make_directory, done}, path{name}, mode{permissions} {}

    int directory = AT_FDCWD;
    const char* path;
    mode_t mode;
};

// read_directory_operation: getdents64(2): fills the buffer with entries of an open directory and
// completes with the bytes used, 0 at the end; -EINVAL when not one entry fits (280 bytes always do).
// The buffer is aligned to 8 bytes. next_entry takes it apart.
class read_directory_operation : public pooled_operation {
  public:
    read_directory_operation(int fd, mutable_bytes into, completion done) noexcept
        : pooled_operation{operation_kind::read_directory, done}, descriptor{fd}, buffer{into} {}

    int descriptor;
    mutable_bytes buffer;
};

// directory_entry: one of those; the name lies in the buffer. "." and ".." are among them.
struct directory_entry {
    const char* name = nullptr;
    std::uint64_t inode = 0;
    std::uint8_t type = 0; // DT_REG, DT_DIR …, DT_UNKNOWN where the file system does not say
};

// next_entry: takes the first entry from what a read_directory_operation has filled; false at the end.
// Thread-safe. Never suspends.
PIRN_EXPORT bool next_entry(bytes& filled, directory_entry& entry) noexcept;

} // namespace pirn
