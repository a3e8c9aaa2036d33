// SPDX-License-Identifier: MIT
//
// The poll operation: descriptors that are not ours, which may be anything and may be closed and
// opened again without a word.
#include <poll.h>

#include <pirn/loop/operations.hpp>

#include "support/backends.hpp"
#include "support/sockets.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>

#include <fcntl.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using pirn::os::handle;
using support::connection;

class poll_test : public support::on_each_backend {
  protected:
    // Whether an operation is still in flight after the loop had the time to end it.
    bool still_waits(const support::poll& what) {
        loop().run(run_mode::once, pirn::after(2ms));
        return what.in_flight();
    }
};
INSTANTIATE_TEST_SUITE_P(poll, poll_test, support::every_backend(), support::name_of_backend);

struct pipe_ends {
    pipe_ends() {
        std::array<int, 2> both{};
        EXPECT_EQ(::pipe2(both.data(), O_CLOEXEC | O_NONBLOCK), 0);
        reader = handle{both[0]};
        writer = handle{both[1]};
    }
    void write(const std::string& words) const {
        EXPECT_EQ(::write(writer.get(), words.data(), words.size()),
                  static_cast<ssize_t>(words.size()));
    }
    handle reader;
    handle writer;
};

TEST_P(poll_test, waits_until_a_pipe_has_something_to_read) {
    const pipe_ends pipe;
    support::poll readable{pipe.reader.get(), POLLIN};
    loop().submit(readable);
    EXPECT_TRUE(still_waits(readable));
    pipe.write("warp");
    ASSERT_TRUE(run_until([&] { return readable.completions == 1; }));
    EXPECT_EQ(readable.result(), POLLIN);
}

TEST_P(poll_test, answers_what_is_ready_already) {
    const pipe_ends pipe;
    pipe.write("warp");
    support::poll readable{pipe.reader.get(), POLLIN};
    EXPECT_EQ(perform(readable), POLLIN);
    support::poll writable{pipe.writer.get(), POLLOUT};
    EXPECT_EQ(perform(writable), POLLOUT);
}

TEST_P(poll_test, is_level_triggered_like_poll_itself) {
    const pipe_ends pipe;
    pipe.write("warp");
    support::poll readable{pipe.reader.get(), POLLIN};
    for (int round = 0; round < 3; ++round) {
        EXPECT_EQ(perform(readable), POLLIN) << "nobody has read";
    }
}

TEST_P(poll_test, waits_until_a_pipe_has_room_again) {
    const pipe_ends pipe;
    const std::string block(4096, 'x');
    while (::write(pipe.writer.get(), block.data(), block.size()) > 0) {
    }
    support::poll writable{pipe.writer.get(), POLLOUT};
    loop().submit(writable);
    EXPECT_TRUE(still_waits(writable));
    std::string space(1 << 20, '\0');
    ASSERT_GT(::read(pipe.reader.get(), space.data(), space.size()), 0);
    ASSERT_TRUE(run_until([&] { return writable.completions == 1; }));
    EXPECT_EQ(writable.result(), POLLOUT);
}

TEST_P(poll_test, tells_of_a_hang_up_unasked) {
    pipe_ends pipe;
    support::poll readable{pipe.reader.get(), POLLIN};
    loop().submit(readable);
    EXPECT_TRUE(still_waits(readable));
    pipe.writer.close();
    ASSERT_TRUE(run_until([&] { return readable.completions == 1; }));
    EXPECT_EQ(readable.result(), POLLHUP);
    EXPECT_EQ(perform(readable), POLLHUP) << "and again, when it was so before";

    pipe_ends other;
    support::poll writable{other.writer.get(), POLLOUT};
    other.reader.close();
    EXPECT_EQ(perform(writable), POLLOUT | POLLERR);
}

