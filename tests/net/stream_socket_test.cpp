// SPDX-License-Identifier: MIT
//
// What every stream over a socket does besides reading and writing one buffer: several pieces at once, lent
// buffers, sends without a copy; over TCP and over unix sockets. The rest is in tcp_test.cpp.
#include <pirn/net/stream_socket.hpp>

#include <pirn/io/conformance.hpp>
#include <pirn/net/tcp.hpp>
#include <pirn/net/unix.hpp>

#include "net/pairs.hpp"

#include <array>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace {

namespace net = pirn::net;

struct ends {
    std::unique_ptr<net::stream_socket> near;
    std::unique_ptr<net::stream_socket> far;
};

class stream_socket : public support::balanced<testing::TestWithParam<bool>> {
  protected:
    // Suspends.
    static ends both_ends() {
        if (GetParam()) {
            auto [near, far] = support::pair();
            return {std::make_unique<net::tcp_stream>(std::move(near)),
                    std::make_unique<net::tcp_stream>(std::move(far))};
        }
        auto [near, far] = net::unix_pair();
        return {std::make_unique<net::unix_stream>(std::move(near)),
                std::make_unique<net::unix_stream>(std::move(far))};
    }
};

INSTANTIATE_TEST_SUITE_P(over, stream_socket, testing::Bool(),
                         [](const auto& over) { return over.param ? "tcp" : "unix_sockets"; });

std::vector<std::byte> read_all(net::stream_socket& from) {
    std::vector<std::byte> all;
    std::vector<std::byte> buffer(777);
    while (const std::size_t n = from.read(buffer)) {
        all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
    }
    return all;
}

void make_tiny(const net::stream_socket& stream) {
    const int tiny = 1;
    ::setsockopt(stream.native_handle(), SOL_SOCKET, SO_SNDBUF, &tiny, sizeof tiny);
}

