// SPDX-License-Identifier: MIT
//
// Ten thousand times the same race, against a peer that is a plain thread with blocking sockets: closing
// and reopening (hazard 27), being asked to stop while bytes arrive (28), signals all the while (41).
#include <pirn/base/error.hpp>
#include <pirn/net/tcp.hpp>

#include "net/pairs.hpp"
#include "support/sanitizers.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

using racing = support::balanced<>;
namespace net = pirn::net;

constexpr int rounds = 10'000 / support::slowness;

// plain_connect: a blocking socket, for a thread that knows nothing of pirn.
int plain_connect(const net::address& to) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, to.raw(), to.raw_size()), 0);
    return fd;
}

// plain_reset: closes at once and for good, so that no port is left in TIME_WAIT.
void plain_reset(int fd) {
    const linger now{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(fd);
}

// Each connection carries only its own number. The old one is closed while a read on it is in flight,
// in every stage of it, and the next connection gets the same descriptor at once.
TEST_F(racing, a_descriptor_that_comes_again_never_meets_an_old_read) {
    pirn::run([] {
        auto listener = support::any_listener();
        std::mt19937 random{27};
        int answered = 0;
        int cancelled = 0;
        std::vector<int> numbers;
        for (int round = 0; round < rounds; ++round) {
            const int peer = plain_connect(listener.local_address());
            auto stream = listener.accept();
            numbers.push_back(stream.native_handle());
            auto reader = pirn::spawn([&] {
                for (;;) {
                    std::array<int, 1> tag{-1};
                    std::error_code error;
                    const std::size_t n = stream.read(tag, error);
                    if (n == 0) {
                        ASSERT_EQ(error, std::errc::operation_canceled);
                        ++cancelled;
                        return;
                    }
                    ASSERT_EQ(n, sizeof tag);
                    ASSERT_EQ(tag[0], round);
                    ++answered;
                }
            });
            const unsigned dice = static_cast<unsigned>(random());
            for (unsigned i = dice % 3; i > 0; --i) pirn::yield_now();
            if (dice % 4 != 0) {
                ASSERT_EQ(::send(peer, &round, sizeof round, MSG_NOSIGNAL), 4);
            }
            for (unsigned i = dice / 16 % 3; i > 0; --i) pirn::yield_now();
            stream.close();
            reader.get();
            plain_reset(peer);
        }
        EXPECT_EQ(cancelled, rounds);
        EXPECT_GT(answered, 0) << "the races were not mixed";
        std::ranges::sort(numbers);
        const auto distinct = std::ranges::unique(numbers).begin() - numbers.begin();
        EXPECT_LT(distinct, 10) << "the descriptors did not come again";
    });
}

// A thread writes at its own pace; readers are asked to stop after a random while. Every byte is got
// once and in order, and nothing is written into a buffer after its read has returned.
TEST_F(racing, a_read_asked_to_stop_at_any_moment_loses_nothing_and_writes_nothing_later) {
    pirn::run([] {
        auto listener = support::any_listener();
        const auto pattern = support::pattern(65'521);
        std::atomic<bool> enough{false};
        std::size_t sent = 0;
        std::thread writer{[&, where = listener.local_address()] {
            const int peer = plain_connect(where);
            std::mt19937 random{28};
            while (!enough) {
                const std::size_t at = sent % pattern.size();
                const std::size_t piece =
                    std::min<std::size_t>(random() % 400 + 1, pattern.size() - at);
                ASSERT_EQ(::send(peer, pattern.data() + at, piece, MSG_NOSIGNAL),
                          static_cast<ssize_t>(piece));
                sent += piece;
                for (auto i = random() % 4; i > 0; --i) std::this_thread::yield();
            }
            ::close(peer);
        }};
        auto stream = listener.accept();
        constexpr std::byte untouched{0xEE};
        std::array<std::byte, 256> buffer{};
        std::mt19937 random{82};
        std::size_t got = 0;
        int cancelled = 0;
        bool ended = false;
        while (!ended) {
            buffer.fill(untouched);
            std::size_t count = 0;
            auto reader = pirn::spawn([&] {
                std::error_code error;
                count = stream.read(buffer, error);
                cancelled += error == std::errc::operation_canceled ? 1 : 0;
                ended = !error && count == 0;
            });
            for (auto i = random() % 6; i > 0; --i) pirn::yield_now();
            reader.request_stop();
            reader.get();
            for (std::size_t i = 0; i < count; ++i, ++got) {
                ASSERT_EQ(buffer[i], pattern[got % pattern.size()]);
            }
            if (count == 0) { // the kernel has let go of it: it stays as it is
                pirn::yield_now();
                ASSERT_EQ(std::ranges::count(buffer, untouched), std::ssize(buffer));
            }
            enough = cancelled >= rounds;
        }
        writer.join();
        EXPECT_EQ(got, sent);
        EXPECT_GT(got, 0U) << "the races were not mixed";
    });
}

TEST_F(racing, an_accept_asked_to_stop_at_any_moment_loses_no_connection) {
    pirn::run([] {
        constexpr int clients = rounds / 5;
        auto listener = support::any_listener();
        std::thread crowd{[&, where = listener.local_address()] {
            for (int id = 0; id < clients; ++id) {
                const int peer = plain_connect(where);
                ASSERT_EQ(::send(peer, &id, sizeof id, MSG_NOSIGNAL), 4);
                std::array<char, 1> end{};
                ASSERT_EQ(::recv(peer, end.data(), 1, 0), 1); // it was let in
                plain_reset(peer);
            }
        }};
        std::mt19937 random{5};
        int cancelled = 0;
        for (int next = 0; next < clients;) {
            net::tcp_stream stream;
            auto acceptor = pirn::spawn([&] {
                std::error_code error;
                stream = listener.accept(error);
                cancelled += error == std::errc::operation_canceled ? 1 : 0;
            });
            for (auto i = random() % 6; i > 0; --i) pirn::yield_now();
            acceptor.request_stop();
            acceptor.get();
            if (stream.is_open()) {
                std::array<int, 1> id{-1};
                ASSERT_EQ(stream.read(id), 4U);
                ASSERT_EQ(id[0], next++);
                stream.write_all("!");
            }
        }
        crowd.join();
        EXPECT_GT(cancelled, 0) << "the races were not mixed";
    });
}

TEST_F(racing, a_connect_asked_to_stop_at_any_moment_leaves_no_descriptor) {
    pirn::run([] {
        auto listener = support::any_listener();
        const auto before = pirn::live().descriptors;
        int connected = 0;
        for (int round = 0; round < rounds / 5; ++round) {
            auto attempt = pirn::spawn([&] {
                std::error_code error;
                auto stream = net::tcp_connect(listener.local_address(), error);
                ASSERT_EQ(stream.is_open(), !error);
                if (error) {
                    ASSERT_EQ(error, std::errc::operation_canceled);
                } else {
                    ++connected;
                    support::reset_on_close(stream);
                }
            });
            for (int i = round % 4; i > 0; --i) pirn::yield_now();
            if (round % 7 == 0) pirn::sleep_for(std::chrono::microseconds{round % 50});
            attempt.request_stop();
            attempt.get();
            ASSERT_EQ(pirn::live().descriptors, before);
            if (round % 100 == 0) { // the backlog is not to overflow
                listener = support::any_listener();
            }
        }
        EXPECT_GT(connected, 0) << "the races were not mixed";
    });
}

// ten thousand interruptions a second, none of them restarted by the kernel.
class signal_storm {
  public:
    signal_storm() {
        struct sigaction quiet{};
        quiet.sa_handler = [](int) {};
        ::sigaction(SIGALRM, &quiet, &before_);
        const itimerval often{{0, 100}, {0, 100}};
        ::setitimer(ITIMER_REAL, &often, nullptr);
    }
    ~signal_storm() {
        const itimerval off{};
        ::setitimer(ITIMER_REAL, &off, nullptr);
        ::sigaction(SIGALRM, &before_, nullptr);
    }
    signal_storm(const signal_storm&) = delete;
    signal_storm& operator=(const signal_storm&) = delete;

  private:
    struct sigaction before_{};
};

TEST_F(racing, no_interruption_reaches_anybody) {
    const signal_storm storm;
    pirn::run([] {
        auto listener = support::any_listener();
        for (int round = 0; round < 10; ++round) {
            auto acceptor = pirn::spawn([&] { return listener.accept(); });
            auto near = support::connect_to(listener);
            auto far = acceptor.get();
            const auto lot = support::pattern(4 << 20);
            auto writer = pirn::spawn([&] {
                near.write_all(lot);
                near.shutdown();
            });
            EXPECT_TRUE(support::read_all(far) == lot);
            writer.get();
            const auto deadline = pirn::after(std::chrono::milliseconds{3});
            pirn::sleep_until(deadline);
            EXPECT_GE(pirn::clock::now(), deadline);
        }
    });
}

} // namespace
