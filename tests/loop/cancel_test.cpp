// SPDX-License-Identifier: MIT
//
// Cancellation: of each kind, at every stage, and against the clock. Whatever happens, one completion;
// and bytes that the kernel has taken in are either delivered or still there.
#include <pirn/loop/operations.hpp>

#include "support/backends.hpp"
#include "support/sanitizers.hpp"
#include "support/sockets.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using pirn::os::handle;
using support::connection;
using support::listener;

class cancel_test : public support::on_each_backend {
  protected:
    // A cancellation at each stage: before the kernel has seen the operation, and after.
    template <class Operation>
    void expect_cancelled(Operation&& what) {
        for (int turns = 0; turns < 3; ++turns) {
            what.completions = 0;
            loop().submit(what);
            for (int turn = 0; turn < turns; ++turn) {
                ASSERT_EQ(loop().run(run_mode::nowait), 0U);
            }
            loop().cancel(what);
            EXPECT_EQ(what.completions, 0);
            ASSERT_TRUE(run_until([&] { return what.completions > 0; }));
            EXPECT_TRUE(what.completed_with(-ECANCELED)) << turns << ": " << what.result();
        }
    }

    static void spin(std::chrono::nanoseconds span) {
        for (const auto until = pirn::after(span); pirn::clock::now() < until;) {
        }
    }
};
INSTANTIATE_TEST_SUITE_P(cancel, cancel_test, support::every_backend(), support::name_of_backend);

TEST_P(cancel_test, ends_a_timer) { expect_cancelled(support::timer{pirn::never}); }

TEST_P(cancel_test, ends_an_accept_and_the_next_one_works) {
    const listener door{loop()};
    expect_cancelled(support::accept{door.get()});
    const handle client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ASSERT_EQ(::connect(client.get(), door.address.get(), door.address.size), 0);
    support::accept next{door.get()};
    const handle server{perform(next)};
    EXPECT_TRUE(server);
    loop().release(door.get());
}

TEST_P(cancel_test, ends_a_receive_and_the_next_one_works) {
    connection pair = connection::tcp(loop());
    std::array<char, 16> space{};
    expect_cancelled(support::receive{pair.near(), space});
    support::say(pair.far(), "warp");
    support::receive next{pair.near(), space};
    EXPECT_EQ(perform(next), 4);
}

TEST_P(cancel_test, ends_a_send_that_waits_for_room) {
    connection pair = connection::unix_stream(loop());
    const std::string block(4096, 'x');
    while (::send(pair.near(), block.data(), block.size(), MSG_DONTWAIT) > 0) {
    }
    expect_cancelled(support::send{pair.near(), pirn::bytes{block}});
}

TEST_P(cancel_test, ends_a_poll_and_the_next_one_works) {
    connection pair = connection::unix_stream(loop());
    expect_cancelled(support::poll{pair.near(), POLLIN});
    support::say(pair.far(), "warp");
    support::poll next{pair.near(), POLLIN};
    EXPECT_EQ(perform(next), POLLIN);
}

// A listener whose queue is full lets a connect hang.
TEST_P(cancel_test, ends_a_connect_that_hangs) {
    const listener door{loop(), 0};
    std::vector<handle> waiting;
    for (int i = 0; i < 3; ++i) {
        waiting.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        ::connect(waiting.back().get(), door.address.get(), door.address.size);
    }
    const handle client = support::loop_socket(loop());
    support::connect connect{client.get(), door.address.get(), door.address.size};
    loop().submit(connect);
    loop().run(run_mode::once, pirn::after(2ms));
    ASSERT_TRUE(connect.in_flight()) << connect.result();
    loop().cancel(connect);
    ASSERT_TRUE(run_until([&] { return connect.completions == 1; }));
    EXPECT_EQ(connect.result(), -ECANCELED);
    loop().release(client.get());
}

