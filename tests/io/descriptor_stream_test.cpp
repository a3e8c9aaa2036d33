// SPDX-License-Identifier: MIT
//
// Streams over pipes, socket pairs and terminals.
#include <pirn/io/descriptor_stream.hpp>

#include <pirn/base/error.hpp>
#include <pirn/io/conformance.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "io/streams.hpp"
#include "support/account.hpp"

#include <array>
#include <csignal>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

namespace io = pirn::io;
using descriptor_streams = support::balanced<>;

struct both_ends {
    io::descriptor_stream near;
    io::descriptor_stream far;
};

both_ends pipe_pair(io::sharing how) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    return {io::descriptor_stream{pirn::os::handle{ends[1]}, how},
            io::descriptor_stream{pirn::os::handle{ends[0]}, how}};
}

both_ends socket_pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    const int small = 4096;
    ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    return {io::descriptor_stream{pirn::os::handle{ends[0]}},
            io::descriptor_stream{pirn::os::handle{ends[1]}}};
}

TEST_F(descriptor_streams, of_pipes_behave_as_every_stream_does) {
    ::signal(SIGPIPE, SIG_DFL);
    pirn::run([] {
        support::expect_conformance([] { return support::as_checked(pipe_pair(io::sharing::own)); },
                                    {.two_way = false});
    });
}

TEST_F(descriptor_streams, of_pipes_that_are_shared_behave_as_every_stream_does) {
    ::signal(SIGPIPE, SIG_DFL);
    pirn::run([] {
        support::expect_conformance(
            [] { return support::as_checked(pipe_pair(io::sharing::shared)); }, {.two_way = false});
    });
}

TEST_F(descriptor_streams, of_sockets_behave_as_every_stream_does) {
    ::signal(SIGPIPE, SIG_DFL);
    pirn::run(
        [] { support::expect_conformance([] { return support::as_checked(socket_pair()); }); });
}

TEST_F(descriptor_streams, that_are_shared_are_left_blocking) {
    pirn::run([] {
        auto [near, far] = pipe_pair(io::sharing::shared);
        near.write_all("x");
        EXPECT_EQ(support::text_of(far, 1), "x");
        EXPECT_EQ(::fcntl(near.native_handle(), F_GETFL) & O_NONBLOCK, 0);
    });
}

TEST_F(descriptor_streams, that_somebody_has_made_non_blocking_wait_all_the_same) {
    pirn::run([] {
        for (const io::sharing how : {io::sharing::own, io::sharing::shared}) {
            auto [near, far] = pipe_pair(how);
            ::fcntl(far.native_handle(), F_SETFL, O_NONBLOCK);
            auto reader = pirn::spawn([&] { EXPECT_EQ(support::text_of(far, 5), "later"); });
            pirn::sleep_for(std::chrono::milliseconds{2});
            near.write_all("later");
            reader.get();
        }
    });
}

TEST_F(descriptor_streams, over_a_device_that_is_always_ready_need_no_waiting) {
    pirn::run([] {
        for (const io::sharing how : {io::sharing::own, io::sharing::shared}) {
            io::descriptor_stream nothing{pirn::os::handle{::open("/dev/null", O_RDWR | O_CLOEXEC)},
                                          how};
            std::array<char, 4> buffer{};
            EXPECT_EQ(nothing.read(buffer), 0U);
            EXPECT_EQ(nothing.write("1234"), 4U);
            std::error_code error;
            nothing.shutdown_write(error);
            EXPECT_EQ(error, std::errc::not_supported);
        }
    });
}

TEST_F(descriptor_streams, over_a_terminal_end_when_it_is_hung_up) {
    pirn::run([] {
        const pirn::os::handle master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
        ASSERT_TRUE(master);
        ASSERT_EQ(::grantpt(master.get()), 0);
        ASSERT_EQ(::unlockpt(master.get()), 0);
        std::array<char, 64> name{};
        ASSERT_EQ(::ptsname_r(master.get(), name.data(), name.size()), 0);
        pirn::os::handle slave{::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC)};
        ASSERT_TRUE(slave);
        io::descriptor_stream screen{pirn::os::handle{::fcntl(master.get(), F_DUPFD_CLOEXEC, 0)}};
        ASSERT_EQ(::write(slave.get(), "hello", 5), 5);
        EXPECT_EQ(support::text_of(screen, 5), "hello");
        slave.close();
        std::array<char, 4> buffer{};
        EXPECT_EQ(screen.read(buffer), 0U) << "Linux says EIO";
    });
}

// /proc/self/mem is read where no memory is: EIO of what is no terminal.
TEST_F(descriptor_streams, report_an_input_error_of_what_is_no_terminal) {
    pirn::run([] {
        for (const io::sharing how : {io::sharing::own, io::sharing::shared}) {
            pirn::os::handle memory{::open("/proc/self/mem", O_RDONLY | O_CLOEXEC)};
            ASSERT_TRUE(memory);
            io::descriptor_stream broken{std::move(memory), how};
            std::array<char, 4> buffer{};
            std::error_code error;
            EXPECT_EQ(broken.read(buffer, error), 0U);
            EXPECT_EQ(error, std::errc::io_error);
            EXPECT_THROW(broken.read(buffer), std::system_error);
        }
    });
}

TEST_F(descriptor_streams, tell_their_descriptor_until_they_are_closed) {
    pirn::run([] {
        auto [reading, writing] = io::make_pipe();
        EXPECT_EQ(reading.descriptor(), reading.native_handle());
        EXPECT_GE(reading.descriptor(), 0);
        EXPECT_NE(::fcntl(reading.descriptor(), F_GETFD) & FD_CLOEXEC, 0);
        EXPECT_NE(::fcntl(writing.descriptor(), F_GETFD) & FD_CLOEXEC, 0);
        reading.close();
        EXPECT_EQ(reading.descriptor(), -1);
        EXPECT_FALSE(reading.is_open());
    });
}

// A signal storm on the thread that reads and writes: nobody sees EINTR.
TEST_F(descriptor_streams, are_not_disturbed_by_signals) {
    struct sigaction quiet{};
    quiet.sa_handler = [](int) {};
    struct sigaction before{};
    ::sigaction(SIGUSR1, &quiet, &before); // without SA_RESTART
    const pthread_t here = ::pthread_self();
    std::atomic<bool> stop{false};
    std::thread storm{[&] {
        while (!stop) {
            ::pthread_kill(here, SIGUSR1);
            std::this_thread::sleep_for(std::chrono::microseconds{50});
        }
    }};
    pirn::run([] {
        for (const io::sharing how : {io::sharing::own, io::sharing::shared}) {
            auto [near, far] = pipe_pair(how);
            const auto lot = support::pattern(3'000'000);
            auto writer = pirn::spawn([&] {
                near.write_all(lot);
                near.shutdown_write();
            });
            EXPECT_EQ(support::read_all(far), lot);
            writer.get();
        }
    });
    stop = true;
    storm.join();
    ::sigaction(SIGUSR1, &before, nullptr);
}

} // namespace