TEST_P(poll_test, finds_a_regular_file_always_ready) {
    FILE* const file = std::tmpfile();
    ASSERT_NE(file, nullptr);
    support::poll both{::fileno(file), POLLIN | POLLOUT};
    EXPECT_EQ(perform(both), POLLIN | POLLOUT);
    support::poll readable{::fileno(file), POLLIN};
    EXPECT_EQ(perform(readable), POLLIN);
    std::fclose(file);
}

TEST_P(poll_test, refuses_to_wait_for_what_a_regular_file_never_says) {
    FILE* const file = std::tmpfile();
    ASSERT_NE(file, nullptr);
    support::poll urgent{::fileno(file), POLLPRI};
    EXPECT_EQ(perform(urgent), -EINVAL);
    std::fclose(file);
}

TEST_P(poll_test, of_no_descriptor_is_an_error) {
    support::poll nothing{-1, POLLIN};
    EXPECT_EQ(perform(nothing), -EBADF);
    pipe_ends pipe;
    const int closed = pipe.reader.get();
    pipe.reader.close();
    support::poll gone{closed, POLLIN};
    EXPECT_EQ(perform(gone), -EBADF);
}

// The application closes and opens as it likes between two polls, without telling the loop.
TEST_P(poll_test, is_not_confused_when_a_descriptor_is_closed_and_its_number_used_again) {
    int previous = -1;
    int reused = 0;
    for (int round = 0; round < 100; ++round) {
        pipe_ends pipe;
        const int number = pipe.reader.get();
        reused += number == previous ? 1 : 0;
        previous = number;
        support::poll readable{number, POLLIN};
        loop().submit(readable);
        ASSERT_TRUE(loop().run(run_mode::nowait) == 0U && readable.in_flight());
        if (round % 2 == 0) {
            pipe.write("warp");
            ASSERT_TRUE(run_until([&] { return readable.completions == 1; }));
            ASSERT_EQ(readable.result(), POLLIN);
        } else {
            loop().cancel(readable);
            ASSERT_TRUE(run_until([&] { return readable.completions == 1; }));
            ASSERT_EQ(readable.result(), -ECANCELED);
        }
    }
    EXPECT_GT(reused, 50);
}

TEST_P(poll_test, is_not_confused_by_a_duplicate_that_lives_on) {
    pipe_ends first;
    const int number = first.reader.get();
    const handle duplicate{::dup(number)};
    support::poll old{number, POLLIN};
    loop().submit(old);
    EXPECT_TRUE(still_waits(old));
    loop().cancel(old);
    loop().run();
    first.reader.close();

    const pipe_ends second;
    ASSERT_EQ(second.reader.get(), number);
    support::poll fresh{number, POLLIN};
    loop().submit(fresh);
    EXPECT_TRUE(still_waits(fresh));
    first.write("for the duplicate");
    EXPECT_TRUE(still_waits(fresh));
    second.write("warp");
    ASSERT_TRUE(run_until([&] { return fresh.completions == 1; }));
    EXPECT_EQ(fresh.result(), POLLIN);
}

TEST_P(poll_test, works_on_a_socket_that_is_received_from_as_well) {
    connection pair = connection::tcp(loop());
    std::array<char, 16> space{};
    support::receive receive{pair.near(), space};
    loop().submit(receive);
    loop().run(run_mode::nowait);
    support::poll readable{pair.near(), POLLIN};
    loop().submit(readable);
    EXPECT_TRUE(still_waits(readable));
    loop().cancel(receive);
    ASSERT_TRUE(run_until([&] { return receive.completions == 1; }));
    support::say(pair.far(), "warp");
    ASSERT_TRUE(run_until([&] { return readable.completions == 1; }));
    EXPECT_EQ(readable.result(), POLLIN);

    // The other way round: first polled, then received from.
    connection other = connection::tcp(loop());
    support::poll first{other.near(), POLLIN};
    loop().submit(first);
    loop().run(run_mode::nowait);
    support::receive then{other.near(), space};
    loop().submit(then);
    loop().run(run_mode::nowait);
    loop().cancel(first);
    ASSERT_TRUE(run_until([&] { return first.completions == 1; }));
    support::say(other.far(), "weft");
    ASSERT_TRUE(run_until([&] { return then.completions == 1; }));
    EXPECT_EQ(then.result(), 4);
}

