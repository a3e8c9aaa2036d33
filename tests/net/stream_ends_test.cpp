// SPDX-License-Identifier: MIT
//
// The table of docs/io.md, "Ends": what reads and writes of each kind of stream say after shutdown_write, after close,
// after both, and when these happen while they wait.
#include <pirn/base/error.hpp>
#include <pirn/io/descriptor_stream.hpp>
#include <pirn/io/memory_pipe.hpp>
#include <pirn/io/process.hpp>
#include <pirn/net/unix.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "net/pairs.hpp"
#include "support/account.hpp"

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

namespace io = pirn::io;
namespace net = pirn::net;

// A stream that can be written, and what keeps its other end open.
struct sample {
    std::unique_ptr<io::byte_stream> stream;
    std::shared_ptr<void> other_end;
    bool reads = true; // whether it can be read too
};

template <class Stream, class Other>
sample made_of(Stream& stream, Other& other) {
    return {std::make_unique<Stream>(std::move(stream)), std::make_shared<Other>(std::move(other))};
}

sample of_memory() {
    auto [near, far] = io::memory_pipe();
    return made_of(near, far);
}

sample of_pipe(io::sharing how) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    io::descriptor_stream reading{pirn::os::handle{ends[0]}, how};
    io::descriptor_stream writing{pirn::os::handle{ends[1]}, how};
    sample made = made_of(writing, reading);
    made.reads = false;
    return made;
}

sample of_socket() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    io::descriptor_stream near{pirn::os::handle{ends[0]}};
    io::descriptor_stream far{pirn::os::handle{ends[1]}};
    return made_of(near, far);
}

sample of_tcp() {
    auto [near, far] = support::pair();
    return made_of(near, far);
}

sample of_unix() {
    auto [near, far] = net::unix_pair();
    return made_of(near, far);
}

// A child that reads nothing until it is killed.
sample of_process() {
    auto child = std::make_shared<io::process>(std::vector<std::string>{"sleep", "1000"},
                                               io::process_options{.input = io::standard::pipe});
    sample made;
    made.stream = std::make_unique<io::descriptor_stream>(std::move(child->input()));
    made.other_end = child;
    made.reads = false;
    return made;
}

struct kind {
    const char* name;
    std::function<sample()> make;
};

const std::array kinds{
    kind{"memory_pipe", of_memory},
    kind{"pipe", [] { return of_pipe(io::sharing::own); }},
    kind{"shared pipe", [] { return of_pipe(io::sharing::shared); }},
    kind{"socket", of_socket},
    kind{"tcp_stream", of_tcp},
    kind{"unix_stream", of_unix},
    kind{"standard input of a process", of_process},
};

std::error_code error_of_write(io::byte_stream& stream) {
    std::error_code error;
    const std::size_t written = stream.write("x", error);
    EXPECT_EQ(written, error ? 0U : 1U);
    return error;
}

std::error_code error_of_read(io::byte_stream& stream) {
    std::array<char, 4> room{};
    std::error_code error;
    EXPECT_EQ(stream.read(room, error), 0U);
    return error;
}

std::error_code error_of_shutdown(io::byte_stream& stream) {
    std::error_code error;
    stream.shutdown_write(error);
    return error;
}

// Writes until there is no more room and it waits, and then gives its error.
pirn::join_handle<std::error_code> blocked_writer(io::byte_stream& stream) {
    auto writer = pirn::spawn([&stream] {
        const std::vector<std::byte> lot(std::size_t{16} << 20);
        std::error_code error;
        stream.write_all(lot, error);
        return error;
    });
    for (int turn = 0; turn < 3; ++turn) pirn::sleep_for(std::chrono::milliseconds{1});
    return writer;
}

pirn::join_handle<std::error_code> blocked_reader(io::byte_stream& stream) {
    auto reader = pirn::spawn([&stream] { return error_of_read(stream); });
    for (int turn = 0; turn < 3; ++turn) pirn::yield_now();
    return reader;
}

using stream_ends = support::balanced<>;

template <class Check>
void for_each_kind(Check check) {
    pirn::run([&] {
        for (const kind& each : kinds) {
            SCOPED_TRACE(each.name);
            sample made = each.make();
            check(*made.stream, made.reads);
            made.stream.reset();
        }
    });
}

TEST_F(stream_ends, after_shutdown_write_a_write_is_broken_pipe) {
    for_each_kind([](io::byte_stream& stream, bool) {
        EXPECT_FALSE(error_of_shutdown(stream));
        EXPECT_EQ(error_of_write(stream), std::errc::broken_pipe);
        EXPECT_EQ(error_of_write(stream), std::errc::broken_pipe) << "again";
        EXPECT_FALSE(error_of_shutdown(stream)) << "again";
    });
}

TEST_F(stream_ends, after_close_everything_is_operation_canceled) {
    for (const bool shut_before : {false, true}) {
        for_each_kind([&](io::byte_stream& stream, bool reads) {
            SCOPED_TRACE(shut_before ? "after shutdown_write" : "alone");
            if (shut_before) {
                EXPECT_FALSE(error_of_shutdown(stream));
            }
            stream.close();
            EXPECT_EQ(error_of_write(stream), std::errc::operation_canceled);
            EXPECT_EQ(error_of_shutdown(stream), std::errc::operation_canceled);
            EXPECT_EQ(error_of_write(stream), std::errc::operation_canceled) << "again";
            if (reads) {
                EXPECT_EQ(error_of_read(stream), std::errc::operation_canceled);
            }
            stream.close();
            EXPECT_EQ(error_of_write(stream), std::errc::operation_canceled) << "closed twice";
        });
    }
}

TEST_F(stream_ends, a_write_that_waits_is_broken_pipe_at_shutdown_write) {
    for_each_kind([](io::byte_stream& stream, bool) {
        auto writer = blocked_writer(stream);
        EXPECT_FALSE(error_of_shutdown(stream));
        EXPECT_EQ(writer.get(), std::errc::broken_pipe);
        stream.close();
        EXPECT_EQ(error_of_write(stream), std::errc::operation_canceled);
    });
}

TEST_F(stream_ends, a_write_that_waits_is_operation_canceled_at_close) {
    for_each_kind([](io::byte_stream& stream, bool) {
        auto writer = blocked_writer(stream);
        stream.close();
        EXPECT_EQ(writer.get(), std::errc::operation_canceled);
    });
}

TEST_F(stream_ends, a_read_that_waits_outlasts_shutdown_write_and_ends_at_close) {
    for_each_kind([](io::byte_stream& stream, bool reads) {
        if (!reads) return;
        bool ended = false;
        auto reader = pirn::spawn([&] {
            const std::error_code error = error_of_read(stream);
            ended = true;
            return error;
        });
        pirn::yield_now();
        EXPECT_FALSE(error_of_shutdown(stream));
        for (int turn = 0; turn < 3; ++turn) pirn::yield_now();
        EXPECT_FALSE(ended);
        stream.close();
        EXPECT_EQ(reader.get(), std::errc::operation_canceled);
    });
}

// A stream whose reading end alone there is.
TEST_F(stream_ends, the_reading_end_of_a_pipe_is_operation_canceled_after_close) {
    pirn::run([] {
        io::pipe_ends pipe = io::make_pipe();
        auto reader = blocked_reader(pipe.reading);
        pipe.reading.close();
        EXPECT_EQ(reader.get(), std::errc::operation_canceled);
        EXPECT_EQ(error_of_read(pipe.reading), std::errc::operation_canceled);
        EXPECT_EQ(error_of_write(pipe.writing), std::errc::broken_pipe) << "there is no reader";
    });
}

} // namespace
