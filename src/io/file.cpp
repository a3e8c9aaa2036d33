// SPDX-License-Identifier: MIT
//
// Open files. Each pair of forms is one function that fills in an error_code, and a thin one that throws it.
#include <pirn/io/file.hpp>

#include <pirn/base/error.hpp>
#include <pirn/loop/file.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/runtime/sleep.hpp>

#include "io/file_calls.hpp"
#include "io/pieces.hpp"
#include "os/file.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pirn::io {

using detail::await_on;
using detail::check;
using detail::check_path;
using detail::direction;
using detail::pieces;

namespace {

constexpr std::int64_t at_position = -1;

// An offset that is too large for the kernel becomes one that it refuses, and not its own position.
std::int64_t place(std::uint64_t offset) noexcept {
    constexpr auto largest = static_cast<std::uint64_t>(INT64_MAX);
    return static_cast<std::int64_t>(std::min(offset, largest));
}

// -EINVAL for what would be opened for nothing.
int flags_of(const open_options& options) noexcept {
    const bool writes = options.write || options.append || options.truncate;
    if (!options.read && !writes) {
        return -EINVAL;
    }
    int flags = options.read && writes ? O_RDWR : writes ? O_WRONLY : O_RDONLY;
    flags |= options.append ? O_APPEND : 0;
    flags |= options.create || options.exclusive ? O_CREAT : 0;
    flags |= options.exclusive ? O_EXCL : 0;
    flags |= options.truncate ? O_TRUNC : 0;
    flags |= options.follow_links ? 0 : O_NOFOLLOW;
    return flags | O_CLOEXEC;
}

} // namespace

file::file(os::handle&& owned)
    : endpoint_{std::move(owned), current_loop()}, has_places_{os::has_places(native_handle())} {}

file file::open(const std::filesystem::path& path, const open_options& options,
                std::error_code& error) {
    const int flags = flags_of(options);
    if (flags < 0) {
        error = error_of(detail::refuse(flags));
        return {};
    }
    awaitable<open_operation> open{path.c_str(), flags, options.permissions};
    const int result = detail::await_named(open, path);
    error = error_of(result);
    return result < 0 ? file{} : file{os::handle{result}};
}

file file::open(const std::filesystem::path& path, const open_options& options) {
    std::error_code error;
    file opened = open(path, options, error);
    check_path(error, "open", path);
    return opened;
}

file file::create(const std::filesystem::path& path, std::error_code& error) {
    return open(path, {.read = false, .write = true, .create = true, .truncate = true}, error);
}

file file::create(const std::filesystem::path& path) {
    std::error_code error;
    file created = create(path, error);
    check_path(error, "create", path);
    return created;
}

// ---- as a stream

std::size_t file::do_read(mutable_bytes into, std::error_code& error) {
    awaitable<read_operation> read{native_handle(), into, at_position};
    return await_on(endpoint_, direction::reading, read, error);
}

std::size_t file::do_write(bytes from, std::error_code& error) {
    awaitable<write_operation> write{native_handle(), from, at_position};
    return await_on(endpoint_, direction::writing, write, error);
}

std::size_t file::do_read_vector(std::span<const mutable_bytes> into, std::error_code& error) {
    const pieces list{into};
    awaitable<read_vector_operation> read{native_handle(), list.get(), at_position};
    return await_on(endpoint_, direction::reading, read, error);
}

std::size_t file::do_write_vector(std::span<const bytes> from, std::error_code& error) {
    const pieces list{from};
    awaitable<write_vector_operation> write{native_handle(), list.get(), at_position};
    return await_on(endpoint_, direction::writing, write, error);
}

void file::do_shutdown_write(std::error_code& error) { error = error_of(detail::refuse(-ENOTSUP)); }

// ---- at a place

std::size_t file::read_at(mutable_bytes into, std::uint64_t offset, std::error_code& error) {
    PIRN_REQUIRE(!into.empty(), "read was given a buffer of no bytes: its 0 would mean the end");
    awaitable<read_operation> read{native_handle(), into, place(offset)};
    read.has_places = has_places_;
    return await_on(endpoint_, direction::other, read, error);
}

std::size_t file::read_at(mutable_bytes into, std::uint64_t offset) {
    std::error_code error;
    const std::size_t count = read_at(into, offset, error);
    check(error, "read_at");
    return count;
}

std::size_t file::write_at(bytes from, std::uint64_t offset, std::error_code& error) {
    awaitable<write_operation> write{native_handle(), from, place(offset)};
    write.has_places = has_places_;
    return await_on(endpoint_, direction::other, write, error);
}

std::size_t file::write_at(bytes from, std::uint64_t offset) {
    std::error_code error;
    const std::size_t count = write_at(from, offset, error);
    check(error, "write_at");
    return count;
}

std::size_t file::write_all_at(bytes from, std::uint64_t offset, std::error_code& error) {
    std::size_t written = 0;
    do {
        written += write_at(from.subspan(written), offset + written, error);
    } while (!error && written < from.size());
    return written;
}

void file::write_all_at(bytes from, std::uint64_t offset) {
    std::error_code error;
    write_all_at(from, offset, error);
    check(error, "write_all_at");
}

std::size_t file::read_vector_at(std::span<const mutable_bytes> into, std::uint64_t offset,
                                 std::error_code& error) {
    const pieces list{into};
    awaitable<read_vector_operation> read{native_handle(), list.get(), place(offset)};
    read.has_places = has_places_;
    return await_on(endpoint_, direction::other, read, error);
}

