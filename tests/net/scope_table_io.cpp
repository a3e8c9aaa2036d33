// SPDX-License-Identifier: MIT
//
// The table of scopes: io.
#include <pirn/io/copy.hpp>
#include <pirn/io/descriptor_stream.hpp>
#include <pirn/io/directory.hpp>
#include <pirn/io/file.hpp>
#include <pirn/io/file_system.hpp>
#include <pirn/io/file_watch.hpp>
#include <pirn/io/framing.hpp>
#include <pirn/io/memory_pipe.hpp>
#include <pirn/io/notifier.hpp>
#include <pirn/io/process.hpp>
#include <pirn/io/reader.hpp>
#include <pirn/io/ready.hpp>
#include <pirn/io/signal.hpp>
#include <pirn/io/temporary.hpp>
#include <pirn/io/writer.hpp>

#include "io/folder.hpp"
#include "net/scope_table.hpp"

#include <array>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace support {
namespace {

namespace io = pirn::io;

// ends: of a pipe in memory that holds one byte.
struct ends {
    io::memory_stream_pair pair = io::memory_pipe(1);
    std::array<std::byte, 64> room{};
};

template <class Function>
call with_ends(Function function) {
    return of(std::make_shared<ends>(), function);
}

// reading: a reader of a pipe from which nothing comes.
template <class Function>
call reading(Function function) {
    return with_ends([function](auto& it) {
        io::reader from{it.pair.near};
        function(from, it);
    });
}

struct messages {
    explicit messages(std::size_t capacity) : pair{io::memory_pipe(capacity)} {}
    io::memory_stream_pair pair;
    io::length_framed framed{std::make_unique<io::memory_stream>(std::move(pair.near))};
};

// on_disk: a folder with a file in it.
struct on_disk {
    on_disk() {
        shielded([this] { file = io::file::open(path, {.write = true}); });
    }
    support::folder folder;
    std::filesystem::path path = folder.put("file", "thread");
    io::file file;
};

template <class Function>
row on_file(const char* name, Function function) {
    return {name, [function] { return of(std::make_shared<on_disk>(), function); }, true};
}

struct watched_folder {
    support::folder folder;
    io::file_watch watch;
    watched_folder() { watch.add(folder.path()); }
};

// started: a program that waits for ever, and is killed with its owner.
struct started {
    started() {
        shielded([this] { child.emplace(std::vector<std::string>{"sleep", "1000"}); });
    }
    std::optional<io::process> child;
};

// locked: two open files of one path, one of which has it locked.
struct locked : on_disk {
    locked() {
        shielded([this] {
            other = io::file::open(path, {.write = true});
            other.lock();
        });
    }
    io::file other;
};

} // namespace

