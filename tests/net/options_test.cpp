// SPDX-License-Identifier: MIT
//
// Options arrive in the kernel, also on connections that were accepted.
#include <pirn/net/options.hpp>

#include <pirn/net/tcp.hpp>

#include "net/pairs.hpp"

#include <system_error>
#include <tuple>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

namespace {

using options = support::balanced<>;
namespace net = pirn::net;
using namespace std::chrono_literals;

int value_of(int descriptor, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(descriptor, level, name, &value, &size), 0);
    return value;
}

linger linger_of(int descriptor) {
    linger value{};
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(descriptor, SOL_SOCKET, SO_LINGER, &value, &size), 0);
    return value;
}

const net::tcp_options unusual{.no_delay = false,
                               .keep_alive =
                                   net::keep_alive{.idle = 7s, .interval = 3s, .count = 2},
                               .linger = 5s,
                               .send_buffer = 20'000,
                               .receive_buffer = 30'000};

void expect_unusual(int descriptor) {
    EXPECT_EQ(value_of(descriptor, IPPROTO_TCP, TCP_NODELAY), 0);
    EXPECT_EQ(value_of(descriptor, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(value_of(descriptor, IPPROTO_TCP, TCP_KEEPIDLE), 7);
    EXPECT_EQ(value_of(descriptor, IPPROTO_TCP, TCP_KEEPINTVL), 3);
    EXPECT_EQ(value_of(descriptor, IPPROTO_TCP, TCP_KEEPCNT), 2);
    EXPECT_EQ(linger_of(descriptor).l_linger, 5);
    EXPECT_EQ(value_of(descriptor, SOL_SOCKET, SO_SNDBUF), 40'000) << "the kernel doubles it";
    EXPECT_EQ(value_of(descriptor, SOL_SOCKET, SO_RCVBUF), 60'000);
}

TEST_F(options, of_a_listener_are_those_of_what_it_accepts) {
    pirn::run([] {
        auto listener = net::tcp_listen(net::address::loopback(0), {.accepted = unusual});
        auto near = support::connect_to(listener);
        auto far = listener.accept();
        expect_unusual(far.native_handle());
        EXPECT_NE(value_of(near.native_handle(), IPPROTO_TCP, TCP_NODELAY), 0) << "the default";
        EXPECT_EQ(value_of(near.native_handle(), SOL_SOCKET, SO_KEEPALIVE), 0);
        EXPECT_EQ(linger_of(near.native_handle()).l_onoff, 0);
    });
}

TEST_F(options, of_a_connection_can_be_given_with_it_or_later) {
    pirn::run([] {
        auto listener = support::any_listener();
        auto near = net::tcp_connect(listener.local_address(), unusual);
        expect_unusual(near.native_handle());
        auto far = listener.accept();
        EXPECT_NE(value_of(far.native_handle(), IPPROTO_TCP, TCP_NODELAY), 0) << "the default";
        far.apply(unusual);
        expect_unusual(far.native_handle());
    });
}

TEST_F(options, of_no_linger_at_all_reset_the_connection) {
    pirn::run([] {
        auto [near, far] = support::pair();
        near.apply({.linger = 0s});
        near.close();
        std::array<char, 8> buffer{};
        std::error_code error;
        std::ignore = far.read(buffer, error);
        EXPECT_EQ(error, std::errc::connection_reset);
    });
}

TEST_F(options, that_the_kernel_refuses_are_errors) {
    pirn::run([] {
        auto [near, far] = support::pair();
        std::error_code error;
        near.apply({.keep_alive = net::keep_alive{.idle = 0s}}, error);
        EXPECT_EQ(error, std::errc::invalid_argument);
        EXPECT_THROW(near.apply({.keep_alive = net::keep_alive{.count = 1000}}), std::system_error);
        net::tcp_listen(net::address::loopback(0),
                        {.accepted = {.keep_alive = net::keep_alive{.interval = 0s}}}, error);
        EXPECT_EQ(error, std::errc::invalid_argument);
        net::tcp_connect(net::address::loopback(1), {.keep_alive = net::keep_alive{.idle = 0s}},
                         error);
        EXPECT_EQ(error, std::errc::invalid_argument);
    });
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    EXPECT_EQ(net::apply({}, pipe[0]), std::errc::not_a_socket);
    for (const int fd : pipe) ::close(fd);
}

TEST_F(options, of_a_listener_reuse_its_address_unless_told_not_to) {
    pirn::run([] {
        const auto reusing = support::any_listener();
        EXPECT_EQ(value_of(reusing.native_handle(), SOL_SOCKET, SO_REUSEADDR), 1);
        const auto not_reusing =
            net::tcp_listen(net::address::loopback(0), {.reuse_address = false});
        EXPECT_EQ(value_of(not_reusing.native_handle(), SOL_SOCKET, SO_REUSEADDR), 0);
    });
}

TEST_F(options, of_every_address_take_ipv4_too_or_leave_it_to_others) {
    pirn::run([] {
        std::error_code error;
        auto both = net::tcp_listen(net::address::any_v6(0), {}, error);
        if (error) GTEST_SKIP() << "no IPv6 here: " << error.message();
        const auto port = both.local_address().port();
        auto near = net::tcp_connect(net::address::loopback(port));
        EXPECT_EQ(both.accept().peer_address().host(), "::ffff:127.0.0.1");
        both.close();
        auto only = net::tcp_listen(net::address::any_v6(0), {.v6_only = true});
        const auto where = only.local_address();
        net::tcp_connect(net::address::loopback(where.port()), error);
        EXPECT_EQ(error, std::errc::connection_refused);
        EXPECT_TRUE(net::tcp_connect(net::address::loopback_v6(where.port())).is_open());
    });
}

} // namespace
