// SPDX-License-Identifier: MIT
//
// Reads and writes of what is no file: pipes, terminals and their like are waited for, and no thread waits with them.
#include <pirn/loop/blocking_pool.hpp>
#include <pirn/loop/file.hpp>

#include "support/backends.hpp"
#include "support/sanitizers.hpp"
#include "support/sockets.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using pirn::os::handle;

using read_op = support::recorded<pirn::read_operation>;
using write_op = support::recorded<pirn::write_operation>;
using read_vector_op = support::recorded<pirn::read_vector_operation>;
constexpr std::int64_t own_position = -1;

struct plain_pipe {
    explicit plain_pipe(int flags = 0) {
        std::array<int, 2> both{};
        EXPECT_EQ(::pipe2(both.data(), O_CLOEXEC | flags), 0);
        out = handle{both[0]};
        in = handle{both[1]};
    }
    void say(const std::string& words) const {
        EXPECT_EQ(::write(in.get(), words.data(), words.size()),
                  static_cast<ssize_t>(words.size()));
    }
    handle out;
    handle in;
};

class pipe_test : public support::on_each_backend {
  protected:
    void SetUp() override {
        on_each_backend::SetUp();
        pool_ = std::make_shared<pirn::blocking_pool>();
        make_loop({.pool = pool_});
    }
    void TearDown() override {
        make_loop();
        pool_.reset();
        on_each_backend::TearDown();
    }
    const pirn::blocking_pool& pool() const { return *pool_; }

  private:
    std::shared_ptr<pirn::blocking_pool> pool_;
};
INSTANTIATE_TEST_SUITE_P(pipe, pipe_test, support::every_backend(), support::name_of_backend);

TEST_P(pipe_test, reads_of_many_wait_without_a_thread) {
    std::deque<plain_pipe> pipes;
    std::deque<std::array<char, 16>> spaces(50);
    std::deque<read_op> reads;
    for (auto& space : spaces) {
        const plain_pipe& one = pipes.emplace_back(pipes.size() % 2 == 0 ? 0 : O_NONBLOCK);
        loop().submit(reads.emplace_back(one.out.get(), space, own_position));
    }
    loop().run(run_mode::once, pirn::after(2ms));
    EXPECT_EQ(pool().threads(), 0U);
    EXPECT_EQ(loop().pending(), 50U);
    for (auto one = pipes.rbegin(); one != pipes.rend(); ++one) {
        one->say("warp");
    }
    ASSERT_TRUE(run_until([&] { return loop().pending() == 0; }));
    for (std::size_t i = 0; i < 50; ++i) {
        ASSERT_TRUE(reads[i].completed_with(4)) << reads[i].result();
        ASSERT_EQ(std::string(spaces[i].data(), 4), "warp");
    }
    EXPECT_EQ(pool().threads(), 0U);
}

