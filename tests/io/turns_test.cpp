// SPDX-License-Identifier: MIT
//
// An answer that is an error costs a task its turn like any other: a loop on the error form does not keep the thread.
#include "support/turns.hpp"

#include <pirn/base/error.hpp>
#include <pirn/io/copy.hpp>
#include <pirn/io/descriptor_stream.hpp>
#include <pirn/io/file.hpp>
#include <pirn/io/file_watch.hpp>
#include <pirn/io/framing.hpp>
#include <pirn/io/memory_pipe.hpp>
#include <pirn/io/notifier.hpp>
#include <pirn/io/process.hpp>
#include <pirn/io/reader.hpp>
#include <pirn/io/ready.hpp>
#include <pirn/io/signal.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/sync/channel.hpp>

#include "io/folder.hpp"
#include "io/streams.hpp"
#include "support/account.hpp"

#include <array>
#include <csignal>
#include <memory>
#include <string>
#include <tuple>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

namespace {

namespace io = pirn::io;
using error_answers = support::balanced<>;
using support::expect_refused_turns;
using support::expect_turns;

// What every stream refuses once it is closed. Suspends.
void refuse_after_close(io::byte_stream& stream) {
    stream.close();
    std::array<char, 4> room{};
    expect_refused_turns("read", [&](auto& error) { std::ignore = stream.read(room, error); });
    expect_refused_turns("write", [&](auto& error) { std::ignore = stream.write("x", error); });
    expect_refused_turns("write_all", [&](auto& error) { stream.write_all("x", error); });
    expect_refused_turns("shutdown_write", [&](auto& error) { stream.shutdown_write(error); });
    expect_turns("write of nothing", [&] {
        std::error_code error;
        std::ignore = stream.write({}, error);
    });
    auto [near, far] = io::memory_pipe();
    expect_refused_turns("copy from", [&](auto& error) { io::copy(stream, near, {}, error); });
}

TEST_F(error_answers, of_closed_streams_leave_turns_to_others) {
    pirn::run([] {
        for (const io::sharing how : {io::sharing::own, io::sharing::shared}) {
            std::array<int, 2> ends{};
            ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
            const pirn::os::handle peer{ends[1]};
            io::descriptor_stream over_socket{pirn::os::handle{ends[0]}, how};
            refuse_after_close(over_socket);
            ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
            const pirn::os::handle writing{ends[1]};
            io::descriptor_stream over_pipe{pirn::os::handle{ends[0]}, how};
            refuse_after_close(over_pipe);
        }
        auto [near, far] = io::memory_pipe();
        refuse_after_close(near);
    });
}

TEST_F(error_answers, after_a_shutdown_leave_turns_to_others) {
    pirn::run([] {
        auto [reading, writing] = io::make_pipe();
        writing.shutdown_write();
        expect_refused_turns("pipe", [&](auto& error) { std::ignore = writing.write("x", error); });
        expect_refused_turns("reading end", [&](auto& error) { reading.shutdown_write(error); });
        auto [near, far] = io::memory_pipe();
        near.shutdown_write();
        expect_refused_turns("memory", [&](auto& error) { std::ignore = near.write("x", error); });
    });
}

TEST_F(error_answers, of_files_leave_turns_to_others) {
    pirn::run([] {
        const support::folder here;
        auto file = io::file::create(here / "file");
        expect_refused_turns("shutdown_write", [&](auto& error) { file.shutdown_write(error); });
        refuse_after_close(file);
        std::array<char, 4> room{};
        expect_refused_turns("read_at",
                             [&](auto& error) { std::ignore = file.read_at(room, 0, error); });
        expect_refused_turns("write_at",
                             [&](auto& error) { std::ignore = file.write_at("x", 0, error); });
        expect_refused_turns("sync", [&](auto& error) { file.sync(error); });
        expect_refused_turns("status", [&](auto& error) { file.status(error); });
        expect_refused_turns("truncate", [&](auto& error) { file.truncate(0, error); });
        expect_refused_turns("lock",
                             [&](auto& error) { file.lock(io::file::lock_kind::shared, error); });
        expect_refused_turns("open", [&](auto& error) { io::file::open(here / "no", {}, error); });
        expect_refused_turns("open for nothing", [&](auto& error) {
            io::file::open(here / "no", {.read = false}, error);
        });
    });
}

TEST_F(error_answers, of_locks_that_are_free_leave_turns_to_others) {
    pirn::run([] {
        const support::folder here;
        auto file = io::file::create(here / "file");
        expect_turns("lock", [&] { file.lock(io::file::lock_kind::exclusive); });
    });
}

TEST_F(error_answers, of_readers_leave_turns_to_others) {
    pirn::run([] {
        auto [near, far] = io::memory_pipe();
        near.write_all("longer than the reader");
        io::reader in{far, 4};
        expect_refused_turns("until", [&](auto& error) { in.until("\n", error); });
        expect_refused_turns("line", [&](auto& error) { in.line(error); });
        far.close();
        in.consume(in.buffered().size());
        std::array<char, 4> room{};
        expect_refused_turns("read", [&](auto& error) { std::ignore = in.read(room, error); });
        expect_refused_turns("read_exactly", [&](auto& error) { in.read_exactly(room, error); });
        expect_refused_turns("peek", [&](auto& error) { in.peek(1, error); });
        expect_refused_turns("skip", [&](auto& error) { in.skip(1, error); });
    });
}

TEST_F(error_answers, of_framed_streams_leave_turns_to_others) {
    pirn::run([] {
        auto [near, far] = io::memory_pipe();
        near.write_all("\x7f\x7f\x7f\x7f");
        io::length_framed framed{std::make_unique<io::memory_stream>(std::move(far)),
                                 {.message_max = 8}};
        std::vector<std::byte> message;
        expect_refused_turns("receive", [&](auto& error) { framed.receive(message, error); });
        expect_refused_turns("send", [&](auto& error) { framed.send("123456789", error); });
        auto [left, right] = io::memory_pipe();
        left.write_all("123456789\n");
        io::delimited lines{std::make_unique<io::memory_stream>(std::move(right)), "\n", 8};
        expect_refused_turns("send line", [&](auto& error) { lines.send("123456789", error); });
    });
}

TEST_F(error_answers, of_foreign_descriptors_leave_turns_to_others) {
    pirn::run([] {
        expect_refused_turns("readable", [](auto& error) { io::wait_readable(-1, error); });
        expect_refused_turns("writable", [](auto& error) { io::wait_writable(-1, error); });
        expect_refused_turns("ready", [](auto& error) { io::wait_ready(-1, true, true, error); });
        expect_refused_turns("process", [](auto& error) {
            io::process{{"true"}, {.input = io::standard::descriptor(-1)}, error};
        });
    });
}

TEST_F(error_answers, of_a_task_that_is_asked_to_stop_leave_turns_to_others) {
    pirn::run([] {
        auto asked = pirn::spawn([] {
            io::notifier bell;
            io::signal_set signals{SIGUSR1};
            io::file_watch watch;
            auto [near, far] = io::memory_pipe();
            while (!pirn::stop_requested()) {
                try {
                    pirn::yield_now();
                } catch (const pirn::cancelled&) {
                }
            }
            std::array<char, 4> room{};
            expect_refused_turns("notifier", [&](auto& error) { bell.wait(error); });
            expect_refused_turns("signals", [&](auto& error) { signals.wait(error); });
            expect_refused_turns("watch", [&](auto& error) { watch.next(error); });
            expect_refused_turns("read",
                                 [&](auto& error) { std::ignore = near.read(room, error); });
            expect_refused_turns("nothing",
                                 [&](auto& error) { std::ignore = near.write({}, error); });
        });
        asked.request_stop();
        asked.get();
    });
}

TEST_F(error_answers, of_closed_channels_leave_turns_to_others) {
    pirn::run([] {
        pirn::channel<int> closed{1};
        closed.close();
        expect_turns("send", [&] { EXPECT_FALSE(closed.send(1)); });
        expect_turns("receive", [&] { EXPECT_FALSE(closed.receive().has_value()); });
    });
}

} // namespace
