// SPDX-License-Identifier: MIT
//
// Copies a file with its holes, by the kernel where that can do it, and shows how far it is on a terminal. The target appears all
// at once, when it is complete and on the disk: whoever is interrupted finds the old one, or none.
#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>

using namespace std::chrono_literals;
namespace fs = std::filesystem;
namespace io = pirn::io;

namespace {

constexpr std::uint64_t step = std::uint64_t{16} << 20; // bytes between two looks at the clock

// progress: a line on the terminal, rewritten in place; nothing where there is none.
class progress {
  public:
    explicit progress(std::uint64_t size) : size_{size} {}
    ~progress() {
        if (shown_) std::fprintf(stderr, "\r%20s\r", "");
    }
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;

    void show(std::uint64_t copied) {
        if (!io::is_terminal(2) || size_ == 0 || pirn::clock::now() < next_) return;
        next_ = pirn::after(100ms);
        shown_ = true;
        std::fprintf(stderr, "\r%3.0f %%",
                     100.0 * static_cast<double>(copied) / static_cast<double>(size_));
    }

  private:
    std::uint64_t size_;
    pirn::time_point next_ = pirn::after(200ms); // short copies need none
    bool shown_ = false;
};

std::uint64_t copied_from(const fs::path& from, const fs::path& to) {
    io::file source = io::file::open(from);
    const io::file_status known = source.status();
    if (known.kind == io::file_kind::directory)
        throw std::runtime_error{from.string() + " is a folder"};
    std::error_code none;
    const io::file_status there = io::status_of(to, io::links::followed, none);
    if (!none && there.inode == known.inode && there.device == known.device) {
        throw std::runtime_error{from.string() + " and " + to.string() + " are the same file"};
    }
    std::uint64_t copied = 0;
    io::atomic_replace(to,
                       [&](io::file& target) {
                           progress shown{known.size};
                           while (const std::uint64_t some =
                                      io::copy(source, target, {.most = step})) {
                               copied += some;
                               shown.show(copied);
                           }
                       },
                       {.permissions = known.permissions});
    return copied;
}

} // namespace

int main(int argc, char** argv) try {
    example::command_line line{argc, argv, "[--backend auto|uring|epoll] FROM TO",
                               "Copies a file."};
    const pirn::runtime_options with{.loop = {.backend = line.backend()}};
    const fs::path from{line.operand("")};
    fs::path to{line.operand("")};
    line.done();
    if (from.empty() || to.empty()) {
        std::fprintf(stderr, "usage: %s [--backend auto|uring|epoll] FROM TO\n", argv[0]);
        return 2;
    }
    if (fs::is_directory(to)) to /= from.filename();
    bool interrupted = false;
    pirn::run(with, [&] {
        const auto start = pirn::clock::now();
        pirn::cancel_scope scope;
        auto stop = pirn::spawn([&] {
            io::signal_set{SIGINT, SIGTERM}.wait();
            scope.cancel("a signal");
        });
        const auto copied = scope.run([&] { return copied_from(from, to); });
        interrupted = !copied;
        const std::chrono::duration<double> took = pirn::clock::now() - start;
        if (copied) {
            std::printf("%ju bytes in %.3f s\n", static_cast<std::uintmax_t>(*copied),
                        took.count());
        }
    });
    std::puts(pirn::to_string(pirn::live()).c_str());
    return interrupted ? 130 : 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "file_copy: %s\n", error.what());
    return 1;
}