TEST_P(pipe_test, writes_to_many_that_are_full_wait_without_a_thread_and_lose_no_byte) {
    constexpr std::size_t size = 200'000; // more than a pipe holds
    std::vector<std::byte> sent(size);
    for (std::size_t i = 0; i < size; ++i) {
        sent[i] = static_cast<std::byte>(i * 31 + i / 251);
    }
    std::deque<plain_pipe> pipes;
    for (int i = 0; i < 20; ++i) {
        pipes.emplace_back(i % 2 == 0 ? 0 : O_NONBLOCK);
    }
    std::vector<std::size_t> written(pipes.size());
    std::vector<std::vector<std::byte>> received(pipes.size());
    std::deque<write_op> writes;
    std::vector<write_op*> current(pipes.size());
    const auto go_on = [&](std::size_t which) {
        current[which] = &writes.emplace_back(
            pipes[which].in.get(), pirn::bytes{sent}.subspan(written[which]), own_position);
        loop().submit(*current[which]);
    };
    for (std::size_t i = 0; i < pipes.size(); ++i) {
        go_on(i);
    }
    bool stood = false;
    for (std::size_t ended = 0; ended < pipes.size();) {
        loop().run(run_mode::once, pirn::after(1ms));
        bool moved = false;
        for (std::size_t i = 0; i < pipes.size(); ++i) {
            if (current[i] != nullptr && current[i]->completions > 0) {
                ASSERT_GT(current[i]->result(), 0);
                written[i] += static_cast<std::size_t>(current[i]->result());
                current[i] = nullptr;
                moved = true;
                if (written[i] < size) {
                    go_on(i);
                } else {
                    ++ended;
                }
            }
        }
        if (moved) {
            continue;
        }
        stood = true; // all are full, and nobody has been waiting in a thread for that
        for (std::size_t i = 0; i < pipes.size(); ++i) {
            std::array<std::byte, 10'000> space{};
            const ssize_t got = ::read(pipes[i].out.get(), space.data(), space.size());
            if (got > 0) {
                received[i].insert(received[i].end(), space.begin(), space.begin() + got);
            }
        }
    }
    EXPECT_TRUE(stood);
    EXPECT_EQ(pool().threads(), 0U);
    for (std::size_t i = 0; i < pipes.size(); ++i) {
        pipes[i].in.close();
        std::array<std::byte, 10'000> space{};
        for (ssize_t got = 1; got > 0;) {
            got = ::read(pipes[i].out.get(), space.data(), space.size());
            ASSERT_GE(got, 0);
            received[i].insert(received[i].end(), space.begin(), space.begin() + got);
        }
        EXPECT_TRUE(received[i] == sent) << i;
    }
}

TEST_P(pipe_test, a_write_that_waits_ends_when_the_reader_goes_and_when_it_is_cancelled) {
    for (const bool cancels : {false, true}) {
        plain_pipe pipe;
        const std::vector<std::byte> much(1'000'000);
        std::deque<write_op> writes;
        do { // until one waits
            loop().submit(writes.emplace_back(pipe.in.get(), much, own_position));
            loop().run(run_mode::once, pirn::after(5ms));
        } while (writes.back().completions > 0);
        if (cancels) {
            loop().cancel(writes.back());
        } else {
            pipe.out.close();
        }
        ASSERT_TRUE(run_until([&] { return writes.back().completions > 0; }));
        EXPECT_EQ(writes.back().result(), cancels ? -ECANCELED : -EPIPE);
        EXPECT_EQ(pool().threads(), 0U);
    }
}

TEST_P(pipe_test, several_reads_of_one_are_served_in_their_order_and_see_the_end) {
    plain_pipe pipe;
    std::array<std::array<char, 4>, 4> spaces{};
    std::deque<read_op> reads;
    for (auto& space : spaces) {
        loop().submit(reads.emplace_back(pipe.out.get(), space, own_position));
    }
    loop().run(run_mode::nowait);
    pipe.say("onetwothr");
    if (by_uring()) { // where several that wait for one thing have no order
        pipe.in.close();
        ASSERT_TRUE(run_until([&] { return loop().pending() == 0; }));
        return;
    }
    ASSERT_TRUE(run_until([&] { return reads[2].completions == 1; }));
    EXPECT_TRUE(reads[0].completed_with(4));
    EXPECT_TRUE(reads[1].completed_with(4));
    EXPECT_TRUE(reads[2].completed_with(1));
    EXPECT_EQ(std::string(spaces[0].data(), 4) + std::string(spaces[1].data(), 4) + spaces[2][0],
              "onetwothr");
    EXPECT_TRUE(reads[3].in_flight());
    pipe.in.close();
    ASSERT_TRUE(run_until([&] { return loop().pending() == 0; }));
    EXPECT_TRUE(reads[3].completed_with(0)) << "the end";
}

