// SPDX-License-Identifier: MIT
//
// As tests/io/turns_test.cpp: an error costs a task its turn like any other answer, also of sockets and names.
#include "support/turns.hpp"

#include <pirn/net/connect.hpp>
#include <pirn/net/resolver.hpp>
#include <pirn/net/tcp.hpp>
#include <pirn/net/udp.hpp>
#include <pirn/net/unix.hpp>

#include "net/pairs.hpp"
#include "net/scarcity.hpp"

#include <array>
#include <string>
#include <tuple>

#include <gtest/gtest.h>

namespace {

namespace net = pirn::net;
using error_answers = support::balanced<>;
using support::expect_refused_turns;
using support::expect_turns;

TEST_F(error_answers, of_closed_listeners_leave_turns_to_others) {
    pirn::run([] {
        auto listener = support::any_listener();
        listener.close();
        expect_refused_turns("tcp", [&](auto& error) { listener.accept(error); });
        auto local = net::unix_listen(net::unix_address::parse("@pirn-turns"));
        local.close();
        expect_refused_turns("unix", [&](auto& error) { local.accept(error); });
    });
}

TEST_F(error_answers, of_closed_connections_leave_turns_to_others) {
    pirn::run([] {
        auto [near, far] = support::pair();
        near.close();
        std::array<char, 4> room{};
        const std::array<pirn::bytes, 1> pieces{pirn::bytes{"x"}};
        expect_refused_turns("read", [&](auto& error) { std::ignore = near.read(room, error); });
        expect_refused_turns("write", [&](auto& error) { std::ignore = near.write("x", error); });
        expect_refused_turns("write_all", [&](auto& error) { near.write_all("x", error); });
        expect_refused_turns("vector",
                             [&](auto& error) { std::ignore = near.write_vector(pieces, error); });
        expect_refused_turns("zero copy",
                             [&](auto& error) { std::ignore = near.write_zero_copy("x", error); });
        expect_refused_turns("shutdown", [&](auto& error) { near.shutdown_write(error); });
        expect_turns("nothing", [&] {
            std::error_code error;
            std::ignore = near.write({}, error);
        });
        auto [left, right] = net::unix_pair();
        left.close();
        expect_refused_turns("send", [&](auto& error) { left.send_descriptors("x", {}, error); });
        expect_refused_turns("receive",
                             [&](auto& error) { left.receive_descriptors(room, 1, error); });
    });
}

TEST_F(error_answers, of_closed_datagram_sockets_leave_turns_to_others) {
    pirn::run([] {
        auto socket = net::udp_bind(net::address::loopback(0));
        const net::address to = socket.local_address();
        socket.close();
        std::array<char, 4> room{};
        std::array<net::udp_slot, 1> slots{{{.buffer = room}}};
        const std::array<net::udp_outgoing, 1> out{{{pirn::bytes{"x"}, to}}};
        expect_refused_turns("receive", [&](auto& error) { socket.receive(room, error); });
        expect_refused_turns("many", [&](auto& error) { socket.receive_many(slots, error); });
        expect_refused_turns("send", [&](auto& error) { socket.send("x", error); });
        expect_refused_turns("send_to", [&](auto& error) { socket.send_to("x", to, error); });
        expect_refused_turns("send_many", [&](auto& error) { socket.send_many(out, error); });
        expect_refused_turns("segments",
                             [&](auto& error) { socket.send_segments("xy", 1, to, error); });
        auto [left, right] = net::unix_datagram_pair();
        left.close();
        expect_refused_turns("unix", [&](auto& error) { left.receive(room, 1, error); });
        expect_refused_turns("unix send", [&](auto& error) { left.send("x", {}, error); });
    });
}

TEST_F(error_answers, of_connects_without_descriptors_leave_turns_to_others) {
    pirn::run([] {
        const support::no_descriptor_left scarcity;
        expect_refused_turns(
            "tcp", [](auto& error) { net::tcp_connect(net::address::loopback(9), {}, error); });
        expect_refused_turns("unix", [](auto& error) {
            net::unix_connect(net::unix_address::parse("@pirn-turns"), error);
        });
    });
}

TEST_F(error_answers, of_names_leave_turns_to_others) {
    pirn::run([] {
        expect_refused_turns("no name", [](auto& error) {
            net::resolve("", "80", net::address_family::any, error);
        });
        expect_refused_turns("no port", [](auto& error) {
            net::resolve("127.0.0.1", "99999", net::address_family::any, error);
        });
        expect_turns("a number", [] { net::resolve("127.0.0.1", "80"); });
    });
}

// With other threads of the runtime beside it, and a stream that belongs to another one.
TEST_F(error_answers, leave_turns_to_others_on_several_threads) {
    pirn::run({.threads = 4}, [] {
        auto [near, far] = support::pair();
        near.close();
        std::array<char, 4> room{};
        pirn::spawn({.worker = 2}, [&] {
            bool ran = false;
            auto other = pirn::spawn({.worker = 2}, [&] { ran = true; });
            for (int i = 0; i < 1000 && !ran; ++i) {
                std::error_code error;
                std::ignore = near.read(room, error);
            }
            EXPECT_TRUE(ran);
            other.get();
        }).get();
    });
}

} // namespace