std::vector<row> rows_of_io() {
    using std::make_shared;
    return {
        {"io/stream.hpp byte_stream::read",
         [] { return with_ends([](auto& it) { std::ignore = it.pair.near.read(it.room); }); }},
        {"io/stream.hpp byte_stream::read_vector",
         [] {
             return with_ends([](auto& it) {
                 const std::array<pirn::mutable_bytes, 1> into{it.room};
                 std::ignore = it.pair.near.read_vector(into);
             });
         }},
        {"io/stream.hpp byte_stream::write",
         [] {
             return with_ends([](auto& it) {
                 for (;;) std::ignore = it.pair.near.write(it.room);
             });
         }},
        {"io/stream.hpp byte_stream::write_vector",
         [] {
             return with_ends([](auto& it) {
                 const std::array<pirn::bytes, 1> from{it.room};
                 for (;;) std::ignore = it.pair.near.write_vector(from);
             });
         }},
        {"io/stream.hpp byte_stream::shutdown_write",
         [] { return with_ends([](auto& it) { it.pair.near.shutdown_write(); }); }, true},
        {"io/stream.hpp message_stream::receive",
         [] {
             return of(make_shared<messages>(1U), [](auto& it) {
                 std::vector<std::byte> into;
                 it.framed.receive(into);
             });
         }},
        {"io/stream.hpp message_stream::send",
         [] {
             return of(make_shared<messages>(1U),
                       [](auto& it) { it.framed.send("longer than that"); });
         }},
        {"io/copy.hpp copy",
         [] { return with_ends([](auto& it) { io::copy(it.pair.near, it.pair.far); }); }},
        {"io/reader.hpp reader::read",
         [] { return reading([](auto& from, auto& it) { std::ignore = from.read(it.room); }); }},
        {"io/reader.hpp reader::read_exactly",
         [] { return reading([](auto& from, auto& it) { from.read_exactly(it.room); }); }},
        {"io/reader.hpp reader::line",
         [] { return reading([](auto& from, auto&) { from.line(); }); }},
        {"io/reader.hpp reader::until",
         [] { return reading([](auto& from, auto&) { from.until(";"); }); }},
        {"io/reader.hpp reader::peek",
         [] { return reading([](auto& from, auto&) { from.peek(1); }); }},
        {"io/reader.hpp reader::skip",
         [] { return reading([](auto& from, auto&) { std::ignore = from.skip(1); }); }},
        {"io/writer.hpp writer::write",
         [] {
             return with_ends([](auto& it) {
                 io::writer to{it.pair.near, 16};
                 for (;;) to.write(it.room);
             });
         }},
        {"io/writer.hpp writer::flush",
         [] {
             return with_ends([](auto& it) {
                 io::writer to{it.pair.near, 256};
                 to.write(it.room);
                 to.flush();
             });
         }},
        {"io/notifier.hpp notifier::wait",
         [] { return of(make_shared<io::notifier>(), [](auto& it) { it.wait(); }); }},
        {"io/ready.hpp wait_ready",
         [] {
             return of(make_shared<io::pipe_ends>(io::make_pipe()),
                       [](auto& it) { io::wait_ready(it.reading.native_handle(), true, false); });
         }},
        {"io/signal.hpp signal_set::wait",
         [] {
             return of(make_shared<io::signal_set>(std::initializer_list<int>{SIGUSR2}),
                       [](auto& it) { it.wait(); });
         }},
        {"io/signal.hpp signal_set::begin",
         [] {
             return of(make_shared<io::signal_set>(std::initializer_list<int>{SIGUSR2}),
                       [](auto& it) { std::ignore = it.begin(); });
         }},
        {"io/process.hpp process::process",
         [] { return [] { const io::process child{{"sleep", "1000"}}; }; }, true},
        {"io/process.hpp process::wait",
         [] { return of(make_shared<started>(), [](auto& it) { it.child->wait(); }); }},
        {"io/process.hpp run_process",
         [] { return [] { std::ignore = io::run_process({"sleep", "1000"}); }; }},
        {"io/file_watch.hpp file_watch::next",
         [] {
             return of(make_shared<watched_folder>(),
                       [](auto& it) { std::ignore = it.watch.next(); });
         }},
        {"io/file_watch.hpp file_watch::begin",
         [] {
             return of(make_shared<watched_folder>(),
                       [](auto& it) { std::ignore = it.watch.begin(); });
         }},
        {"io/file.hpp file::lock",
         [] { return of(make_shared<locked>(), [](auto& it) { it.file.lock(); }); }},
        on_file("io/file.hpp file::open",
                [](on_disk& it) { std::ignore = io::file::open(it.path); }),
        on_file("io/file.hpp file::create",
                [](on_disk& it) { std::ignore = io::file::create(it.path); }),
        on_file("io/file.hpp file::read_at",
                [](on_disk& it) {
                    std::array<std::byte, 4> room{};
                    std::ignore = it.file.read_at(room, 0);
                }),
        on_file("io/file.hpp file::status", [](on_disk& it) { std::ignore = it.file.status(); }),
        on_file("io/file.hpp file::truncate", [](on_disk& it) { it.file.truncate(1); }),
        on_file("io/file.hpp file::allocate", [](on_disk& it) { it.file.allocate(0, 1); }),
        on_file("io/file.hpp read_file", [](on_disk& it) { std::ignore = io::read_file(it.path); }),
        on_file("io/file_system.hpp status_of",
                [](on_disk& it) { std::ignore = io::status_of(it.path); }),
        on_file("io/file_system.hpp rename_file",
                [](on_disk& it) { io::rename_file(it.path, it.folder / "other"); }),
        on_file("io/file_system.hpp make_directory",
                [](on_disk& it) { io::make_directory(it.folder / "folder"); }),
        on_file("io/directory.hpp directory::next",
                [](on_disk& it) {
                    io::directory entries{it.folder.path()};
                    std::ignore = entries.next();
                }),
        on_file("io/directory.hpp directory::begin",
                [](on_disk& it) {
                    io::directory entries{it.folder.path()};
                    std::ignore = entries.begin();
                }),
        on_file("io/temporary.hpp temporary_file::temporary_file",
                [](on_disk& it) { const io::temporary_file one{it.folder.path()}; }),
        on_file("io/temporary.hpp atomic_replace",
                [](on_disk& it) { io::atomic_replace(it.path, "other"); }),
    };
}

} // namespace support
