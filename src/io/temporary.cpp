// SPDX-License-Identifier: MIT
//
// Temporary files, and replacing: write ► sync ► rename ► sync the folder. Each step is on the disk before the
// next one is begun, so that a crash leaves the old file or the new one.
#include <pirn/io/temporary.hpp>

#include <pirn/base/error.hpp>
#include <pirn/loop/file.hpp>
#include <pirn/runtime/await.hpp>
#include <pirn/runtime/runtime.hpp>

#include "io/file_calls.hpp"

#include <cerrno>
#include <cstdint>
#include <random>
#include <string>
#include <utility>

#include <limits.h> // NOLINT: NAME_MAX
#include <sys/stat.h>
#include <unistd.h>

namespace pirn::io {
namespace {

constexpr std::size_t random_letters = 12;

std::string random_name(std::string_view prefix) {
    static constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
    std::random_device random;
    std::string name{prefix};
    for (std::size_t i = 0; i < random_letters; ++i) {
        name += letters[random() % letters.size()];
    }
    return name;
}

constexpr int most_attempts = 100;

} // namespace

temporary_file::temporary_file(const std::filesystem::path& folder, std::string_view prefix) {
    const std::filesystem::path where =
        folder.empty() ? std::filesystem::temp_directory_path() : folder;
    std::error_code error;
    if (prefix.find('/') != std::string_view::npos) {
        error = std::make_error_code(std::errc::invalid_argument); // it would name another folder
    }
    for (int i = 0; i < most_attempts && error != std::errc::invalid_argument; ++i) {
        auto path = where / random_name(prefix);
        file_ =
            io::file::open(path, {.write = true, .exclusive = true, .permissions = 0600}, error);
        if (!error) {
            path_ = std::move(path);
            return;
        }
        if (error != std::errc::file_exists) {
            break;
        }
    }
    detail::check_path(error, "make a temporary file in", where);
}

temporary_file::temporary_file(temporary_file&& other) noexcept
    : path_{std::exchange(other.path_, {})}, file_{std::move(other.file_)} {}

temporary_file& temporary_file::operator=(temporary_file&& other) noexcept {
    if (this != &other) {
        remove();
        path_ = std::exchange(other.path_, {});
        file_ = std::move(other.file_);
    }
    return *this;
}

temporary_file::~temporary_file() { remove(); }

// Also when the task is asked to stop: a file that is left behind would never go.
void temporary_file::remove() noexcept {
    if (path_.empty()) {
        return;
    }
    file_.close();
    if (current_loop_or_null() == nullptr) { // it has outlived its runtime
        ::unlink(path_.c_str());
    } else {
        awaitable<unlink_operation> unlink{path_.c_str(), 0};
        await_shielded(unlink);
    }
    path_.clear();
}

void temporary_file::keep(const std::filesystem::path& as, std::error_code& error) {
    rename_file(path_, as, error);
    if (!error) {
        path_.clear();
    }
}

void temporary_file::keep(const std::filesystem::path& as) {
    std::error_code error;
    keep(as, error);
    detail::check_path(error, "rename to", as);
}

void atomic_replace(const std::filesystem::path& path, const std::function<void(file&)>& write,
                    const replace_options& options) {
    std::error_code error;
    const file_status before = status_of(path, links::not_followed, error);
    if (error && error != std::errc::no_such_file_or_directory) {
        detail::check_path(error, "replace", path);
    }
    const bool inherits = !error && before.kind == file_kind::regular;
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."};
    const std::string name = path.filename().string();
    const bool fits = name.size() + 2 + random_letters <= NAME_MAX;
    temporary_file fresh{folder, fits ? "." + name + "." : ".replacement."};
    write(fresh.file());
    const mode_t permissions = inherits ? before.permissions : options.permissions;
    if (::fchmod(fresh.file().native_handle(), permissions) != 0) {
        throw_errno("atomic_replace");
    }
    if (options.durable) {
        fresh.file().sync();
    }
    fresh.keep(path);
    if (options.durable) {
        file::open(folder).sync();
    }
}

void atomic_replace(const std::filesystem::path& path, bytes with, const replace_options& options) {
    atomic_replace(path, [with](file& to) { to.write_all(with); }, options);
}

} // namespace pirn::io
