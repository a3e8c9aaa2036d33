// SPDX-License-Identifier: MIT
//
// UDP on loopback, where no datagram is lost that finds room: one by one, in batches, cut by the kernel and
// joined again, to groups; and every wait can be ended.
#include <pirn/net/udp.hpp>

#include <pirn/scope/timeout.hpp>

#include "net/pairs.hpp"

#include <array>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>

namespace {

using udp = support::balanced<>;
namespace net = pirn::net;
using namespace std::chrono_literals;

net::udp_socket any_socket(const net::udp_options& options = {}) {
    return net::udp_bind(net::address::loopback(0), options);
}

int value_of(const net::udp_socket& socket, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(socket.native_handle(), level, name, &value, &size), 0);
    return value;
}

TEST_F(udp, carries_datagrams_and_their_senders) {
    pirn::run([] {
        auto server = any_socket();
        auto client = any_socket();
        client.send_to("question", server.local_address());
        std::array<char, 64> buffer{};
        const auto got = server.receive(buffer);
        EXPECT_EQ((std::string_view{buffer.data(), got.size}), "question");
        EXPECT_EQ(got.from, client.local_address());
        EXPECT_FALSE(got.truncated);
        EXPECT_EQ(got.segment_size, 0U);
        server.send_to("", got.from);
        const auto answer = client.receive(buffer);
        EXPECT_EQ(answer.size, 0U) << "a datagram of nothing, and no end";
        EXPECT_EQ(answer.from, server.local_address());
    });
}

TEST_F(udp, works_over_ipv6) {
    pirn::run([] {
        std::error_code error;
        auto server = net::udp_bind(net::address::loopback_v6(0), {}, error);
        if (error) GTEST_SKIP() << "no IPv6 here: " << error.message();
        auto client = net::udp_connect(server.local_address());
        client.send("x");
        std::array<char, 8> buffer{};
        EXPECT_EQ(server.receive(buffer).from, client.local_address());
    });
}

TEST_F(udp, tells_of_datagrams_that_were_cut) {
    pirn::run([] {
        auto server = any_socket();
        auto client = net::udp_connect(server.local_address());
        client.send("longer than four");
        client.send("four");
        std::array<char, 4> buffer{};
        auto got = server.receive(buffer);
        EXPECT_TRUE(got.size == 4 && got.truncated);
        got = server.receive(buffer);
        EXPECT_TRUE(got.size == 4 && !got.truncated) << "the rest of the first one is gone";
        client.send("longer than four");
        std::array<net::udp_slot, 1> slots{{{buffer}}};
        EXPECT_EQ(server.receive_many(slots), 1U);
        EXPECT_TRUE(slots[0].received.truncated);
    });
}

TEST_F(udp, connected_hears_only_its_peer_and_that_nobody_is_there) {
    pirn::run([] {
        auto server = any_socket();
        auto stranger = any_socket();
        auto client = any_socket();
        std::error_code error;
        client.peer_address(error);
        EXPECT_EQ(error, std::errc::not_connected);
        client.connect(server.local_address());
        EXPECT_EQ(client.peer_address(), server.local_address());
        stranger.send_to("stranger", client.local_address());
        server.send_to("server", client.local_address());
        std::array<char, 16> buffer{};
        EXPECT_EQ(client.receive(buffer).size, 6U);
        server.close();
        client.send("is anybody there?");
        client.receive(buffer, error);
        EXPECT_EQ(error, std::errc::connection_refused);
    });
}

