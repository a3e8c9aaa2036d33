// SPDX-License-Identifier: MIT
//
// Waiting for descriptors that belong to somebody else.
#include <pirn/io/ready.hpp>

#include <pirn/base/error.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/timeout.hpp>

#include "support/account.hpp"

#include <array>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

namespace io = pirn::io;
using namespace std::chrono_literals;

class ready : public support::balanced<> {
  protected:
    void SetUp() override {
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()),
                  0);
    }
    void TearDown() override {
        for (const int end : ends) ::close(end);
        balanced::TearDown();
    }
    void fill() const {
        const std::vector<char> lot(1 << 16);
        while (::send(ends[0], lot.data(), lot.size(), MSG_NOSIGNAL) > 0) {
        }
    }
    void drain() const {
        std::vector<char> lot(1 << 16);
        while (::recv(ends[1], lot.data(), lot.size(), 0) > 0) {
        }
    }
    std::array<int, 2> ends{};
};

TEST_F(ready, to_be_read_is_waited_for) {
    pirn::run([&] {
        EXPECT_FALSE(io::is_ready(ends[1]).readable);
        auto waiting = pirn::spawn([&] { io::wait_readable(ends[1]); });
        pirn::yield_now();
        EXPECT_FALSE(waiting.done());
        ASSERT_EQ(::send(ends[0], "x", 1, 0), 1);
        waiting.get();
        io::wait_readable(ends[1]); // it still is
        EXPECT_TRUE(io::is_ready(ends[1]).readable);
    });
}

TEST_F(ready, to_be_written_is_waited_for_while_another_task_waits_to_read) {
    pirn::run([&] {
        fill();
        auto reading = pirn::spawn([&] { io::wait_readable(ends[0]); });
        auto writing = pirn::spawn([&] { io::wait_writable(ends[0]); });
        pirn::sleep_for(1ms);
        EXPECT_FALSE(reading.done() || writing.done());
        drain();
        writing.get();
        EXPECT_FALSE(reading.done());
        ASSERT_EQ(::send(ends[1], "x", 1, 0), 1);
        reading.get();
    });
}

TEST_F(ready, in_either_way_tells_in_which) {
    pirn::run([&] {
        auto now = io::wait_ready(ends[0], true, true);
        EXPECT_TRUE(now.writable && !now.readable && !now.hung_up && !now.failed);
        fill();
        ASSERT_EQ(::send(ends[1], "x", 1, 0), 1);
        now = io::wait_ready(ends[0], true, true);
        EXPECT_TRUE(now.readable && !now.writable);
        ::shutdown(ends[1], SHUT_RDWR);
        now = io::wait_ready(ends[0], false, false);
        EXPECT_TRUE(now.hung_up);
    });
}

TEST_F(ready, is_waited_for_with_a_limit_of_time_and_until_the_task_is_asked_to_stop) {
    pirn::run([&] {
        EXPECT_THROW(pirn::with_timeout(2ms, [&] { io::wait_readable(ends[0]); }), pirn::timed_out);
        fill();
        EXPECT_FALSE(pirn::try_with_timeout(2ms, [&] { io::wait_writable(ends[0]); }));
        auto stopped = pirn::spawn([&] {
            std::error_code error;
            io::wait_readable(ends[0], error);
            EXPECT_EQ(error, std::errc::operation_canceled);
            EXPECT_THROW(io::wait_writable(ends[0]), pirn::cancelled);
        });
        pirn::yield_now();
        stopped.request_stop();
        stopped.get();
    });
}

// Between two waits the library may have closed it and opened another under its number.
TEST_F(ready, follows_a_number_that_stands_for_something_else) {
    pirn::run([&] {
        for (int round = 0; round < 100; ++round) {
            std::array<int, 2> pipe{};
            ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
            auto waiting = pirn::spawn([&] { io::wait_readable(pipe[0]); });
            pirn::yield_now();
            ASSERT_EQ(::write(pipe[1], "x", 1), 1);
            waiting.get();
            ::close(pipe[0]);
            ::close(pipe[1]);
        }
    });
}

TEST_F(ready, is_refused_for_what_is_no_descriptor) {
    pirn::run([&] {
        std::error_code error;
        io::wait_readable(-1, error);
        EXPECT_TRUE(error);
        EXPECT_THROW(io::wait_writable(-1), std::system_error);
        EXPECT_THROW(io::is_ready(-1), std::system_error);
    });
}

} // namespace
