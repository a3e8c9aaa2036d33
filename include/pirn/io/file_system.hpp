// SPDX-License-Identifier: MIT
//
// What is done with the names of files, and what is known about them: status, rename, remove. Like <filesystem>,
// but without holding up the thread. Open files are file.hpp, folders with what is in them directory.hpp.
//
// Two forms, as for streams: a path that is refused is named in what(). One with a zero byte, at which the kernel would
// cut it, is std::errc::invalid_argument, here and wherever a path is taken.
#pragma once

#include <pirn/base/export.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <system_error>

#include <sys/types.h>

namespace pirn::io {

enum class file_kind : std::uint8_t {
    unknown,
    regular,
    directory,
    link,
    pipe,
    socket,
    character_device,
    block_device,
};

struct file_status {
    using time = std::chrono::sys_time<std::chrono::nanoseconds>;

    file_kind kind = file_kind::unknown;
    mode_t permissions = 0;      // the lower twelve bits of st_mode
    std::uint64_t size = 0;      // bytes
    std::uint64_t allocated = 0; // bytes on the disk
    std::uint64_t links = 0;
    std::uint64_t inode = 0;
    std::uint64_t device = 0;
    uid_t owner = 0;
    gid_t group = 0;
    time accessed{};
    time modified{};
    time changed{};
};

enum class links : std::uint8_t { followed, not_followed };

// status_of: what is known about a path. Suspends.
PIRN_EXPORT file_status status_of(const std::filesystem::path& path, links how = links::followed);
PIRN_EXPORT file_status status_of(const std::filesystem::path& path, links how,
                                  std::error_code& error);

// rename_file: gives a file or folder another name, in place of a file that has it. Suspends.
PIRN_EXPORT void rename_file(const std::filesystem::path& from, const std::filesystem::path& to);
PIRN_EXPORT void rename_file(const std::filesystem::path& from, const std::filesystem::path& to,
                             std::error_code& error);

// remove_file: a name that is not a folder's, and remove_directory: an empty folder. Suspend.
PIRN_EXPORT void remove_file(const std::filesystem::path& path);
PIRN_EXPORT void remove_file(const std::filesystem::path& path, std::error_code& error);
PIRN_EXPORT void remove_directory(const std::filesystem::path& path);
PIRN_EXPORT void remove_directory(const std::filesystem::path& path, std::error_code& error);

// make_directory: one folder, in one that exists. `permissions` less the umask. Suspends.
PIRN_EXPORT void make_directory(const std::filesystem::path& path, mode_t permissions = 0777);
PIRN_EXPORT void make_directory(const std::filesystem::path& path, mode_t permissions,
                                std::error_code& error);

} // namespace pirn::io