std::size_t file::read_vector_at(std::span<const mutable_bytes> into, std::uint64_t offset) {
    std::error_code error;
    const std::size_t count = read_vector_at(into, offset, error);
    check(error, "read_vector_at");
    return count;
}

std::size_t file::write_vector_at(std::span<const bytes> from, std::uint64_t offset,
                                  std::error_code& error) {
    const pieces list{from};
    awaitable<write_vector_operation> write{native_handle(), list.get(), place(offset)};
    write.has_places = has_places_;
    return await_on(endpoint_, direction::other, write, error);
}

std::size_t file::write_vector_at(std::span<const bytes> from, std::uint64_t offset) {
    std::error_code error;
    const std::size_t count = write_vector_at(from, offset, error);
    check(error, "write_vector_at");
    return count;
}

// ---- its position

std::uint64_t file::position() const {
    const off_t at = ::lseek(native_handle(), 0, SEEK_CUR);
    if (at < 0) {
        throw_errno("position");
    }
    return static_cast<std::uint64_t>(at);
}

void file::seek(std::uint64_t offset) {
    if (::lseek(native_handle(), place(offset), SEEK_SET) < 0) {
        throw_errno("seek");
    }
}

std::uint64_t file::seek_to_end() {
    const off_t at = ::lseek(native_handle(), 0, SEEK_END);
    if (at < 0) {
        throw_errno("seek_to_end");
    }
    return static_cast<std::uint64_t>(at);
}

// ---- the whole of it

void file::sync(std::error_code& error) {
    awaitable<sync_operation> sync{native_handle(), false};
    await_on(endpoint_, direction::other, sync, error);
}

void file::sync() {
    std::error_code error;
    sync(error);
    check(error, "sync");
}

void file::sync_data(std::error_code& error) {
    awaitable<sync_operation> sync{native_handle(), true};
    await_on(endpoint_, direction::other, sync, error);
}

void file::sync_data() {
    std::error_code error;
    sync_data(error);
    check(error, "sync_data");
}

file_status file::status(std::error_code& error) {
    struct statx known{};
    awaitable<status_operation> ask{"", &known};
    ask.directory = native_handle();
    ask.flags = AT_EMPTY_PATH;
    await_on(endpoint_, direction::other, ask, error);
    return error ? file_status{} : detail::status_from(known);
}

file_status file::status() {
    std::error_code error;
    const file_status found = status(error);
    check(error, "status");
    return found;
}

void file::truncate(std::uint64_t size, std::error_code& error) {
    awaitable<truncate_operation> truncate{native_handle(), place(size)};
    await_on(endpoint_, direction::other, truncate, error);
}

void file::truncate(std::uint64_t size) {
    std::error_code error;
    truncate(size, error);
    check(error, "truncate");
}

void file::allocate(std::uint64_t offset, std::uint64_t size, std::error_code& error) {
    awaitable<allocate_operation> allocate{native_handle(), 0, place(offset), place(size)};
    await_on(endpoint_, direction::other, allocate, error);
}

void file::allocate(std::uint64_t offset, std::uint64_t size) {
    std::error_code error;
    allocate(offset, size, error);
    check(error, "allocate");
}

// ---- locks

void file::lock(lock_kind kind, std::error_code& error) {
    const int how = (kind == lock_kind::shared ? LOCK_SH : LOCK_EX) | LOCK_NB;
    for (auto pause = std::chrono::milliseconds{1};;
         pause = std::min(pause * 2, std::chrono::milliseconds{50})) {
        pirn::detail::give_way();
        const int result = pirn::detail::stop_refuses() || endpoint_.closed()
                               ? -ECANCELED
                               : os::lock(native_handle(), how);
        error = error_of(result);
        if (result != -EWOULDBLOCK) {
            return;
        }
        awaitable<timer_operation> timer{after(pause)};
        await_on(endpoint_, direction::other, timer);
    }
}

void file::lock(lock_kind kind) {
    std::error_code error;
    lock(kind, error);
    check(error, "lock");
}

bool file::try_lock(lock_kind kind) {
    const int how = (kind == lock_kind::shared ? LOCK_SH : LOCK_EX) | LOCK_NB;
    const int result = os::lock(native_handle(), how);
    if (result < 0 && result != -EWOULDBLOCK) {
        throw_error(error_of(result), "try_lock");
    }
    return result >= 0;
}

void file::unlock() {
    if (const int result = os::lock(native_handle(), LOCK_UN); result < 0) {
        throw_error(error_of(result), "unlock");
    }
}

std::string read_file(const std::filesystem::path& path, std::size_t most) {
    file from = file::open(path);
    std::string text;
    // The size is a hint: files of /proc say 0, and others may grow meanwhile.
    const auto known = static_cast<std::size_t>(std::min<std::uint64_t>(from.status().size, most));
    text.resize(known + 1);
    std::size_t got = 0;
    while (const std::size_t count = from.read(std::span{text}.subspan(got))) {
        got += count;
        if (got > most) {
            check_path(std::make_error_code(std::errc::file_too_large), "read", path);
        }
        if (got == text.size()) {
            text.resize(got + std::max<std::size_t>(got, 4096));
        }
    }
    text.resize(got);
    return text;
}

} // namespace pirn::io
