// SPDX-License-Identifier: MIT
//
// Closing a stream or listener under somebody's feet, in the moments where it is hardest: between two
// operations of a loop, in a turn that was given to others, while accept waits for descriptors.
#include <pirn/base/error.hpp>
#include <pirn/net/tcp.hpp>

#include "net/pairs.hpp"
#include "net/scarcity.hpp"

#include <array>
#include <memory>
#include <optional>
#include <system_error>

#include <gtest/gtest.h>

namespace {

using closing = support::balanced<>;
namespace net = pirn::net;

// read_until_error: what a server's loop does. Suspends.
std::error_code read_until_error(net::tcp_stream& from, std::size_t piece, int& reads) {
    std::vector<std::byte> buffer(piece);
    std::error_code error;
    while (from.read(buffer, error) != 0) ++reads;
    return error;
}

// The reader's loop asks again for what has arrived already, a byte at a time, and has never to wait;
// until, having had its share, it lets others run in the middle of a read.
TEST_F(closing, ends_a_reader_that_is_letting_others_run) {
    pirn::run([] {
        auto [near, far] = support::pair();
        near.write_all(support::pattern(4096));
        std::error_code error;
        int reads = 0;
        auto reader = pirn::spawn([&] { error = read_until_error(far, 1, reads); });
        while (reads < 20) pirn::yield_now();
        far.close();
        reader.get();
        EXPECT_EQ(error, std::errc::operation_canceled);
        EXPECT_LT(reads, 4096);
    });
}

// The same where nothing is left: a reader that began to wait only now would never end.
TEST_F(closing, ends_a_reader_that_is_letting_others_run_and_then_would_wait) {
    pirn::run([] {
        for (std::size_t ready = 28; ready < 36; ++ready) {
            auto [near, far] = support::pair();
            near.write_all(support::pattern(ready));
            pirn::sleep_for(
                std::chrono::milliseconds{1}); // all of it is there, or the test is easier
            std::error_code error;
            int reads = 0;
            auto reader = pirn::spawn([&] { error = read_until_error(far, 1, reads); });
            pirn::yield_now();
            far.close();
            reader.get();
            EXPECT_EQ(error, std::errc::operation_canceled) << ready;
        }
    });
}

// The bytes were faster than the close: they are delivered, and it is the next read that fails.
TEST_F(closing, fails_the_next_read_when_the_bytes_were_faster) {
    pirn::run([] {
        for (int round = 0; round < 100; ++round) {
            auto [near, far] = support::pair();
            std::error_code error;
            int reads = 0;
            auto reader = pirn::spawn([&] { error = read_until_error(far, 64, reads); });
            for (int i = round % 4; i > 0; --i) pirn::yield_now();
            near.write_all("x");
            for (int i = round / 4 % 4; i > 0; --i) pirn::yield_now();
            far.close();
            reader.get();
            ASSERT_EQ(error, std::errc::operation_canceled) << round;
            ASSERT_LE(reads, 1);
        }
    });
}

TEST_F(closing, fails_what_is_left_of_a_write_all_when_a_part_was_faster) {
    pirn::run([] {
        const auto lot = support::pattern(16 << 20);
        for (int round = 0; round < 20; ++round) {
            auto [near, far] = support::pair();
            std::error_code error;
            std::size_t written = 0;
            auto writer = pirn::spawn([&] { written = near.write_all(lot, error); });
            auto reader = pirn::spawn([&] {
                std::vector<std::byte> buffer(1 << 20);
                std::error_code end;
                while (far.read(buffer, end) != 0) {
                }
            });
            for (int i = round; i > 0; --i) pirn::yield_now();
            near.close();
            writer.get();
            ASSERT_TRUE(error == std::errc::operation_canceled || written == lot.size()) << error;
            far.close();
        }
    });
}

// The stream itself is gone when the reader comes to; who runs last must not look back.
TEST_F(closing, by_its_destructor_waits_for_who_is_reading) {
    pirn::run([] {
        auto [near, far] = support::pair();
        auto owned = std::make_unique<net::tcp_stream>(std::move(far));
        std::error_code error;
        int reads = 0;
        auto reader = pirn::spawn([&] { error = read_until_error(*owned, 64, reads); });
        pirn::yield_now();
        owned.reset();
        EXPECT_TRUE(reader.done() || error == std::errc::operation_canceled);
        reader.get();
    });
}

TEST_F(closing, by_moving_another_stream_into_it_ends_who_is_reading) {
    pirn::run([] {
        auto [near, far] = support::pair();
        auto [other_near, other_far] = support::pair();
        std::error_code error;
        int reads = 0;
        auto reader = pirn::spawn([&] { error = read_until_error(far, 64, reads); });
        pirn::yield_now();
        far = std::move(other_far);
        EXPECT_EQ(error, std::errc::operation_canceled);
        reader.get();
        other_near.write_all("x");
        std::array<char, 4> buffer{};
        EXPECT_EQ(far.read(buffer), 1U);
    });
}

TEST_F(closing, ends_an_accept_that_waits_for_a_descriptor) {
    pirn::run([] {
        auto listener = support::any_listener();
        auto knocking = support::connect_to(listener);
        std::error_code error;
        const support::no_descriptor_left scarcity;
        auto acceptor = pirn::spawn([&] { EXPECT_FALSE(listener.accept(error).is_open()); });
        pirn::sleep_for(std::chrono::milliseconds{5}); // it is pausing now
        listener.close();
        acceptor.get();
        EXPECT_EQ(error, std::errc::operation_canceled);
    });
}

// A task may find out only by trying: another one has closed what both use.
TEST_F(closing, makes_every_later_operation_an_error_in_both_forms) {
    pirn::run([] {
        auto [near, far] = support::pair();
        auto listener = support::any_listener();
        near.close();
        listener.close();
        std::array<char, 4> buffer{};
        std::error_code error;
        EXPECT_EQ(near.read(buffer, error), 0U);
        EXPECT_EQ(error, std::errc::operation_canceled);
        EXPECT_EQ(near.write("x", error), 0U);
        EXPECT_EQ(error, std::errc::operation_canceled);
        EXPECT_EQ(near.write_all("x", error), 0U);
        EXPECT_EQ(error, std::errc::operation_canceled);
        EXPECT_FALSE(listener.accept(error).is_open());
        EXPECT_EQ(error, std::errc::operation_canceled);
        near.shutdown(net::shutdown_side::write, error);
        EXPECT_TRUE(error);
        EXPECT_THROW(near.read(buffer), std::system_error);
        EXPECT_THROW(near.write("x"), std::system_error);
        EXPECT_THROW(near.write_all("x"), std::system_error);
        EXPECT_THROW(near.shutdown(), std::system_error);
        EXPECT_THROW(near.local_address(), std::system_error);
        EXPECT_THROW(near.peer_address(), std::system_error);
        EXPECT_THROW(near.set_no_delay(true), std::system_error);
        EXPECT_THROW(listener.accept(), std::system_error);
        EXPECT_THROW(listener.local_address(), std::system_error);
        // What is moved carries that along; a new connection in the same place is as good as any.
        net::tcp_stream moved{std::move(near)};
        EXPECT_THROW(moved.read(buffer), std::system_error);
        moved = std::move(far);
        far = {};
        moved.write_all("x");
    });
}

TEST_F(closing, is_not_ended_by_a_request_to_stop) {
    pirn::run([] {
        auto [near, far] = support::pair();
        std::error_code error;
        int reads = 0;
        auto reader = pirn::spawn([&] { error = read_until_error(far, 64, reads); });
        auto closer = pirn::spawn([&] { far.close(); });
        closer.request_stop();
        closer.get();
        EXPECT_FALSE(far.is_open());
        reader.get();
        EXPECT_EQ(error, std::errc::operation_canceled);
    });
}

TEST_F(closing, gives_the_descriptor_back_before_it_returns) {
    pirn::run([] {
        auto [near, far] = support::pair();
        int reads = 0;
        auto reader = pirn::spawn([&] { read_until_error(far, 64, reads); });
        pirn::yield_now();
        const auto before = pirn::live().descriptors;
        far.close();
        EXPECT_EQ(pirn::live().descriptors, before - 1);
        EXPECT_EQ(pirn::live().operations, 0);
    });
}

} // namespace