TEST_F(udp, refuses_datagrams_that_are_too_long) {
    pirn::run([] {
        auto server = any_socket();
        auto client = any_socket();
        const std::vector<std::byte> large(65'508);
        std::error_code error;
        client.send_to(large, server.local_address(), error);
        EXPECT_EQ(error, std::errc::message_size);
        client.send_to(std::span{large}.first(65'507), server.local_address());
        std::vector<std::byte> buffer(65'507);
        EXPECT_EQ(server.receive(buffer).size, 65'507U);
    });
}

// Sends `count` datagrams in batches of odd sizes, and receives them in others.
void send_and_receive_many(std::size_t count) {
    auto server = any_socket({.receive_buffer = 1 << 20});
    auto client = any_socket();
    const auto to = server.local_address();
    std::vector<std::array<char, 3>> payload(count);
    std::vector<net::udp_outgoing> outgoing;
    for (std::size_t i = 0; i < count; ++i) {
        payload[i] = {static_cast<char>(i), static_cast<char>(i >> 8), '!'};
        outgoing.push_back({payload[i], to});
    }
    client.send_many(outgoing);
    std::vector<std::array<char, 8>> buffers(20);
    std::vector<net::udp_slot> slots;
    for (auto& each : buffers) slots.push_back({each});
    for (std::size_t at = 0; at < count;) {
        const std::size_t got = server.receive_many(slots);
        ASSERT_GE(got, 1U);
        for (std::size_t i = 0; i < got; ++i, ++at) {
            EXPECT_EQ(slots[i].received.size, 3U);
            EXPECT_EQ(slots[i].received.from, client.local_address());
            EXPECT_EQ(std::memcmp(buffers[i].data(), payload[at].data(), 3), 0) << at;
        }
    }
}

TEST_F(udp, carries_batches_of_any_size) {
    pirn::run([] {
        for (const std::size_t count : {1U, 2U, 19U, 20U, 21U, 32U, 33U, 100U, 500U})
            send_and_receive_many(count);
        auto socket = any_socket();
        socket.send_many({}); // nothing
    });
}

TEST_F(udp, a_batch_waits_for_its_first_datagram_and_takes_what_else_is_there) {
    pirn::run([] {
        auto server = any_socket();
        auto client = net::udp_connect(server.local_address());
        std::array<std::array<char, 8>, 8> buffers{};
        std::array<net::udp_slot, 8> slots{};
        for (std::size_t i = 0; i < slots.size(); ++i) slots[i].buffer = buffers[i];
        std::size_t count = 0;
        auto reader = pirn::spawn([&] { count = server.receive_many(slots); });
        pirn::yield_now();
        pirn::yield_now();
        for (int i = 0; i < 3; ++i) client.send("x");
        reader.get();
        EXPECT_GE(count, 1U);
        for (std::size_t left = 3 - count; left > 0;) left -= server.receive_many(slots);
    });
}

TEST_F(udp, a_batch_stops_at_the_first_error_and_says_how_far_it_came) {
    pirn::run([] {
        auto server = any_socket();
        auto client = any_socket();
        const std::vector<std::byte> too_long(70'000);
        const std::array<net::udp_outgoing, 3> batch{{{"good", server.local_address()},
                                                      {too_long, server.local_address()},
                                                      {"never", server.local_address()}}};
        std::error_code error;
        EXPECT_EQ(client.send_many(batch, error), 1U);
        EXPECT_EQ(error, std::errc::message_size);
        EXPECT_THROW(client.send_many(batch), std::system_error);
    });
}

// What segments of this size arrive as: their sizes in order, and that no byte is wrong.
void send_segments_of(std::size_t segment, std::size_t size, bool joined) {
    auto server = any_socket({.join_received = joined, .receive_buffer = 4 << 20});
    auto client = net::udp_connect(server.local_address());
    const auto sent = support::pattern(size);
    client.send_segments(sent, segment);
    std::vector<std::byte> buffer(65'535);
    std::size_t at = 0;
    while (at < size) {
        const auto got = server.receive(buffer);
        ASSERT_FALSE(got.truncated);
        ASSERT_EQ(std::memcmp(buffer.data(), sent.data() + at, got.size), 0) << at;
        if (got.segment_size != 0) {
            EXPECT_TRUE(joined);
            EXPECT_EQ(got.segment_size, segment);
        } else {
            EXPECT_EQ(got.size, std::min(segment, size - at));
        }
        at += got.size;
    }
    EXPECT_EQ(at, size);
}

TEST_F(udp, segments_are_cut_by_the_kernel_and_joined_if_wanted) {
    pirn::run([] {
        for (const bool joined : {false, true}) {
            for (const std::size_t segment :
                 {std::size_t{100}, std::size_t{1200}, std::size_t{1472}}) {
                send_segments_of(segment, segment * 10, joined);
                send_segments_of(segment, segment * 7 + 13, joined);
                send_segments_of(segment, 13, joined);
            }
            send_segments_of(1200, 200'000, joined); // several calls
        }
    });
}

TEST_F(udp, segments_that_fit_into_no_packet_are_sent_one_by_one) {
    pirn::run([] { send_segments_of(65'000, 3 * 65'000 + 5, false); });
    // As above: a segment may be as long as a datagram.
    pirn::run([] { send_segments_of(65'507, 2 * 65'507, false); });
}

TEST_F(udp, hears_the_groups_that_it_has_joined) {
    const unsigned lo = ::if_nametoindex("lo");
    pirn::run([lo] {
        const auto group = net::address::parse("239.255.77.77:0");
        auto member = net::udp_bind(net::address::any(0), {.reuse_address = true});
        auto other = net::udp_bind(net::address::any(member.local_address().port()),
                                   {.reuse_address = true});
        std::error_code error;
        member.join(group, lo, error);
        if (error) GTEST_SKIP() << "no multicast on loopback: " << error.message();
        other.join(group, lo);
        auto sender = any_socket();
        sender.set_multicast_interface(lo);
        auto to = group;
        to.set_port(member.local_address().port());
        sender.send_to("to all", to, error);
        if (error) GTEST_SKIP() << "no multicast on loopback: " << error.message();
        std::array<char, 16> buffer{};
        for (auto* each : {&member, &other}) {
            EXPECT_TRUE(
                pirn::try_with_timeout(5s, [&] { EXPECT_EQ(each->receive(buffer).size, 6U); }));
        }
        member.leave(group, lo);
        sender.send_to("to the others", to);
        other.receive(buffer);
        EXPECT_FALSE(pirn::try_with_timeout(20ms, [&] { member.receive(buffer); }))
            << "it has left";
        member.leave(group, lo, error);
        EXPECT_EQ(error, std::errc::address_not_available);
        EXPECT_THROW(member.join(net::address::loopback(0)), std::system_error);
    });
}

TEST_F(udp, options_arrive_in_the_kernel) {
    pirn::run([] {
        auto socket = any_socket(
            {.reuse_port = true, .reuse_address = true, .broadcast = true, .send_buffer = 20'000});
        EXPECT_EQ(value_of(socket, SOL_SOCKET, SO_REUSEPORT), 1);
        EXPECT_EQ(value_of(socket, SOL_SOCKET, SO_REUSEADDR), 1);
        EXPECT_EQ(value_of(socket, SOL_SOCKET, SO_BROADCAST), 1);
        EXPECT_EQ(value_of(socket, SOL_SOCKET, SO_SNDBUF), 40'000);
        socket.set_ttl(7);
        socket.set_multicast_ttl(3);
        socket.set_multicast_loop(false);
        socket.set_broadcast(false);
        EXPECT_EQ(value_of(socket, IPPROTO_IP, IP_TTL), 7);
        EXPECT_EQ(value_of(socket, IPPROTO_IP, IP_MULTICAST_TTL), 3);
        EXPECT_EQ(value_of(socket, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
        EXPECT_EQ(value_of(socket, SOL_SOCKET, SO_BROADCAST), 0);
        EXPECT_THROW(socket.set_ttl(256), std::system_error);
        auto plain = any_socket();
        std::error_code error;
        plain.send_to("x", net::address::parse("255.255.255.255:9"), error);
        EXPECT_TRUE(error == std::errc::permission_denied ||
                    error == std::errc::network_unreachable)
            << error;
        auto v6 = net::udp_bind(net::address::loopback_v6(0), {}, error);
        if (!error) {
            v6.set_ttl(7);
            v6.set_multicast_ttl(3);
            v6.set_multicast_loop(false);
            v6.set_multicast_interface(::if_nametoindex("lo"));
            EXPECT_EQ(value_of(v6, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 7);
            EXPECT_EQ(value_of(v6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 3);
            EXPECT_EQ(value_of(v6, IPPROTO_IPV6, IPV6_MULTICAST_LOOP), 0);
        }
    });
}

TEST_F(udp, a_port_in_use_is_an_error_with_the_address) {
    pirn::run([] {
        auto first = any_socket();
        try {
            net::udp_bind(first.local_address());
            ADD_FAILURE();
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), std::errc::address_in_use);
            EXPECT_NE(std::string_view{error.what()}.find(to_string(first.local_address())),
                      std::string_view::npos);
        }
    });
}

TEST_F(udp, asked_to_stop_at_any_moment_loses_no_datagram) {
    pirn::run([] {
        auto server = any_socket();
        auto client = net::udp_connect(server.local_address());
        std::array<std::array<int, 1>, 4> buffers{};
        int next = 0;
        const auto receive_some = [&](bool batch) {
            std::error_code error;
            std::array<net::udp_slot, 4> slots{};
            for (std::size_t i = 0; i < slots.size(); ++i) slots[i].buffer = buffers[i];
            std::size_t count = 0;
            if (batch) {
                count = server.receive_many(slots, error);
            } else {
                count = server.receive(buffers[0], error).size / sizeof(int);
            }
            EXPECT_EQ(count == 0, static_cast<bool>(error));
            for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(buffers[i][0], next++);
        };
        std::mt19937 random{4};
        constexpr int rounds = 1000;
        for (int round = 0; round < rounds; ++round) {
            auto reader = pirn::spawn(receive_some, round % 2 == 0);
            for (auto i = random() % 3; i > 0; --i) pirn::yield_now();
            client.send(std::array{round});
            for (auto i = random() % 3; i > 0; --i) pirn::yield_now();
            reader.request_stop();
            reader.get();
        }
        while (next < rounds) receive_some(true);
    });
}

TEST_F(udp, asked_to_stop_before_takes_and_sends_nothing_although_it_could_at_once) {
    pirn::run([] {
        auto server = any_socket();
        auto client = net::udp_connect(server.local_address());
        client.send("still there");
        auto task = pirn::spawn([&] {
            std::array<char, 16> buffer{};
            std::array<net::udp_slot, 1> slots{{{buffer}}};
            std::error_code error;
            EXPECT_EQ(server.receive_many(slots, error), 0U);
            EXPECT_EQ(error, std::errc::operation_canceled);
            const std::array<net::udp_outgoing, 1> never{{{"never"}}};
            EXPECT_EQ(client.send_many(never, error), 0U);
            EXPECT_EQ(error, std::errc::operation_canceled);
            EXPECT_THROW(client.send_many(never), pirn::cancelled);
        });
        task.request_stop();
        task.get();
        client.send("last");
        std::array<char, 16> buffer{};
        EXPECT_EQ(server.receive(buffer).size, 11U);
        EXPECT_EQ(server.receive(buffer).size, 4U);
    });
}

TEST_F(udp, closed_ends_who_waits_with_an_error) {
    pirn::run([] {
        for (const bool batch : {false, true}) {
            auto socket = any_socket();
            std::error_code error;
            auto reader = pirn::spawn([&] {
                std::array<char, 8> buffer{};
                std::array<net::udp_slot, 1> slots{{{buffer}}};
                if (batch) {
                    socket.receive_many(slots, error);
                } else {
                    socket.receive(buffer, error);
                }
            });
            pirn::yield_now();
            pirn::yield_now();
            socket.close();
            reader.get();
            EXPECT_EQ(error, std::errc::operation_canceled);
            socket.send_many(std::array<net::udp_outgoing, 1>{{{"x"}}}, error);
            EXPECT_EQ(error, std::errc::operation_canceled);
        }
    });
}

} // namespace