TEST_P(pipe_test, several_pieces_are_filled_one_after_the_other) {
    const plain_pipe pipe;
    std::array<char, 3> first{};
    std::array<char, 8> second{};
    const std::array<iovec, 2> pieces{{{first.data(), 3}, {second.data(), 8}}};
    read_vector_op read{pipe.out.get(), pieces, own_position};
    loop().submit(read);
    loop().run(run_mode::nowait);
    EXPECT_TRUE(read.in_flight());
    pipe.say("warp and");
    ASSERT_TRUE(run_until([&] { return read.completions == 1; }));
    EXPECT_EQ(read.result(), 8);
    EXPECT_EQ(std::string(first.data(), 3) + std::string(second.data(), 5), "warp and");
    EXPECT_EQ(pool().threads(), 0U);
}

TEST_P(pipe_test, a_terminal_gives_its_lines) {
    const handle master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0) {
        GTEST_SKIP() << "there are no terminals here";
    }
    std::array<char, 64> name{};
    ASSERT_EQ(::ptsname_r(master.get(), name.data(), name.size()), 0);
    const handle terminal{::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC)};
    ASSERT_TRUE(terminal);
    std::array<char, 64> space{};
    for (const std::string line : {"warp\n", "weft\n"}) {
        read_op read{terminal.get(), space, own_position};
        loop().submit(read);
        loop().run(run_mode::once, pirn::after(1ms));
        ASSERT_TRUE(read.in_flight());
        EXPECT_EQ(::write(master.get(), line.data(), line.size() - 1),
                  static_cast<ssize_t>(line.size() - 1));
        loop().run(run_mode::once, pirn::after(1ms));
        ASSERT_TRUE(read.in_flight()) << "the line has not ended";
        EXPECT_EQ(::write(master.get(), "\n", 1), 1);
        ASSERT_TRUE(run_until([&] { return read.completions == 1; }));
        EXPECT_EQ(std::string(space.data(), static_cast<std::size_t>(read.result())), line);
    }
    read_op silent{terminal.get(), space, own_position};
    loop().submit(silent);
    loop().run(run_mode::once, pirn::after(1ms));
    loop().cancel(silent);
    ASSERT_TRUE(run_until([&] { return silent.completions == 1; }));
    EXPECT_EQ(silent.result(), -ECANCELED);
    EXPECT_EQ(pool().threads(), 0U);
}

TEST_P(pipe_test, an_eventfd_gives_its_count) {
    const handle event{::eventfd(0, EFD_CLOEXEC)};
    std::uint64_t count = 0;
    read_op read{event.get(),
                 pirn::mutable_bytes{reinterpret_cast<std::byte*>(&count), sizeof count},
                 own_position};
    loop().submit(read);
    loop().run(run_mode::nowait);
    EXPECT_TRUE(read.in_flight());
    ASSERT_EQ(::eventfd_write(event.get(), 7), 0);
    ASSERT_TRUE(run_until([&] { return read.completions == 1; }));
    EXPECT_EQ(read.result(), 8);
    EXPECT_EQ(count, 7U);
}

TEST_P(pipe_test, devices_of_memory_are_read_like_files) {
    for (const char* const name : {"/dev/zero", "/dev/null"}) {
        const handle device{::open(name, O_RDONLY | O_CLOEXEC)};
        std::array<char, 16> space{};
        space.fill('x');
        read_op read{device.get(), space, own_position};
        EXPECT_EQ(perform(read), std::string{name} == "/dev/zero" ? 16 : 0);
        EXPECT_EQ(space[15], std::string{name} == "/dev/zero" ? '\0' : 'x');
    }
}

