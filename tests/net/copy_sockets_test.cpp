// SPDX-License-Identifier: MIT
//
// Copies from socket to socket: what arrives, what is counted, and what they hold while nothing comes.
#include <pirn/base/error.hpp>
#include <pirn/io/copy.hpp>
#include <pirn/io/descriptor_stream.hpp>
#include <pirn/net/unix.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/scope/cancel_scope.hpp>

#include "net/pairs.hpp"
#include "net/scarcity.hpp"
#include "support/account.hpp"
#include "support/answering.hpp"
#include "support/by_epoll.hpp"
#include "support/sanitizers.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>
#include <sys/syscall.h>

namespace {

namespace io = pirn::io;
namespace net = pirn::net;

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// client ◄──► near ═ copy ═ far ◄──► server, in both directions.
struct relay {
    support::connected_pair left = support::pair();  // near: the client's end, far: ours
    support::connected_pair right = support::pair(); // near: ours, far: the server's end
    net::tcp_stream& client = left.near;
    net::tcp_stream& server = right.far;
};

// Writes all, ends the direction, and leaves when the peer does. Suspends.
void feed(io::byte_stream& to, const std::vector<std::byte>& all) {
    std::error_code gone;
    to.write_all(all, gone);
    to.shutdown_write(gone);
}

class socket_copies : public support::balanced<> {
  protected:
    void SetUp() override {
        pirn::run([] {}); // what the process opens once, and keeps
        descriptors_ = open_descriptors();
    }
    void TearDown() override {
        EXPECT_EQ(open_descriptors(), descriptors_) << "a pipe was left open";
        balanced::TearDown();
    }
    const std::vector<std::byte> lot =
        support::pattern(support::slowness > 1 ? 1'700'001 : 6'000'001);

