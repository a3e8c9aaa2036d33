// SPDX-License-Identifier: MIT
//
// A walk with a stack of open folders. Each is opened below the one above it, by its name alone, so that the
// depth is not limited by the length of a path, and nobody can put a link in the way.
#include <pirn/io/directory.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/loop/file.hpp>
#include <pirn/os/handle.hpp>
#include <pirn/runtime/await.hpp>

#include "io/file_calls.hpp"

#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

namespace pirn::io {
namespace {

constexpr std::size_t buffer_size = std::size_t{16} * 1024;

struct level {
    explicit level(os::handle opened, std::filesystem::path where)
        : descriptor{std::move(opened)}, path{std::move(where)},
          buffer{std::make_unique_for_overwrite<storage>()} {}

    struct storage {
        alignas(8) std::array<std::byte, buffer_size> bytes;
    };
    os::handle descriptor;
    std::filesystem::path path;
    std::unique_ptr<storage> buffer;
    bytes filled; // entries that have been read, and not been looked at
};

file_kind kind_of_type(std::uint8_t type) noexcept {
    return detail::kind_of_mode(static_cast<unsigned>(DTTOIF(type)));
}

bool is_dots(const char* name) noexcept {
    const std::string_view text{name};
    return text == "." || text == "..";
}

} // namespace

struct directory::state {
    state(std::filesystem::path where, directory_options how)
        : root{std::move(where)}, options{std::move(how)} {}

    void open(int below, const std::filesystem::path& name, std::filesystem::path path);
    // Throws, or tells the user's function.
    void failed(int result, const char* operation, const std::filesystem::path& path) const;
    bool read_more(level& in);
    void look_at(level& in, const pirn::directory_entry& found);

    std::filesystem::path root;
    directory_options options;
    std::vector<level> levels;
    entry current;
    bool begun = false;
    bool enter = false; // the folder that is the current entry
};

void directory::state::failed(int result, const char* operation,
                              const std::filesystem::path& path) const {
    const std::error_code error = error_of(result);
    if (result == -ECANCELED || !options.on_error) {
        detail::check_path(error, operation, path);
    }
    options.on_error(path, error);
}

void directory::state::open(int below, const std::filesystem::path& name,
                            std::filesystem::path path) {
    // The first one may be a link: it is what was asked for.
    const int links = levels.empty() ? 0 : O_NOFOLLOW;
    awaitable<open_operation> open{name.c_str(), O_RDONLY | O_DIRECTORY | links, mode_t{0}};
    open.directory = below;
    const int result = detail::await_named(open, name);
    if (result < 0) {
        failed(result, "open", path);
        return;
    }
    levels.emplace_back(os::handle{result}, std::move(path));
}

bool directory::state::read_more(level& in) {
    mutable_bytes room{in.buffer->bytes};
    awaitable<read_directory_operation> read{in.descriptor.get(), room};
    const int result = await(read);
    if (result < 0) {
        failed(result, "read", in.path);
        return false;
    }
    in.filled = room.first(static_cast<std::size_t>(result));
    return result > 0;
}

void directory::state::look_at(level& in, const pirn::directory_entry& found) {
    current.path = in.path / found.name;
    current.kind = kind_of_type(found.type);
    current.inode = found.inode;
    current.depth = levels.size() - 1;
    if (found.type == DT_UNKNOWN) { // some file systems do not say
        struct statx known{};
        awaitable<status_operation> ask{found.name, &known};
        ask.directory = in.descriptor.get();
        ask.flags = AT_SYMLINK_NOFOLLOW;
        if (const int result = await(ask); result < 0) {
            failed(result, "status", current.path);
        } else {
            current.kind = detail::kind_of_mode(known.stx_mode);
        }
    }
    enter = options.recursive && current.kind == file_kind::directory;
}

directory::directory(std::filesystem::path path, directory_options options)
    : state_{std::make_unique<state>(std::move(path), std::move(options))} {}
directory::directory(directory&& other) noexcept = default;
directory& directory::operator=(directory&& other) noexcept = default;
directory::~directory() = default;

const entry* directory::next() {
    PIRN_REQUIRE(state_ != nullptr, "a directory was used that has been moved away");
    state& self = *state_;
    if (!std::exchange(self.begun, true)) {
        self.open(AT_FDCWD, self.root, self.root);
    } else if (std::exchange(self.enter, false)) {
        self.open(self.levels.back().descriptor.get(), self.current.path.filename(),
                  self.current.path);
    }
    while (!self.levels.empty()) {
        level& in = self.levels.back();
        pirn::directory_entry found;
        if (next_entry(in.filled, found)) {
            if (!is_dots(found.name)) {
                self.look_at(in, found);
                return &self.current;
            }
        } else if (!self.read_more(in)) {
            self.levels.pop_back();
        }
    }
    return nullptr;
}

void directory::skip() noexcept {
    if (state_ != nullptr) {
        state_->enter = false;
    }
}

} // namespace pirn::io
