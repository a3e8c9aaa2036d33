// SPDX-License-Identifier: MIT
//
// A directory tree as a range: the walk is plain recursion, depth first, each folder before what is in
// it. It goes no further than the loop asks, so that `--most 10` reads no more folders than ten entries
// need. What cannot be read is named on stderr and skipped; the exit code is then 1, as with find.
#include <pirn/base/live.hpp>
#include <pirn/coro/generator.hpp>

#include "command_line.hpp"

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <string>
#include <system_error>

namespace fs = std::filesystem;

namespace {

struct found {
    const fs::directory_entry& entry;
    int depth;
    bool is_folder;
};

struct walker {
    int skipped = 0;

    bool failed(const fs::path& where, const std::error_code& error) {
        if (!error) return false;
        std::fprintf(stderr, "directory: %s: %s\n", where.c_str(), error.message().c_str());
        ++skipped;
        return true;
    }

    // The error codes are looked at one by one because one bad folder must not end the whole walk.
    // Links are shown and not followed: they may lead back up.
    void walk(const fs::path& folder, int depth, auto& yield) {
        std::error_code error;
        fs::directory_iterator at{folder, error};
        if (failed(folder, error)) return;
        while (at != fs::directory_iterator{}) {
            const auto type = at->symlink_status(error).type();
            const bool is_folder = !failed(at->path(), error) && type == fs::file_type::directory;
            yield(found{*at, depth, is_folder});
            if (is_folder) walk(at->path(), depth + 1, yield);
            at.increment(error);
            if (failed(folder, error)) return;
        }
    }

    // What limits the depth is the length of a path: 4,096 bytes, two for each folder. A stack for all
    // of them costs address space; memory it takes only as far as it is used.
    pirn::generator<const found> all(const fs::path& root) {
        return pirn::generator<const found>{
            {.name = "walk", .stack_size = std::size_t{8} * 1024 * 1024},
            [this, root](auto& yield) { walk(root, 0, yield); }};
    }
};

} // namespace

int main(int argc, char** argv) {
    example::command_line line{
        argc, argv, "[--most N] [PATH]",
        "Adds up the files below a directory, the largest first; walks at most N of them."};
    const auto most =
        line.number<std::uint64_t>("--most", std::numeric_limits<std::uint64_t>::max());
    const fs::path root{line.operand(".")};
    line.done();

    walker all;
    std::uint64_t entries = 0;
    std::uint64_t folders = 0;
    // The limit is looked at before the walk is asked for more: it does not even begin for none.
    if (most > 0) {
        for (const auto& [entry, depth, is_folder] : all.all(root)) {
            std::printf("%*s%s%s\n", 2 * depth, "", entry.path().filename().c_str(),
                        is_folder ? "/" : "");
            folders += is_folder ? 1 : 0;
            if (++entries == most) break;
        }
    } // a walk that was left early is unwound here, and closes the folders that it had open
    std::printf("%ju entries, %ju of them folders\n", static_cast<std::uintmax_t>(entries),
                static_cast<std::uintmax_t>(folders));
    std::puts(pirn::to_string(pirn::live()).c_str());
    return all.skipped > 0 ? 1 : 0;
}
