// SPDX-License-Identifier: MIT
//
// The file calls of the kernel, thinly: each answers in the kernel's form, zero or more on success and a
// negative errno otherwise, -EINTR among them: whoever calls knows whether to ask again.
//
// Nothing is owned here. An offset of -1 is the file's own position.
#pragma once

#include <pirn/base/bytes.hpp>

#include <cstdint>
#include <span>

#include <sys/types.h>
#include <sys/uio.h>

struct statx;

namespace pirn::os {

// Each of these suspends the thread for as long as the file system takes.
int open(int directory, const char* path, int flags, mode_t mode) noexcept;
int read(int descriptor, mutable_bytes into, std::int64_t offset) noexcept;
int read(int descriptor, std::span<const iovec> into, std::int64_t offset) noexcept;
int sync(int descriptor, bool data_only) noexcept;
int allocate(int descriptor, int mode, std::int64_t offset, std::int64_t size) noexcept;
int truncate(int descriptor, std::int64_t size) noexcept;
int status(int directory, const char* path, int flags, unsigned mask, struct statx* into) noexcept;
int rename(int directory, const char* path, int new_directory, const char* new_path,
           unsigned flags) noexcept;
int unlink(int directory, const char* path, int flags) noexcept;
int make_directory(int directory, const char* path, mode_t mode) noexcept;
int read_directory(int descriptor, mutable_bytes into) noexcept;

// waits_for_others: whether a read of it may have to wait for somebody else, and poll(2) can tell when not: pipes,
// terminals, sockets, eventfds and their like; no file, directory or disk. Never suspends.
bool waits_for_others(int descriptor) noexcept;

// read_now: a read at the file's own position of what waits for others; -EAGAIN when there is nothing. Never suspends,
// unless somebody else reads from the same terminal.
int read_now(int descriptor, std::span<const iovec> into) noexcept;

// has_places: false for what has no offsets, so that pread(2) is ESPIPE: pipes, sockets, terminals. True for what is no
// descriptor, of which the call itself says so. Never suspends.
bool has_places(int descriptor) noexcept;

// is_pipe: or a socket: what may have no room for what is written. Never suspends.
bool is_pipe(int descriptor) noexcept;

// write_now: a write to a pipe or socket; -EAGAIN when there is no room, and less than was asked for when there is for
// no more. Never raises SIGPIPE, never suspends.
int write_now(int descriptor, std::span<const iovec> from) noexcept;

// write: as read; never raises SIGPIPE. Suspends the thread.
int write(int descriptor, bytes from, std::int64_t offset) noexcept;
int write(int descriptor, std::span<const iovec> from, std::int64_t offset) noexcept;

// splice, send_file: -EAGAIN where an end that is a pipe or a non-blocking socket would have to wait; they
// never raise SIGPIPE. A file whose pages are not in memory suspends the thread.
int splice(int source, std::int64_t source_offset, int destination, std::int64_t destination_offset,
           std::size_t size) noexcept;
int send_file(int socket, int file, std::int64_t offset, std::size_t size) noexcept;

// copy_range: from one file to another, at and after the positions of both, which move. Suspends the thread.
int copy_range(int source, int destination, std::size_t size) noexcept;

// lock: flock(2). Never suspends the thread with LOCK_NB.
int lock(int descriptor, int how) noexcept;

} // namespace pirn::os