// The peer has finished sending and our buffer is full: readable at the end, but not writable. Whoever
// waits to write has to wait, not to spin.
TEST_P(poll_test, for_room_is_not_ended_by_a_peer_that_has_finished_sending) {
    connection pair = connection::unix_stream(loop());
    const std::string block(4096, 'x');
    while (::send(pair.near(), block.data(), block.size(), MSG_DONTWAIT) > 0) {
    }
    ASSERT_EQ(::shutdown(pair.far(), SHUT_WR), 0);
    support::poll writable{pair.near(), POLLOUT};
    loop().submit(writable);
    EXPECT_TRUE(still_waits(writable)) << "ended with " << writable.result();
    EXPECT_TRUE(still_waits(writable)) << "ended with " << writable.result();
    for (int i = 0; i < 1000 && !support::hear(pair.far()).empty(); ++i) {
    }
    ASSERT_TRUE(run_until([&] { return writable.completions == 1; }));
    EXPECT_EQ(writable.result(), POLLOUT);
    EXPECT_EQ(perform(writable), POLLOUT);
}

TEST_P(poll_test, for_room_beside_a_peer_that_has_finished_sending_can_be_cancelled) {
    connection pair = connection::unix_stream(loop());
    const std::string block(4096, 'x');
    while (::send(pair.near(), block.data(), block.size(), MSG_DONTWAIT) > 0) {
    }
    ASSERT_EQ(::shutdown(pair.far(), SHUT_WR), 0);
    for (int turns = 0; turns < 4; ++turns) { // at each stage of its life
        support::poll writable{pair.near(), POLLOUT};
        loop().submit(writable);
        for (int turn = 0; turn < turns; ++turn) {
            loop().run(run_mode::nowait);
        }
        loop().cancel(writable);
        ASSERT_TRUE(run_until([&] { return writable.completions == 1; }));
        EXPECT_EQ(writable.result(), -ECANCELED);
    }
}

TEST_P(poll_test, leaves_nothing_behind_on_the_descriptor) {
    pipe_ends pipe;
    for (int round = 0; round < 100; ++round) {
        support::poll readable{pipe.reader.get(), POLLIN};
        loop().submit(readable);
        loop().run(run_mode::nowait);
        pipe.write("x");
        ASSERT_TRUE(run_until([&] { return readable.completions == 1; }));
        char byte = 0;
        ASSERT_EQ(::read(pipe.reader.get(), &byte, 1), 1);
        ASSERT_EQ(loop().run(run_mode::nowait), 0U);
    }
}

// How signals come into a loop without a handler: they are blocked, and a signalfd is polled.
TEST_P(poll_test, of_a_signalfd_tells_of_signals_one_after_the_other) {
    sigset_t wanted;
    ::sigemptyset(&wanted);
    ::sigaddset(&wanted, SIGUSR1);
    ::sigaddset(&wanted, SIGUSR2);
    sigset_t before;
    ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &wanted, &before), 0);
    {
        const handle signals{::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK)};
        support::poll arrived{signals.get(), POLLIN};
        for (const int each : {SIGUSR1, SIGUSR2, SIGUSR1}) {
            loop().submit(arrived);
            loop().run(run_mode::nowait);
            EXPECT_TRUE(arrived.in_flight());
            ::pthread_kill(::pthread_self(), each);
            ASSERT_TRUE(run_until([&] { return !arrived.in_flight(); }));
            EXPECT_EQ(arrived.result(), POLLIN);
            signalfd_siginfo which{};
            ASSERT_EQ(::read(signals.get(), &which, sizeof which), ssize_t{sizeof which});
            EXPECT_EQ(which.ssi_signo, static_cast<unsigned>(each));
        }
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

} // namespace
