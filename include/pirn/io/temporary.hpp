// SPDX-License-Identifier: MIT
//
// Files that go by themselves, and files that change all at once: whoever reads one that is replaced sees the old
// bytes or the new ones, also after the power has failed.
//
//   pirn::io::atomic_replace("settings.json", text);
#pragma once

#include <pirn/base/bytes.hpp>
#include <pirn/base/export.hpp>
#include <pirn/io/file.hpp>

#include <filesystem>
#include <functional>
#include <system_error>

namespace pirn::io {

// temporary_file: with a name that nobody else has, readable by its owner alone, removed when this is destroyed.
// Move-only.
class PIRN_EXPORT temporary_file {
  public:
    // In `folder`, or where the system has its temporary files; the name begins with `prefix`, which has no slash. Throws
    // std::system_error. Suspends.
    explicit temporary_file(const std::filesystem::path& folder = {},
                            std::string_view prefix = "pirn-");
    temporary_file(temporary_file&& other) noexcept;
    temporary_file& operator=(temporary_file&& other) noexcept;
    // Closes and removes. Suspends.
    ~temporary_file();

    io::file& file() noexcept { return file_; }
    const std::filesystem::path& path() const noexcept { return path_; }

    // keep: gives it another name, in place of a file that has it; it is no longer removed. On the same file system.
    // Suspends.
    void keep(const std::filesystem::path& as);
    void keep(const std::filesystem::path& as, std::error_code& error);

  private:
    void remove() noexcept;

    std::filesystem::path path_; // empty when there is nothing to remove
    io::file file_;
};

struct replace_options {
    // Of a file that is new, whatever the umask. One that is replaced hands its own down.
    mode_t permissions = 0644;

    // Whether to wait until it is on the disk, the name as well as the bytes.
    bool durable = true;
};

// atomic_replace: gives a file new bytes, all at once; it need not exist. The new ones are written to a temporary
// file in the same folder, which then takes the name. When it throws, or is cancelled, either nothing has happened
// to the old file or all. Of a link, it is the link that is replaced. Suspends.
PIRN_EXPORT void atomic_replace(const std::filesystem::path& path, bytes with,
                                const replace_options& options = {});
// The same with what `write` writes to the file that it gets.
PIRN_EXPORT void atomic_replace(const std::filesystem::path& path,
                                const std::function<void(file&)>& write,
                                const replace_options& options = {});

} // namespace pirn::io
