// SPDX-License-Identifier: MIT
//
// Shows the end of a file, and what is appended to it, until a signal comes: tail -F. Waits by inotify and asks nothing
// in between. A file that is replaced or made anew under the name, as logs are when they are rotated, is followed; one
// that is cut short is begun again.
#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

namespace fs = std::filesystem;
namespace io = pirn::io;

namespace {

// Where the last so many lines begin. Reads backwards, a piece at a time.
std::uint64_t place_of_last(io::file& of, std::uint64_t lines) {
    std::vector<char> piece(std::size_t{64} * 1024);
    std::uint64_t at = of.status().size;
    const std::uint64_t end = at;
    if (lines == 0) return end;
    for (std::uint64_t seen = 0; at > 0;) {
        const auto size = std::min<std::uint64_t>(at, piece.size());
        at -= size;
        for (std::size_t i = of.read_at(std::span{piece}.first(size), at); i-- > 0;) {
            // The newline at the very end belongs to the last line.
            if (piece[i] == '\n' && at + i + 1 != end && ++seen == lines) return at + i + 1;
        }
    }
    return 0;
}

class tail {
  public:
    tail(fs::path path, std::uint64_t lines) : path_{std::move(path)}, lines_{lines} {}

    void follow() {
        // The folder, because the file may be replaced; the file itself may not even exist yet.
        io::file_watch watch;
        const fs::path folder = path_.has_parent_path() ? path_.parent_path() : fs::path{"."};
        watch.add(folder, io::change::created | io::change::moved_here | io::change::modified);
        open(lines_);
        show();
        for (const auto& event : watch) {
            if (!io::has(event.what, io::change::lost) && event.path.filename() != path_.filename())
                continue;
            show(); // of the old one, what was written last
            if (io::has(event.what,
                        io::change::created | io::change::moved_here | io::change::lost)) {
                open_if_another();
                show();
            }
        }
    }

  private:
    void open(std::uint64_t lines) {
        std::error_code error;
        file_ = io::file::open(path_, {}, error);
        if (error == std::errc::no_such_file_or_directory) return;
        if (error) throw std::system_error{error, path_.string()};
        inode_ = file_.status().inode;
        file_.seek(lines == all ? 0 : place_of_last(file_, lines));
    }

    void open_if_another() {
        std::error_code gone;
        const io::file_status now = io::status_of(path_, io::links::followed, gone);
        if (!gone && !(file_.is_open() && now.inode == inode_)) open(all);
    }

    void show() {
        if (!file_.is_open()) return;
        if (file_.status().size < file_.position()) {
            std::fprintf(stderr, "tail_f: %s was cut short\n", path_.c_str());
            file_.seek(0);
        }
        io::copy(file_, output_);
    }

    static constexpr std::uint64_t all = UINT64_MAX;
    fs::path path_;
    std::uint64_t lines_;
    io::file file_;
    std::uint64_t inode_ = 0;
    io::descriptor_stream output_ = io::standard_output();
};

} // namespace

int main(int argc, char** argv) try {
    example::command_line line{argc, argv, "[--lines N] [--backend auto|uring|epoll] PATH",
                               "Prints the last N lines of a file, and then what is added to it."};
    const auto lines = line.number<std::uint64_t>("--lines", 10, 0, 1'000'000'000);
    const pirn::runtime_options with{.loop = {.backend = line.backend()}};
    const fs::path path{line.operand("")};
    line.done();
    if (path.empty()) {
        std::fprintf(stderr, "usage: %s [--lines N] [--backend auto|uring|epoll] PATH\n", argv[0]);
        return 2;
    }
    pirn::run(with, [&] {
        io::signal_set stop{SIGINT, SIGTERM};
        pirn::race([&] { stop.wait(); }, [&] { tail{path, lines}.follow(); });
    });
    std::fprintf(stderr, "%s\n", pirn::to_string(pirn::live()).c_str());
} catch (const std::exception& error) {
    std::fprintf(stderr, "tail_f: %s\n", error.what());
    return 1;
}
