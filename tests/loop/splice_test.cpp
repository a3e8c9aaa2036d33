// SPDX-License-Identifier: MIT
//
// From file to socket, from socket to pipe and back: all bytes, in order, whichever end is slow.
#include <pirn/loop/splice.hpp>

#include "loop/files.hpp"
#include "support/backends.hpp"
#include "support/sanitizers.hpp"
#include "support/sockets.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <random>
#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using pirn::os::handle;
using splice = support::recorded<pirn::splice_operation>;
using send_file = support::recorded<pirn::send_file_operation>;
using support::connection;

class splice_test : public support::with_folder {
  protected:
    struct pipe_ends {
        handle out;
        handle in;
    };
    pipe_ends pipe() {
        std::array<int, 2> both{};
        EXPECT_EQ(::pipe2(both.data(), O_CLOEXEC), 0);
        return {handle{both[0]}, handle{both[1]}};
    }
    void release(pipe_ends& ends) {
        loop().release(ends.out.get());
        loop().release(ends.in.get());
    }
    static std::string pattern(std::size_t size) {
        std::string text(size, '\0');
        for (std::size_t i = 0; i < size; ++i) {
            text[i] = static_cast<char>(i * 31 + i / 253);
        }
        return text;
    }
    handle file_with(const std::string& text) {
        handle file{::open((folder + "cloth").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
        EXPECT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
        return file;
    }
};
INSTANTIATE_TEST_SUITE_P(splice, splice_test, support::every_backend(), support::name_of_backend);

TEST_P(splice_test, a_file_goes_out_to_a_socket_whose_reader_is_slow) {
    const std::string text = pattern(3'000'000);
    const handle file = file_with(text);
    for (auto make : {&connection::unix_stream, &connection::tcp}) {
        connection pair = make(loop());
        send_file send{file.get(), std::int64_t{0}, pair.near(), text.size()};
        send.then = [&](auto& self) {
            ASSERT_GT(self.result(), 0);
            self.offset += self.result();
            self.size -= static_cast<std::size_t>(self.result());
            if (self.size > 0) {
                loop().submit(self);
            }
        };
        loop().submit(send);
        std::string heard;
        std::array<char, 65'536> space{};
        support::receive receive{pair.far(), space};
        while (heard.size() < text.size()) {
            ASSERT_GT(perform(receive), 0);
            heard.append(space.data(), static_cast<std::size_t>(receive.result()));
        }
        ASSERT_TRUE(run_until([&] { return !send.in_flight(); }));
        EXPECT_TRUE(heard == text);
    }
    EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 3'000'000) << "the position has moved";
}

TEST_P(splice_test, a_part_of_a_file_ends_where_the_file_does) {
    const handle file = file_with("warp and weft");
    connection pair = connection::unix_stream(loop());
    send_file send{file.get(), std::int64_t{9}, pair.near(), std::size_t{100}};
    EXPECT_EQ(perform(send), 4);
    EXPECT_EQ(support::hear(pair.far()), "weft");
    send.offset = 13;
    EXPECT_EQ(perform(send), 0);
    send.offset = -1;
    EXPECT_EQ(perform(send), -EINVAL);
}

TEST_P(splice_test, a_socket_goes_through_a_pipe_to_another_socket) {
    const std::string text = pattern(1'000'000);
    connection from = connection::tcp(loop());
    connection to = connection::unix_stream(loop());
    pipe_ends middle = pipe();
    std::string heard;
    std::array<char, 10'000> space{};
    support::send source{from.far(), pirn::bytes{text}};
    splice in{from.near(), middle.in.get(), std::size_t{1'000'000}};
    splice out{middle.out.get(), to.near(), std::size_t{1'000'000}};
    support::receive sink{to.far(), space};
    source.then = [&](auto& self) {
        ASSERT_GT(self.result(), 0);
        self.buffer = self.buffer.subspan(static_cast<std::size_t>(self.result()));
        if (!self.buffer.empty()) {
            loop().submit(self);
        } else {
            ASSERT_EQ(::shutdown(from.far(), SHUT_WR), 0);
        }
    };
    in.then = [&](auto& self) {
        ASSERT_GE(self.result(), 0);
        if (self.result() > 0) {
            loop().submit(self);
        } else {
            loop().release(middle.in.get());
            middle.in.close();
        }
    };
    out.then = [&](auto& self) {
        ASSERT_GE(self.result(), 0);
        if (self.result() > 0) {
            loop().submit(self);
        } else {
            ASSERT_EQ(::shutdown(to.near(), SHUT_WR), 0);
        }
    };
    sink.then = [&](auto& self) {
        ASSERT_GE(self.result(), 0);
        heard.append(space.data(), static_cast<std::size_t>(self.result()));
        if (self.result() > 0) {
            loop().submit(self);
        }
    };
    loop().submit(sink);
    loop().submit(out);
    loop().submit(in);
    loop().run(run_mode::once, pirn::after(2ms)); // so that all three wait
    loop().submit(source);
    ASSERT_TRUE(run_until([&] { return loop().pending() == 0; }));
    EXPECT_TRUE(heard == text);
    loop().release(middle.out.get());
}

TEST_P(splice_test, of_nonsense_says_so) {
    pipe_ends some = pipe();
    splice nowhere{-1, some.in.get(), std::size_t{10}};
    EXPECT_EQ(perform(nowhere), -EBADF);
    const handle file = file_with("warp");
    const handle other = file_with("weft");
    splice without_pipe{file.get(), other.get(), std::size_t{10}};
    EXPECT_EQ(perform(without_pipe), -EINVAL);
    send_file to_nowhere{file.get(), std::int64_t{0}, -1, std::size_t{4}};
    EXPECT_EQ(perform(to_nowhere), -EBADF);
    connection pair = connection::unix_stream(loop());
    send_file from_nowhere{-1, std::int64_t{0}, pair.near(), std::size_t{4}};
    EXPECT_EQ(perform(from_nowhere), -EBADF);
    release(some);
}

TEST_P(splice_test, to_nobody_is_an_error_and_no_signal) {
    struct sigaction deadly{};
    deadly.sa_handler = SIG_DFL;
    struct sigaction before{};
    ASSERT_EQ(::sigaction(SIGPIPE, &deadly, &before), 0);
    const handle file = file_with("warp");
    connection pair = connection::unix_stream(loop());
    pair.close_far();
    send_file send{file.get(), std::int64_t{0}, pair.near(), std::size_t{4}};
    EXPECT_EQ(perform(send), -EPIPE);
    pipe_ends broken = pipe();
    broken.out.close();
    splice lost{file.get(), broken.in.get(), std::size_t{4}};
    lost.source_offset = 0;
    EXPECT_EQ(perform(lost), -EPIPE);
    loop().release(broken.in.get());
    ::sigaction(SIGPIPE, &before, nullptr);
}

TEST_P(splice_test, ends_when_cancelled_and_the_next_one_works) {
    connection pair = connection::tcp(loop());
    pipe_ends target = pipe();
    for (int turns = 0; turns < 8; ++turns) {
        splice waits{pair.near(), target.in.get(), std::size_t{100}};
        loop().submit(waits);
        for (int i = 0; i < turns % 4; ++i) {
            loop().run(run_mode::once, pirn::after(1ms));
        }
        loop().cancel(waits);
        loop().run();
        ASSERT_TRUE(waits.completed_with(-ECANCELED)) << waits.result();
    }
    support::say(pair.far(), "warp");
    splice next{pair.near(), target.in.get(), std::size_t{100}};
    EXPECT_EQ(perform(next), 4);
    std::array<char, 8> heard{};
    EXPECT_EQ(::read(target.out.get(), heard.data(), heard.size()), 4);
    release(target);
}

// What a cancelled send_file says was sent, was sent: no byte more.
TEST_P(splice_test, of_a_file_at_a_random_moment_cancelled_tells_exactly_what_was_sent) {
    constexpr int rounds = 500 / support::slowness;
    const std::string text = pattern(300'000);
    const handle file = file_with(text);
    connection pair = connection::unix_stream(loop());
    std::mt19937 random{47}; // NOLINT: the same every time
    std::size_t sent = 0;
    std::string heard;
    for (int round = 0; round < rounds; ++round) {
        const auto at = static_cast<std::int64_t>(sent % text.size());
        send_file send{file.get(), at, pair.near(), text.size() - static_cast<std::size_t>(at)};
        loop().submit(send);
        loop().run(run_mode::once, pirn::after(std::chrono::microseconds{random() % 200}));
        if (send.in_flight()) {
            loop().cancel(send);
            ASSERT_TRUE(run_until([&] { return !send.in_flight(); }));
        }
        ASSERT_EQ(send.completions, 1);
        ASSERT_TRUE(send.result() > 0 || send.result() == -ECANCELED) << send.result();
        sent += static_cast<std::size_t>(std::max(send.result(), 0));
        if (random() % 2 == 0) {
            for (std::string part = support::hear(pair.far()); !part.empty();
                 part = support::hear(pair.far())) {
                heard += part;
            }
        }
    }
    for (std::string part = support::hear(pair.far()); !part.empty();
         part = support::hear(pair.far())) {
        heard += part;
    }
    ASSERT_EQ(heard.size(), sent);
    for (std::size_t i = 0; i < heard.size(); ++i) {
        ASSERT_EQ(heard[i], text[i % text.size()]) << i;
    }
}

} // namespace
