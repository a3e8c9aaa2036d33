// SPDX-License-Identifier: MIT
//
// Streams that are used on several threads of a runtime: each operation ends once, wherever it was asked for, and
// closing ends it on every thread.
#include <pirn/net/tcp.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/task_group.hpp>
#include <pirn/scope/timeout.hpp>

#include "support/account.hpp"
#include "support/sanitizers.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <numeric>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

using namespace std::chrono_literals;
namespace net = pirn::net;

namespace {

class streams_on_threads : public support::balanced<> {};

std::pair<net::tcp_stream, net::tcp_stream> connected() {
    auto listener = net::tcp_listen(net::address::loopback(0));
    auto client = pirn::spawn([&] { return net::tcp_connect(listener.local_address()); });
    auto served = listener.accept();
    return {client.get(), std::move(served)};
}

constexpr std::size_t lot = 1'000'000 / support::slowness;

// Sends what counts up, and looks at what arrives, on two threads that are not the stream's own.
TEST_F(streams_on_threads, are_read_and_written_on_two_others_at_once) {
    pirn::run({.threads = 3}, [] {
        auto ends = connected();
        auto& near = ends.first;
        auto& far = ends.second;
        std::byte first{0};
        near.write_all(std::span{&first, 1}); // from now on both belong to this thread
        far.read(std::span{&first, 1});
        pirn::task_group both;
        both.spawn({.worker = 1}, [&near] {
            std::vector<std::byte> bytes(lot);
            for (std::size_t i = 0; i < lot; ++i) {
                bytes[i] = static_cast<std::byte>(i % 251);
            }
            near.write_all(bytes);
            near.shutdown(net::shutdown_side::write);
        });
        both.spawn({.worker = 2}, [&far] {
            std::array<std::byte, 10'000> piece;
            std::size_t at = 0;
            while (const std::size_t n = far.read(piece)) {
                for (std::size_t i = 0; i < n; ++i, ++at) {
                    ASSERT_EQ(piece[i], static_cast<std::byte>(at % 251)) << at;
                }
            }
            EXPECT_EQ(at, lot);
        });
        both.wait();
    });
}

TEST_F(streams_on_threads, are_ended_by_a_close_on_another) {
    pirn::run({.threads = 3}, [] {
        for (int i = 0; i < 50 / support::slowness + 1; ++i) {
            auto ends = connected();
            auto& near = ends.first;
            pirn::task_group both;
            both.spawn({.worker = 1 + i % 2}, [&near] {
                std::array<std::byte, 8> piece;
                std::error_code error;
                EXPECT_EQ(near.read(piece, error), 0U);
                EXPECT_EQ(error, std::errc::operation_canceled);
            });
            pirn::sleep_for(std::chrono::microseconds{i % 5 * 100});
            both.spawn({.worker = i % 3}, [&near] { near.close(); });
            both.wait();
        }
    });
}

TEST_F(streams_on_threads, are_left_by_a_timeout_without_losing_a_byte) {
    pirn::run({.threads = 2}, [] {
        auto ends = connected();
        auto& near = ends.first;
        auto& far = ends.second;
        std::byte first{0};
        near.write_all(std::span{&first, 1});
        far.read(std::span{&first, 1});
        static constexpr std::size_t count = 300 / support::slowness;
        pirn::task_group both;
        both.spawn({.worker = 0}, [&near] {
            for (std::size_t i = 0; i < count; ++i) {
                const auto byte = static_cast<std::byte>(i);
                near.write_all(std::span{&byte, 1});
                pirn::sleep_for(std::chrono::microseconds{i % 7 * 50});
            }
            near.shutdown(net::shutdown_side::write);
        });
        both.spawn({.worker = 1}, [&far] {
            std::size_t at = 0;
            bool ended = false;
            for (std::size_t attempt = 0; !ended; ++attempt) {
                std::array<std::byte, 4> piece;
                std::size_t n = 0;
                std::error_code error;
                std::ignore =
                    pirn::try_with_timeout(std::chrono::microseconds{attempt % 11 * 30}, [&] {
                        n = far.read(piece, error);
                        ended = n == 0 && !error;
                    });
                for (std::size_t i = 0; i < n; ++i, ++at) {
                    ASSERT_EQ(piece[i], static_cast<std::byte>(at));
                }
            }
            EXPECT_EQ(at, count);
        });
        both.wait();
    });
}

TEST_F(streams_on_threads, belong_to_the_thread_that_uses_them_first) {
    pirn::run({.threads = 2}, [] {
        auto listener = net::tcp_listen(net::address::loopback(0));
        pirn::task_group clients;
        for (int i = 0; i < 20; ++i) {
            clients.spawn([&listener] {
                auto stream = net::tcp_connect(listener.local_address());
                std::array<std::byte, 1> byte{};
                stream.write_all(byte);
                EXPECT_EQ(stream.read(byte), 1U);
            });
            clients.spawn({.worker = i % 2}, [stream = listener.accept()]() mutable {
                std::array<std::byte, 1> byte{};
                EXPECT_EQ(stream.read(byte), 1U);
                stream.write_all(byte);
            });
        }
        clients.wait();
    });
}

} // namespace