// Files need no release: the number comes back for another pipe while the loop was told nothing.
TEST_P(pipe_test, a_number_that_comes_again_begins_anew_without_a_release) {
    std::set<int> used;
    int reused = 0;
    for (int round = 0; round < 300; ++round) {
        plain_pipe pipe;
        reused += used.insert(pipe.out.get()).second ? 0 : 1;
        std::array<char, 16> space{};
        read_op read{pipe.out.get(), space, own_position};
        loop().submit(read);
        loop().run(run_mode::nowait);
        if (round % 3 == 0) {
            loop().cancel(read);
            ASSERT_TRUE(run_until([&] { return read.completions == 1; }));
            ASSERT_EQ(read.result(), -ECANCELED);
        } else if (round % 3 == 1) {
            pipe.in.close();
            ASSERT_TRUE(run_until([&] { return read.completions == 1; }));
            ASSERT_EQ(read.result(), 0);
        } else {
            pipe.say("weft");
            ASSERT_TRUE(run_until([&] { return read.completions == 1; }));
            ASSERT_EQ(read.result(), 4);
        }
    }
    EXPECT_GT(reused, 200) << "the test did not test what it says";
}

TEST_P(pipe_test, may_be_polled_and_read_at_once) {
    const plain_pipe pipe;
    std::array<char, 16> space{};
    for (int round = 0; round < 6; ++round) {
        support::poll poll{pipe.out.get(), POLLIN};
        read_op read{pipe.out.get(), space, own_position};
        if (round % 2 == 0) {
            loop().submit(poll);
        }
        loop().submit(read);
        if (round % 2 != 0) {
            loop().submit(poll);
        }
        loop().run(run_mode::nowait);
        pipe.say("weft");
        ASSERT_TRUE(run_until([&] { return read.completions == 1; }));
        if (poll.in_flight()) { // the bytes were gone when it was asked
            if (round < 3) {
                loop().cancel(poll);
            } else {
                pipe.say("warp");
            }
            ASSERT_TRUE(run_until([&] { return poll.completions == 1; }));
        }
        if (round >= 3) {
            std::array<char, 64> rest{};
            pollfd more{pipe.out.get(), POLLIN, 0};
            while (::poll(&more, 1, 0) > 0) {
                ASSERT_GT(::read(pipe.out.get(), rest.data(), rest.size()), 0);
            }
        }
    }
}

// Every byte is read once and in order, whenever the read is cancelled (hazard 28).
TEST_P(pipe_test, a_read_cancelled_at_a_random_moment_loses_no_byte) {
    constexpr int rounds = 10'000 / support::slowness;
    const plain_pipe pipe;
    std::mt19937 random{31}; // NOLINT: the same every time
    std::uint64_t sent = 0;
    std::uint64_t heard = 0;
    bool right = true;
    std::array<char, 64> space{};
    int cancelled = 0;
    const auto take = [&](int size) {
        for (int i = 0; i < size; ++i) {
            right &= space[static_cast<std::size_t>(i)] == static_cast<char>(heard * 7);
            ++heard;
        }
    };
    for (int round = 0; round < rounds; ++round) {
        read_op read{pipe.out.get(), space, own_position};
        loop().submit(read);
        if (random() % 2 == 0) {
            loop().run(run_mode::nowait);
        }
        if (random() % 2 == 0) {
            std::string words(1 + random() % 8, '\0');
            for (char& each : words) {
                each = static_cast<char>(sent++ * 7);
            }
            pipe.say(words);
        }
        if (random() % 2 == 0 && read.in_flight()) {
            loop().run(run_mode::nowait);
        }
        loop().cancel(read);
        ASSERT_TRUE(run_until([&] { return read.completions == 1; }));
        if (read.result() == -ECANCELED) {
            ++cancelled;
        } else {
            ASSERT_GT(read.result(), 0);
            take(read.result());
        }
    }
    while (heard < sent) {
        read_op rest{pipe.out.get(), space, own_position};
        ASSERT_GT(perform(rest), 0);
        take(rest.result());
    }
    EXPECT_EQ(heard, sent);
    EXPECT_TRUE(right);
    EXPECT_GT(cancelled, 0);
    EXPECT_LT(cancelled, rounds);
}

} // namespace