    // The lot goes through a relay, and is what arrives. Suspends.
    void expect_passed_on(const io::copy_options& options = {}) {
        relay all;
        auto feeder = pirn::spawn([&] { feed(all.client, lot); });
        auto reader = pirn::spawn([&] { return support::read_all(all.server, 100'000); });
        EXPECT_EQ(io::copy(all.left.far, all.right.near, options), lot.size());
        all.right.near.shutdown_write();
        EXPECT_TRUE(reader.get() == lot);
        feeder.get();
    }

  private:
    std::size_t descriptors_ = 0;
};

TEST_F(socket_copies, pass_on_every_byte) {
    pirn::run([&] {
        for (const bool by_kernel : {true, false}) {
            for (const std::size_t buffer : {2047U, 2048U, 2049U, 65'536U}) {
                expect_passed_on({.buffer = buffer, .by_kernel = by_kernel});
            }
        }
    });
}

// Limits around the sizes at which the way changes; what follows is still in the source.
TEST_F(socket_copies, end_exactly_at_their_limit) {
    pirn::run([&] {
        for (const std::uint64_t most :
             {0U, 1U, 2047U, 2048U, 2049U, 65'535U, 65'536U, 65'537U, 1'000'000U}) {
            for (const std::size_t buffer : {std::size_t{1}, std::size_t{65'536}}) {
                if (buffer == 1 && most > 3000) continue;
                relay all;
                auto feeder = pirn::spawn([&] { feed(all.client, lot); });
                auto reader = pirn::spawn([&] { return support::read_all(all.server, 100'000); });
                EXPECT_EQ(io::copy(all.left.far, all.right.near, {.most = most, .buffer = buffer}),
                          most);
                EXPECT_EQ(io::copy(all.left.far, all.right.near), lot.size() - most);
                all.right.near.shutdown_write();
                EXPECT_TRUE(reader.get() == lot) << most;
                feeder.get();
            }
        }
    });
}

// Small and large messages to and fro, each awaited: nothing may wait for more to come.
TEST_F(socket_copies, pass_on_what_has_come_at_once) {
    pirn::run([&] {
        relay all;
        auto there = pirn::spawn([&] {
            io::copy(all.left.far, all.right.near);
            all.right.near.shutdown_write();
        });
        auto back = pirn::spawn([&] { io::copy(all.right.near, all.left.far); });
        auto echo = pirn::spawn([&] {
            std::vector<std::byte> room(100'000);
            while (const std::size_t got = all.server.read(room)) {
                all.server.write_all(std::span{room}.first(got));
            }
            all.server.shutdown_write();
        });
        for (const std::size_t size :
             {1U, 2047U, 2048U, 2049U, 4096U, 65'536U, 65'537U, 300'000U, 5U}) {
            auto writer = pirn::spawn([&] { all.client.write_all(std::span{lot}.first(size)); });
            std::vector<std::byte> answer(size);
            for (std::size_t got = 0; got < size;) {
                const std::size_t some = all.client.read(std::span{answer}.subspan(got));
                ASSERT_GT(some, 0U);
                got += some;
            }
            writer.get();
            EXPECT_TRUE(std::ranges::equal(answer, std::span{lot}.first(size))) << size;
        }
        all.client.shutdown_write(); // one direction ends, and the other still carries the rest
        there.get();
        echo.get();
        back.get();
    });
}

// Connections on which nothing comes: neither pipes nor buffers, but for the few spare pipes of all of them.
TEST_F(socket_copies, hold_no_descriptor_while_nothing_comes) {
    pirn::run([&] {
        constexpr std::size_t count = 24;
        constexpr std::size_t most_spare = 2 * 8;
        std::vector<std::unique_ptr<relay>> all;
        for (std::size_t i = 0; i < count; ++i) all.push_back(std::make_unique<relay>());
        const std::size_t before = open_descriptors();
        std::vector<pirn::join_handle<>> tasks;
        for (const auto& each : all) {
            tasks.push_back(
                pirn::spawn([&one = *each] { io::copy(one.left.far, one.right.near); }));
        }
        for (int round = 0; round < 2; ++round) {
            for (const auto& each : all) {
                auto writer =
                    pirn::spawn([&] { each->client.write_all(std::span{lot}.first(1'000'000)); });
                std::size_t got = 0;
                std::vector<std::byte> room(100'000);
                while (got < 1'000'000) got += each->server.read(room);
                writer.get();
            }
            EXPECT_LE(open_descriptors(), before + most_spare);
        }
        for (const auto& each : all) each->client.shutdown_write();
        for (auto& each : tasks) each.get();
        EXPECT_EQ(open_descriptors(), before);
    });
}

// More of them than there are pipes, whose servers read nothing until all are stuck.
TEST_F(socket_copies, go_through_buffers_when_all_pipes_are_in_use) {
    pirn::run([&] {
        constexpr std::size_t count = 40;
        constexpr std::size_t most_pipes = 32;
        std::vector<std::unique_ptr<relay>> all;
        for (std::size_t i = 0; i < count; ++i) all.push_back(std::make_unique<relay>());
        const std::size_t before = open_descriptors();
        std::vector<pirn::join_handle<>> tasks;
        for (const auto& each : all) {
            tasks.push_back(pirn::spawn([&one = *each, this] { feed(one.client, lot); }));
            tasks.push_back(pirn::spawn([&one = *each, this] {
                EXPECT_EQ(io::copy(one.left.far, one.right.near), lot.size());
                one.right.near.shutdown_write();
            }));
        }
        pirn::sleep_for(std::chrono::milliseconds{50});
        EXPECT_LE(open_descriptors(), before + 2 * most_pipes);
        for (const auto& each : all) {
            EXPECT_TRUE(support::read_all(each->server, 100'000) == lot);
        }
        for (auto& each : tasks) each.get();
    });
}

TEST_F(socket_copies, go_through_buffers_when_no_pipe_can_be_made) {
    pirn::run([&] {
        relay all;
        auto feeder = pirn::spawn([&] { feed(all.client, lot); });
        auto reader = pirn::spawn([&] { return support::read_all(all.server, 100'000); });
        {
            const support::no_descriptor_left here;
            EXPECT_EQ(io::copy(all.left.far, all.right.near), lot.size());
        }
        all.right.near.shutdown_write();
        EXPECT_TRUE(reader.get() == lot);
        feeder.get();
    });
}

// From the first splice on, or from a later one, when bytes may be inside the pipe.
TEST_F(socket_copies, go_through_buffers_when_splice_is_refused) {
    const support::by_epoll here;
    for (const int error : {EPERM, ENOSYS, EINVAL}) {
        for (const int allowed : {0, 1, 2, 3}) {
            std::atomic<int> left{allowed};
            const bool could = support::run_answering(
                {SYS_splice},
                [&](const seccomp_data&) { return left.fetch_sub(1) > 0 ? 0 : error; },
                [&] { pirn::run([&] { expect_passed_on(); }); });
            if (!could) GTEST_SKIP() << "this kernel lets no program answer system calls";
            EXPECT_LT(left, 0) << "splice was not tried";
        }
    }
}

// However often it is cancelled, the server has exactly as many bytes as were counted; and no later copy delivers
// what an earlier one has left in a pipe.
TEST_F(socket_copies, count_what_has_arrived_when_cancelled) {
    pirn::run([&] {
        std::mt19937 random{5};
        for (int round = 0; round < 40; ++round) {
            relay all;
            auto feeder = pirn::spawn([&] { feed(all.client, lot); });
            auto reader = pirn::spawn([&] {
                std::vector<std::byte> got;
                std::vector<std::byte> room(1 + random() % 300'000);
                while (const std::size_t n = all.server.read(room)) {
                    got.insert(got.end(), room.begin(),
                               room.begin() + static_cast<std::ptrdiff_t>(n));
                    if (random() % 4 == 0) pirn::yield_now();
                }
                return got;
            });
            std::error_code error;
            std::uint64_t copied = 0;
            pirn::cancel_scope scope{std::chrono::microseconds{1U << (random() % 14)}};
            static_cast<void>(
                scope.run([&] { copied = io::copy(all.left.far, all.right.near, {}, error); }));
            EXPECT_TRUE(!error || error == std::errc::operation_canceled) << error.message();
            all.right.near.shutdown_write();
            const auto got = reader.get();
            EXPECT_EQ(got.size(), copied);
            EXPECT_TRUE(std::ranges::equal(got, std::span{lot}.first(got.size())));
            all.left.far.close();
            feeder.get();
        }
        expect_passed_on();
    });
}

TEST_F(socket_copies, end_with_the_error_of_either_side) {
    pirn::run([&] {
        for (const bool at_source : {true, false}) {
            SCOPED_TRACE(at_source ? "source" : "target");
            relay all;
            auto feeder = pirn::spawn([&] {
                std::error_code gone;
                for (int i = 0; i < 100 && !gone; ++i) all.client.write_all(lot, gone);
            });
            std::error_code error;
            auto task = pirn::spawn([&] { io::copy(all.left.far, all.right.near, {}, error); });
            std::vector<std::byte> room(2'000'000);
            for (std::size_t got = 0; got < 2'000'000;) got += all.server.read(room);
            net::tcp_stream& ending = at_source ? all.client : all.server;
            support::reset_on_close(ending);
            ending.close();
            auto reader = pirn::spawn([&] {
                std::error_code
                    gone; // what is on its way is read, so that the copy comes to the reset
                while (at_source && all.server.read(room, gone) > 0) {
                }
            });
            task.get();
            all.right.near.close();
            reader.get();
            EXPECT_TRUE(error == std::errc::connection_reset || error == std::errc::broken_pipe)
                << error.message();
            all.left.far.close();
            feeder.get();
        }
    });
}

TEST_F(socket_copies, end_when_either_side_is_closed) {
    pirn::run([&] {
        for (const bool busy : {false, true}) {
            for (const bool at_source : {true, false}) {
                if (!busy && !at_source) continue; // it waits for bytes, and notices with the first
                relay all;
                std::error_code error;
                auto task = pirn::spawn([&] { io::copy(all.left.far, all.right.near, {}, error); });
                std::optional<pirn::join_handle<>> feeder;
                if (busy) {
                    feeder = pirn::spawn([&] { // more than all buffers hold
                        std::error_code gone;
                        for (int i = 0; i < 100 && !gone; ++i) all.client.write_all(lot, gone);
                    });
                }
                for (int turn = 0; turn < 20; ++turn) pirn::yield_now();
                (at_source ? all.left.far : all.right.near).close();
                if (busy && at_source) all.server.close();
                task.get();
                EXPECT_TRUE(error) << busy << at_source;
                all.left.far.close();
                if (feeder) feeder->get();
            }
        }
    });
}

// Sockets of other kinds keep what they had: each read is a write, so that messages stay apart.
TEST_F(socket_copies, of_unix_sockets_pass_on_every_byte) {
    pirn::run([&] {
        auto [near, far] = net::unix_pair();
        auto [other, end] = net::unix_pair();
        auto feeder = pirn::spawn([&, &to = near] { feed(to, lot); });
        auto reader = pirn::spawn([&, &from = end] { return support::read_all(from, 100'000); });
        EXPECT_EQ(io::copy(far, other), lot.size());
        other.shutdown_write();
        EXPECT_TRUE(reader.get() == lot);
        feeder.get();
    });
}

} // namespace
