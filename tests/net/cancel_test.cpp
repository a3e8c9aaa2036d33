// SPDX-License-Identifier: MIT
//
// Being asked to stop, and closing, while the kernel works: every wait ends, in both forms, and no byte
// is lost.
#include <pirn/base/error.hpp>
#include <pirn/net/tcp.hpp>

#include "net/pairs.hpp"

#include <array>
#include <random>
#include <string_view>
#include <system_error>
#include <tuple>

#include <gtest/gtest.h>

namespace {

using cancelling = support::balanced<>;
namespace net = pirn::net;

// Fills the connection until the kernel takes no more. Suspends.
void fill(net::tcp_stream& stream, std::error_code& error) {
    const auto lot = support::pattern(1 << 20);
    while (!error) stream.write_all(lot, error);
}

TEST_F(cancelling, ends_a_read_in_both_forms) {
    pirn::run([] {
        auto [near, far] = support::pair();
        auto throwing = pirn::spawn([&] {
            std::array<char, 8> buffer{};
            EXPECT_THROW(near.read(buffer), pirn::cancelled);
            EXPECT_THROW(near.read(buffer), pirn::cancelled) << "level-triggered";
        });
        auto quiet = pirn::spawn([&] {
            std::array<char, 8> buffer{};
            std::error_code error;
            EXPECT_EQ(far.read(buffer, error), 0U);
            EXPECT_EQ(error, std::errc::operation_canceled);
            EXPECT_EQ(far.read(buffer, error), 0U);
            EXPECT_EQ(error, std::errc::operation_canceled);
        });
        pirn::yield_now();
        throwing.request_stop();
        quiet.request_stop();
        throwing.get();
        quiet.get();
        near.write_all("still open");
    });
}

TEST_F(cancelling, ends_a_write_before_its_first_byte_even_if_there_is_none) {
    pirn::run([] {
        auto [near, far] = support::pair();
        auto writer = pirn::spawn([&] {
            std::error_code error;
            for (const std::string_view words : {"words", ""}) {
                EXPECT_EQ(near.write(words, error), 0U);
                EXPECT_EQ(error, std::errc::operation_canceled);
                EXPECT_EQ(near.write_all(words, error), 0U);
                EXPECT_EQ(error, std::errc::operation_canceled);
                EXPECT_THROW(near.write(words), pirn::cancelled);
                EXPECT_THROW(near.write_all(words), pirn::cancelled);
            }
        });
        writer.request_stop();
        writer.get();
        near.close();
        std::array<char, 4> buffer{};
        EXPECT_EQ(far.read(buffer), 0U) << "nothing was sent";
    });
}

TEST_F(cancelling, ends_accept_and_connect_before_they_begin) {
    pirn::run([] {
        auto listener = support::any_listener();
        auto waiting = support::connect_to(listener);
        auto task = pirn::spawn([&] {
            std::error_code error;
            EXPECT_FALSE(listener.accept(error).is_open());
            EXPECT_EQ(error, std::errc::operation_canceled);
            EXPECT_THROW(listener.accept(), pirn::cancelled);
            EXPECT_FALSE(net::tcp_connect(listener.local_address(), error).is_open());
            EXPECT_EQ(error, std::errc::operation_canceled);
            EXPECT_THROW(net::tcp_connect(listener.local_address()), pirn::cancelled);
        });
        task.request_stop();
        task.get();
        EXPECT_TRUE(listener.accept().is_open()) << "who waited is still there";
    });
}

TEST_F(cancelling, ends_a_write_that_waits) {
    pirn::run([] {
        auto [near, far] = support::pair();
        auto writer = pirn::spawn([&] {
            std::error_code error;
            fill(near, error);
            EXPECT_EQ(error, std::errc::operation_canceled);
        });
        pirn::sleep_for(std::chrono::milliseconds{20});
        writer.request_stop();
        writer.get();
    });
}

TEST_F(cancelling, ends_an_accept_and_loses_no_connection) {
    pirn::run([] {
        auto listener = support::any_listener();
        for (int round = 0; round < 3; ++round) {
            auto acceptor = pirn::spawn([&] { EXPECT_THROW(listener.accept(), pirn::cancelled); });
            pirn::yield_now();
            acceptor.request_stop();
            acceptor.get();
        }
        auto near = support::connect_to(listener);
        near.write_all("x");
        auto far = listener.accept();
        std::array<char, 8> buffer{};
        EXPECT_EQ(far.read(buffer), 1U);
    });
}

TEST_F(cancelling, ends_a_connect) {
    pirn::run([] {
        // A listener whose queue is full answers nobody: the connection attempt stays on its way.
        auto listener = net::tcp_listen(net::address::loopback(0), {.backlog = 1});
        std::vector<pirn::join_handle<>> attempts;
        for (int i = 0; i < 8; ++i) {
            attempts.push_back(pirn::spawn([&] {
                std::error_code error;
                net::tcp_connect(listener.local_address(), error);
                EXPECT_TRUE(!error || error == std::errc::operation_canceled) << error.message();
            }));
        }
        pirn::sleep_for(std::chrono::milliseconds{20});
        EXPECT_FALSE(attempts.back().done()) << "the test does not test what it says";
        for (auto& each : attempts) each.request_stop();
        for (auto& each : attempts) each.get();
    });
}

TEST_F(cancelling, closing_ends_whoever_waits_and_then_closes) {
    pirn::run([] {
        auto [near, far] = support::pair();
        auto listener = support::any_listener();
        std::error_code read_error;
        std::error_code write_error;
        std::error_code accept_error;
        auto reader = pirn::spawn([&] {
            std::array<char, 8> buffer{};
            std::ignore = near.read(buffer, read_error);
        });
        auto writer = pirn::spawn([&] { fill(near, write_error); });
        auto acceptor = pirn::spawn([&] { listener.accept(accept_error); });
        pirn::sleep_for(std::chrono::milliseconds{20});
        near.close();
        listener.close();
        reader.get();
        writer.get();
        acceptor.get();
        EXPECT_EQ(read_error, std::errc::operation_canceled);
        EXPECT_EQ(write_error, std::errc::operation_canceled);
        EXPECT_EQ(accept_error, std::errc::operation_canceled);
        EXPECT_FALSE(near.is_open());
        near.close(); // nothing
    });
}

TEST_F(cancelling, closing_is_an_error_and_not_a_request_to_stop_for_who_waits) {
    pirn::run([] {
        auto [near, far] = support::pair();
        auto reader = pirn::spawn([&] {
            std::array<char, 8> buffer{};
            EXPECT_THROW(near.read(buffer), std::system_error);
            pirn::yield_now();
        });
        pirn::yield_now();
        near.close();
        reader.get();
    });
}

TEST_F(cancelling, a_read_at_any_moment_loses_no_byte) {
    pirn::run([] {
        auto [near, far] = support::pair();
        constexpr std::size_t rounds = 2000;
        const auto sent = support::pattern(rounds * 3);
        std::vector<std::byte> got;
        const auto read_some = [&] {
            std::array<std::byte, 64> buffer{};
            std::error_code error;
            const std::size_t n = far.read(buffer, error);
            got.insert(got.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
        };
        std::mt19937 random{3};
        for (std::size_t round = 0; round < rounds; ++round) {
            auto reader = pirn::spawn(read_some);
            for (auto i = random() % 3; i > 0; --i) pirn::yield_now();
            near.write_all(std::span{sent}.subspan(round * 3, 3));
            for (auto i = random() % 3; i > 0; --i) pirn::yield_now();
            reader.request_stop();
            reader.get();
        }
        while (got.size() < sent.size()) read_some();
        EXPECT_TRUE(got == sent);
    });
}

TEST_F(cancelling, a_number_that_comes_again_never_meets_an_old_operation) {
    pirn::run([] {
        auto listener = support::any_listener();
        for (int round = 0; round < 1000; ++round) {
            auto near = support::connect_to(listener);
            auto far = listener.accept();
            auto reader = pirn::spawn([&] {
                std::array<int, 1> tag{};
                std::error_code error;
                if (far.read(tag, error) != 0) {
                    EXPECT_EQ(tag[0], round);
                }
            });
            pirn::yield_now(); // so that it has begun
            if (round % 3 != 0) pirn::yield_now();
            if (round % 2 == 0) near.write_all(std::array{round});
            if (round % 5 == 0) pirn::yield_now();
            far.close();
            reader.get();
        }
    });
}

} // namespace