TEST_P(stream_socket, writes_many_pieces_and_goes_on_in_the_middle_of_one) {
    pirn::run([] {
        auto [near, far] = both_ends();
        make_tiny(*near);
        const auto sent = support::pattern(400'000);
        // Pieces of all sizes, none among them, more than one system call takes.
        std::vector<pirn::bytes> pieces;
        std::mt19937 random{7};
        for (std::size_t at = 0; at < sent.size();) {
            const std::size_t size = std::min<std::size_t>(random() % 20'000, sent.size() - at);
            pieces.emplace_back(std::span{sent}.subspan(at, size));
            if (size % 3 == 0) pieces.emplace_back();
            at += size;
        }
        auto writer = pirn::spawn([&] {
            near->write_all_vector(pieces);
            near->close();
        });
        EXPECT_TRUE(read_all(*far) == sent);
        writer.get();
    });
}

TEST_P(stream_socket, reads_into_several_pieces_in_their_order) {
    pirn::run([] {
        auto [near, far] = both_ends();
        near->write_all("abcdefg");
        std::array<char, 3> first{};
        std::array<char, 10> second{};
        const std::array<pirn::mutable_bytes, 3> into{pirn::mutable_bytes{}, first, second};
        EXPECT_EQ(far->read_vector(into), 7U);
        EXPECT_EQ((std::string{first.data(), 3} + second.data()), "abcdefg");
    });
}

TEST_P(stream_socket, borrows_a_buffer_only_while_there_is_something_in_it) {
    pirn::run([] {
        pirn::buffer_ring ring{pirn::current_loop(), {.count = 2, .size = 1024}};
        auto [near, far] = both_ends();
        const auto sent = support::pattern(300'000);
        std::vector<std::byte> got;
        auto reader = pirn::spawn([&] {
            while (auto lease = far->read_borrowed(ring)) {
                const auto data = lease.data();
                got.insert(got.end(), data.begin(), data.end());
            }
        });
        pirn::yield_now();
        pirn::yield_now();
        EXPECT_EQ(ring.lent(), 0U) << "it waits, and holds none";
        near->write_all(sent);
        near->close();
        reader.get();
        EXPECT_TRUE(got == sent);
        EXPECT_EQ(ring.lent(), 0U);
    });
}

TEST_P(stream_socket, waits_for_a_buffer_when_all_are_lent) {
    pirn::run([] {
        pirn::buffer_ring ring{pirn::current_loop(), {.count = 1, .size = 64}};
        auto [near, far] = both_ends();
        auto [other, asking] = both_ends();
        near->write_all("one");
        auto lease = far->read_borrowed(ring);
        EXPECT_EQ(lease.data().size(), 3U);
        other->write_all("other");
        bool got = false;
        auto reader = pirn::spawn([&] {
            EXPECT_EQ(asking->read_borrowed(ring).data().size(), 5U);
            got = true;
        });
        pirn::sleep_for(std::chrono::milliseconds{5});
        EXPECT_FALSE(got);
        lease.reset();
        reader.get();
        EXPECT_TRUE(got);
    });
}

TEST_P(stream_socket, asked_to_stop_while_it_borrows_loses_no_byte_and_no_buffer) {
    pirn::run([] {
        pirn::buffer_ring ring{pirn::current_loop(), {.count = 4, .size = 64}};
        auto [near, far] = both_ends();
        constexpr std::size_t rounds = 1000;
        const auto sent = support::pattern(rounds * 3);
        std::vector<std::byte> got;
        const auto read_some = [&] {
            std::error_code error;
            const auto lease = far->read_borrowed(ring, error);
            const auto data = lease.data();
            got.insert(got.end(), data.begin(), data.end());
            EXPECT_TRUE(!lease == static_cast<bool>(error)) << error;
        };
        std::mt19937 random{3};
        for (std::size_t round = 0; round < rounds; ++round) {
            auto reader = pirn::spawn(read_some);
            for (auto i = random() % 3; i > 0; --i) pirn::yield_now();
            near->write_all(std::span{sent}.subspan(round * 3, 3));
            for (auto i = random() % 3; i > 0; --i) pirn::yield_now();
            reader.request_stop();
            reader.get();
        }
        while (got.size() < sent.size()) read_some();
        EXPECT_TRUE(got == sent);
        EXPECT_EQ(ring.lent(), 0U);
    });
}

TEST_P(stream_socket, closed_while_it_borrows_ends_with_an_error) {
    pirn::run([] {
        pirn::buffer_ring ring{pirn::current_loop(), {.count = 1, .size = 64}};
        auto [near, far] = both_ends();
        std::error_code error;
        auto reader = pirn::spawn([&] { EXPECT_FALSE(far->read_borrowed(ring, error)); });
        pirn::yield_now();
        pirn::yield_now();
        far->close();
        reader.get();
        EXPECT_EQ(error, std::errc::operation_canceled);
        EXPECT_FALSE(far->read_borrowed(ring, error));
        EXPECT_EQ(error, std::errc::operation_canceled) << "and later too";
    });
}

TEST_P(stream_socket, sends_large_payloads_without_a_copy) {
    pirn::run([] {
        auto [near, far] = both_ends();
        auto sent = support::pattern(8 << 20);
        const auto expected = sent;
        auto writer = pirn::spawn([&] {
            near->write_all_zero_copy(sent);
            std::ranges::fill(sent, std::byte{0}); // the kernel has no more use for it
            near->close();
        });
        EXPECT_TRUE(read_all(*far) == expected);
        writer.get();
        std::error_code error;
        EXPECT_EQ(far->write_zero_copy("", error), 0U);
        EXPECT_FALSE(error);
    });
}

TEST_P(stream_socket, sending_without_a_copy_can_be_cancelled) {
    pirn::run([] {
        auto [near, far] = both_ends();
        const auto lot = support::pattern(64 << 20);
        auto writer = pirn::spawn([&] {
            std::error_code error;
            EXPECT_LT(near->write_all_zero_copy(lot, error), lot.size());
            EXPECT_EQ(error, std::errc::operation_canceled);
        });
        pirn::sleep_for(std::chrono::milliseconds{10});
        writer.request_stop();
        // Whoever reads lets the kernel have done with the buffer.
        auto reader = pirn::spawn([&] {
            std::error_code error;
            std::vector<std::byte> buffer(1 << 20);
            while (far->read(buffer, error) != 0) {
            }
        });
        writer.get();
        near->close();
    });
}

TEST_P(stream_socket, is_a_byte_stream_like_any_other) {
    pirn::run([] {
        auto [near, far] = both_ends();
        pirn::io::byte_stream& writes = *near;
        pirn::io::byte_stream& reads = *far;
        writes.write_all("question");
        writes.shutdown_write();
        writes.shutdown_write();
        std::array<char, 64> buffer{};
        EXPECT_EQ(reads.read(buffer), 8U);
        EXPECT_EQ(reads.read(buffer), 0U);
        reads.write_all("answer");
        EXPECT_EQ(writes.read(buffer), 6U) << "reading goes on";
        std::error_code error;
        writes.write_all("more", error);
        EXPECT_EQ(error, std::errc::broken_pipe);
        EXPECT_EQ(reads.descriptor(), far->native_handle());
        reads.close();
        EXPECT_FALSE(far->is_open());
        EXPECT_EQ(reads.read(buffer, error), 0U);
        EXPECT_EQ(error, std::errc::operation_canceled);
    });
}

TEST_P(stream_socket, keeps_the_laws_of_all_streams) {
    pirn::run([] {
        const auto make = [] {
            auto [near, far] = both_ends();
            return pirn::io::checked_pair{std::move(near), std::move(far)};
        };
        const auto report = [](std::string_view law, std::string_view how) {
            ADD_FAILURE() << law << ": " << how;
        };
        EXPECT_EQ(pirn::io::check_byte_stream(make, report), 0U);
    });
}

TEST_P(stream_socket, counts_its_operations) {
    pirn::run([] {
        auto [near, far] = both_ends();
        const auto before = near->operations();
        near->write_all("x");
        std::array<char, 4> buffer{};
        far->read(buffer);
        EXPECT_EQ(near->operations(), before + 1);
        EXPECT_EQ(far->operations(), 1U);
    });
}

// Once both sides have ended, the kernel calls the connection gone.
using ended_connections = support::balanced<>;

TEST_F(ended_connections, end_a_second_time_without_an_error) {
    pirn::run([] {
        std::array<char, 4> buffer{};
        for (const bool by_shutdown : {false, true}) {
            auto [near, far] = support::pair();
            if (by_shutdown) {
                near.shutdown(net::shutdown_side::write);
            } else {
                near.shutdown_write();
            }
            EXPECT_EQ(far.read(buffer), 0U);
            far.shutdown_write();
            EXPECT_EQ(near.read(buffer), 0U);
            far.close();
            std::error_code error;
            near.shutdown_write(error);
            EXPECT_FALSE(error) << error.message();
            near.shutdown(net::shutdown_side::write, error);
            EXPECT_FALSE(error) << error.message();
            near.shutdown_write();
            std::ignore = near.write("x", error);
            EXPECT_EQ(error, std::errc::broken_pipe);
            net::tcp_stream moved{std::move(near)};
            moved.shutdown_write();
            moved.close();
            moved.shutdown_write(error);
            EXPECT_EQ(error, std::errc::operation_canceled);
        }
        auto [left, right] = net::unix_pair();
        left.shutdown_write();
        right.close();
        left.shutdown_write();
    });
}

} // namespace
