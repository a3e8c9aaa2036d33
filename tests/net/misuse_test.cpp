// SPDX-License-Identifier: MIT
//
// What a caller could not have meant is said, with the remedy. The checks stand in functions that do not
// throw, so each is made in a child process, which it ends.
#include <pirn/net/tcp.hpp>

#include "net/pairs.hpp"
#include "support/child.hpp"
#include "support/sanitizers.hpp"

#include <array>
#include <csignal>
#include <string_view>
#include <tuple>

#include <gtest/gtest.h>

namespace {

namespace net = pirn::net;

template <class Code>
void expect_complaint(std::string_view words, Code&& code) {
    const support::child_end end = support::in_child([&] { pirn::run(std::forward<Code>(code)); });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said(words)) << end;
}

void read_once(net::tcp_stream& stream) {
    std::array<char, 8> buffer{};
    stream.read(buffer);
}

TEST(misuse, two_readers_are_reported) {
    expect_complaint("two tasks read from the same stream", [] {
        auto [near, far] = support::pair();
        auto one = pirn::spawn([&] { read_once(near); });
        auto other = pirn::spawn([&] { read_once(near); });
        one.get();
    });
}

TEST(misuse, two_writers_are_reported) {
    expect_complaint("two tasks write to the same stream", [] {
        auto [near, far] = support::pair();
        const auto lot = support::pattern(16 << 20);
        auto one = pirn::spawn([&] { near.write_all(lot); });
        auto other = pirn::spawn([&] { near.write_all(lot); });
        one.get();
    });
}

TEST(misuse, using_a_stream_that_is_not_open_is_reported) {
    expect_complaint("not open", [] {
        net::tcp_stream closed;
        read_once(closed);
    });
}

TEST(misuse, moving_a_stream_that_is_in_use_is_reported) {
    expect_complaint("moved while an operation is in flight", [] {
        auto [near, far] = support::pair();
        auto reader = pirn::spawn([&] { read_once(near); });
        pirn::yield_now();
        const net::tcp_stream moved{std::move(near)};
    });
}

TEST(misuse, accepting_on_a_listener_that_was_moved_away_is_reported) {
    expect_complaint("not open", [] {
        auto listener = support::any_listener();
        const net::tcp_listener moved{std::move(listener)};
        listener.accept(); // NOLINT(bugprone-use-after-move): that is the question
    });
}

TEST(misuse, using_a_stream_on_another_runtime_is_reported) {
    const support::child_end end = support::in_child([] {
        net::tcp_stream foreign;
        net::tcp_listener listener;
        pirn::runtime one;
        one.run([&] {
            listener = support::any_listener();
            foreign = support::connect_to(listener);
        });
        pirn::run([&] { foreign.write_all("x"); });
    });
    EXPECT_TRUE(end.killed_by(SIGABRT) && end.said("another runtime")) << end;
}

TEST(misuse, closing_by_two_tasks_at_once_is_reported) {
    expect_complaint("closed by two tasks at once", [] {
        auto [near, far] = support::pair();
        auto reader = pirn::spawn([&] {
            std::array<char, 8> buffer{};
            std::error_code error;
            std::ignore = near.read(buffer, error);
        });
        auto one = pirn::spawn([&] { near.close(); });
        auto other = pirn::spawn([&] { near.close(); });
        for (int i = 0; i < 3; ++i) pirn::yield_now(); // each has its turn, in this order
    });
}

TEST(misuse, reading_into_no_bytes_is_reported) {
    expect_complaint("buffer of no bytes", [] {
        auto [near, far] = support::pair();
        near.read(pirn::mutable_bytes{});
    });
}

TEST(misuse, listening_outside_of_a_runtime_is_reported) {
    const support::child_end end = support::in_child([] { support::any_listener(); });
    EXPECT_TRUE(end.killed_by(SIGABRT) && end.said("pirn::run")) << end;
}

} // namespace
