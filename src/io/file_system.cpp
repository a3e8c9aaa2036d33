// SPDX-License-Identifier: MIT
//
// Names of files.
#include <pirn/io/file_system.hpp>

#include <pirn/base/error.hpp>
#include <pirn/loop/file.hpp>
#include <pirn/runtime/await.hpp>

#include "io/file_calls.hpp"

#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace pirn::io {

namespace detail {

void check_path(const std::error_code& error, const char* operation,
                const std::filesystem::path& path) {
    if (error) {
        check(error,
              (std::string{operation} + ' ' + pirn::detail::printable(path.native())).c_str());
    }
}

file_kind kind_of_mode(unsigned mode) noexcept {
    switch (mode & S_IFMT) {
    case S_IFREG: return file_kind::regular;
    case S_IFDIR: return file_kind::directory;
    case S_IFLNK: return file_kind::link;
    case S_IFIFO: return file_kind::pipe;
    case S_IFSOCK: return file_kind::socket;
    case S_IFCHR: return file_kind::character_device;
    case S_IFBLK: return file_kind::block_device;
    default: return file_kind::unknown;
    }
}

file_status status_from(const struct statx& known) noexcept {
    const auto time = [](const statx_timestamp& of) {
        return file_status::time{std::chrono::seconds{of.tv_sec} +
                                 std::chrono::nanoseconds{of.tv_nsec}};
    };
    return {.kind = kind_of_mode(known.stx_mode),
            .permissions = static_cast<mode_t>(known.stx_mode & 07777U),
            .size = known.stx_size,
            .allocated = known.stx_blocks * 512, // which is the unit of stx_blocks
            .links = known.stx_nlink,
            .inode = known.stx_ino,
            .device = makedev(known.stx_dev_major, known.stx_dev_minor),
            .owner = known.stx_uid,
            .group = known.stx_gid,
            .accessed = time(known.stx_atime),
            .modified = time(known.stx_mtime),
            .changed = time(known.stx_ctime)};
}

} // namespace detail

using detail::await_named;
using detail::check_path;

file_status status_of(const std::filesystem::path& path, links how, std::error_code& error) {
    struct statx known{};
    awaitable<status_operation> ask{path.c_str(), &known};
    ask.flags = how == links::followed ? 0 : AT_SYMLINK_NOFOLLOW;
    error = error_of(await_named(ask, path));
    return error ? file_status{} : detail::status_from(known);
}

file_status status_of(const std::filesystem::path& path, links how) {
    std::error_code error;
    const file_status found = status_of(path, how, error);
    check_path(error, "status", path);
    return found;
}

void rename_file(const std::filesystem::path& from, const std::filesystem::path& to,
                 std::error_code& error) {
    awaitable<rename_operation> rename{from.c_str(), to.c_str()};
    error = error_of(await_named(rename, from, to));
}

void rename_file(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::error_code error;
    rename_file(from, to, error);
    if (error) {
        check_path(error, ("rename " + pirn::detail::printable(from.native()) + " to").c_str(), to);
    }
}

void remove_file(const std::filesystem::path& path, std::error_code& error) {
    awaitable<unlink_operation> unlink{path.c_str(), 0};
    error = error_of(await_named(unlink, path));
}

void remove_file(const std::filesystem::path& path) {
    std::error_code error;
    remove_file(path, error);
    check_path(error, "remove", path);
}

void remove_directory(const std::filesystem::path& path, std::error_code& error) {
    awaitable<unlink_operation> unlink{path.c_str(), AT_REMOVEDIR};
    error = error_of(await_named(unlink, path));
}

void remove_directory(const std::filesystem::path& path) {
    std::error_code error;
    remove_directory(path, error);
    check_path(error, "remove", path);
}

void make_directory(const std::filesystem::path& path, mode_t permissions, std::error_code& error) {
    awaitable<make_directory_operation> make{path.c_str(), permissions};
    error = error_of(await_named(make, path));
}

void make_directory(const std::filesystem::path& path, mode_t permissions) {
    std::error_code error;
    make_directory(path, permissions, error);
    check_path(error, "make", path);
}

} // namespace pirn::io