TEST_P(cancel_test, of_one_leaves_the_other_direction_alone) {
    connection pair = connection::unix_stream(loop());
    const std::string block(4096, 'x');
    while (::send(pair.near(), block.data(), block.size(), MSG_DONTWAIT) > 0) {
    }
    std::array<char, 16> space{};
    support::receive receive{pair.near(), space};
    support::send send{pair.near(), pirn::bytes{block}};
    loop().submit(receive);
    loop().submit(send);
    loop().run(run_mode::nowait);
    loop().cancel(send);
    ASSERT_TRUE(run_until([&] { return send.completions == 1; }));
    EXPECT_EQ(send.result(), -ECANCELED);
    EXPECT_TRUE(receive.in_flight());
    support::say(pair.far(), "warp");
    ASSERT_TRUE(run_until([&] { return receive.completions == 1; }));
    EXPECT_EQ(receive.result(), 4);
}

TEST_P(cancel_test, of_one_in_the_middle_of_a_queue_leaves_the_others_in_order) {
    const listener door{loop()};
    support::accept first{door.get()};
    support::accept second{door.get()};
    support::accept third{door.get()};
    for (support::accept* each : {&first, &second, &third}) {
        loop().submit(*each);
    }
    loop().run(run_mode::nowait);
    loop().cancel(second);
    ASSERT_TRUE(run_until([&] { return second.completions == 1; }));
    EXPECT_EQ(second.result(), -ECANCELED);
    std::vector<handle> clients;
    for (int i = 0; i < 2; ++i) {
        clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(clients.back().get(), door.address.get(), door.address.size), 0);
    }
    ASSERT_TRUE(run_until([&] { return first.completions + third.completions == 2; }));
    const handle one{first.result()};
    const handle other{third.result()};
    EXPECT_TRUE(one && other);
    loop().release(door.get());
}

// ---- races (hazards 28 and 29) --------------------------------------------------------------------

// A thread that sends a known sequence of bytes in small pieces with small pauses.
class chatterbox {
  public:
    explicit chatterbox(int socket) : thread_{[this, socket] { run(socket); }} {}

    // stop: ends the thread. How many bytes it has sent.
    std::uint64_t stop() {
        leave_.store(true, std::memory_order_relaxed);
        thread_.join();
        return sent_;
    }

    static char byte_at(std::uint64_t place) { return static_cast<char>(place * 7 + place / 256); }

  private:
    void run(int socket) {
        std::mt19937 random{5}; // NOLINT: the same every time
        std::array<char, 64> piece{};
        while (!leave_.load(std::memory_order_relaxed)) {
            const std::size_t size = 1 + random() % piece.size();
            for (std::size_t i = 0; i < size; ++i) {
                piece[i] = byte_at(sent_ + i);
            }
            pollfd room{socket, POLLOUT, 0};
            ::poll(&room, 1, 10);
            const auto n = ::send(socket, piece.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
            sent_ += n > 0 ? static_cast<std::uint64_t>(n) : 0;
            for (auto pause = random() % 2'000; pause > 0; --pause) {
                std::atomic_signal_fence(std::memory_order_seq_cst); // burn a little time
            }
        }
    }

    std::atomic<bool> leave_{false};
    std::uint64_t sent_ = 0;
    std::thread thread_;
};

TEST_P(cancel_test, of_a_receive_at_a_random_moment_loses_and_repeats_no_byte) {
    constexpr int rounds = 100'000 / support::slowness;
    connection pair = connection::tcp(loop());
    chatterbox peer{pair.far()};
    std::mt19937 random{17}; // NOLINT: the same every time
    std::array<std::array<char, 512>, 2> spaces{};
    std::uint64_t received = 0;
    int cancelled = 0;

    const auto take = [&](const std::array<char, 512>& space, int result) {
        for (int i = 0; i < result; ++i) {
            if (space[static_cast<std::size_t>(i)] != chatterbox::byte_at(received)) {
                return testing::AssertionFailure() << "byte " << received << " is another one";
            }
            ++received;
        }
        return testing::AssertionSuccess();
    };
    for (int round = 0; round < rounds; ++round) {
        auto& space = spaces[static_cast<std::size_t>(round % 2)];
        const auto& previous = spaces[static_cast<std::size_t>((round + 1) % 2)];
        support::receive receive{pair.near(), space};
        loop().submit(receive);
        switch (random() % 4) {
        case 0: break; // cancelled before the kernel has heard of it
        case 1: loop().run(run_mode::nowait); break;
        case 2:
            loop().run(run_mode::nowait);
            spin(std::chrono::nanoseconds{random() % 20'000});
            break;
        default:
            loop().run(run_mode::once, pirn::after(std::chrono::nanoseconds{random() % 20'000}));
        }
        loop().cancel(receive);
        ASSERT_TRUE(run_until([&] { return receive.completions > 0; }));
        ASSERT_EQ(receive.completions, 1);
        if (receive.result() == -ECANCELED) {
            ++cancelled;
        } else {
            ASSERT_GT(receive.result(), 0);
            ASSERT_TRUE(take(space, receive.result()));
        }
        // The buffer of the round before has been ours since; nobody may have written to it.
        ASSERT_TRUE(round == 0 || std::ranges::all_of(previous, [](char c) { return c == '#'; }));
        space.fill('#');
    }
    const std::uint64_t sent = peer.stop();
    support::receive rest{pair.near(), spaces[0]};
    while (received < sent) {
        ASSERT_GT(perform(rest), 0);
        ASSERT_TRUE(take(spaces[0], rest.result()));
    }
    EXPECT_EQ(received, sent);
    EXPECT_GT(cancelled, 0);
    EXPECT_LT(cancelled, rounds);
}

TEST_P(cancel_test, of_a_send_at_a_random_moment_tells_exactly_what_was_sent) {
    constexpr int rounds = 2'000 / support::slowness;
    connection pair = connection::unix_stream(loop());
    std::atomic<bool> leave{false};
    std::uint64_t heard = 0;
    std::thread listening{[&] {
        std::vector<char> space(10'000);
        for (bool last = false; !last;) {
            last = leave.load();
            pollfd readable{pair.far(), POLLIN, 0};
            ::poll(&readable, 1, 5);
            for (;;) {
                const auto n = ::recv(pair.far(), space.data(), space.size(), MSG_DONTWAIT);
                if (n <= 0) {
                    break;
                }
                heard += static_cast<std::uint64_t>(n);
            }
        }
    }};
    std::mt19937 random{23}; // NOLINT: the same every time
    const std::string block(100'000, 'x');
    std::uint64_t sent = 0;
    for (int round = 0; round < rounds; ++round) {
        support::send send{pair.near(), pirn::bytes{block}};
        loop().submit(send);
        if (random() % 3 != 0) {
            loop().run(run_mode::nowait);
            spin(std::chrono::nanoseconds{random() % 10'000});
        }
        loop().cancel(send);
        ASSERT_TRUE(run_until([&] { return send.completions > 0; }));
        ASSERT_EQ(send.completions, 1);
        if (send.result() != -ECANCELED) {
            ASSERT_GT(send.result(), 0);
            sent += static_cast<std::uint64_t>(send.result());
        }
    }
    leave.store(true);
    listening.join();
    EXPECT_EQ(heard, sent);
}

TEST_P(cancel_test, of_an_accept_at_a_random_moment_loses_no_connection) {
    constexpr int rounds = 500 / support::slowness;
    const listener door{loop(), 4096};
    std::mt19937 random{29}; // NOLINT: the same every time
    std::atomic<int> connected{0};
    std::thread knocking{[&] {
        for (int i = 0; i < rounds; ++i) {
            const handle client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
            connected +=
                ::connect(client.get(), door.address.get(), door.address.size) == 0 ? 1 : 0;
        }
    }};
    int accepted = 0;
    for (int round = 0; round < 2 * rounds; ++round) {
        support::accept accept{door.get()};
        loop().submit(accept);
        loop().run(run_mode::nowait);
        spin(std::chrono::nanoseconds{random() % 20'000});
        loop().cancel(accept);
        ASSERT_TRUE(run_until([&] { return accept.completions == 1; }));
        if (accept.result() >= 0) {
            const handle server{accept.result()};
            ++accepted;
        } else {
            ASSERT_EQ(accept.result(), -ECANCELED);
        }
    }
    knocking.join();
    support::accept rest{door.get()};
    while (accepted < connected) {
        const handle server{perform(rest)};
        ASSERT_TRUE(server);
        ++accepted;
    }
    EXPECT_EQ(accepted, rounds);
    loop().submit(rest);
    loop().run(run_mode::once, pirn::after(1ms));
    EXPECT_TRUE(rest.in_flight()) << "one connection too many";
    loop().cancel(rest);
    loop().run();
    loop().release(door.get());
}

} // namespace
