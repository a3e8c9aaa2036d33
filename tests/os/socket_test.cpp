// SPDX-License-Identifier: MIT
//
// The socket calls: results in the kernel's form, no SIGPIPE, no waiting.
#include "os/socket.hpp"

#include <pirn/os/handle.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

namespace os = pirn::os;
using os::handle;

struct address {
    sockaddr_in in{};
    socklen_t size = sizeof in;
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&in); }
};

// A listener on a port that the kernel chose, and that address.
handle listen_on_loopback(address& where) {
    handle listener{os::open_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    where.in.sin_family = AF_INET;
    where.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(os::bind(listener.get(), where.get(), where.size), 0);
    EXPECT_EQ(os::listen(listener.get(), 16), 0);
    EXPECT_EQ(os::local_address(listener.get(), where.get(), &where.size), 0);
    EXPECT_NE(where.in.sin_port, 0);
    return listener;
}

struct pair {
    pair() {
        std::array<int, 2> both{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both.data()), 0);
        near = handle{both[0]};
        far = handle{both[1]};
    }
    handle near; // blocking on purpose
    handle far;
};

TEST(os_socket, connects_accepts_and_knows_both_addresses) {
    address where;
    const handle listener = listen_on_loopback(where);
    EXPECT_EQ(os::accept(listener.get(), SOCK_CLOEXEC), -EAGAIN);

    const handle client{os::open_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ASSERT_EQ(os::connect(client.get(), where.get(), where.size), 0);
    ASSERT_EQ(os::ready(listener.get(), POLLIN), POLLIN);
    const handle server{os::accept(listener.get(), SOCK_CLOEXEC)};
    ASSERT_TRUE(server);

    address own;
    address peer;
    EXPECT_EQ(os::local_address(client.get(), own.get(), &own.size), 0);
    EXPECT_EQ(os::remote_address(server.get(), peer.get(), &peer.size), 0);
    EXPECT_EQ(own.in.sin_port, peer.in.sin_port);
}

TEST(os_socket, tells_refusals_as_negative_numbers) {
    address where;
    {
        const handle listener = listen_on_loopback(where);
    }
    const handle client{os::open_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    EXPECT_EQ(os::connect(client.get(), where.get(), where.size), -ECONNREFUSED);
    EXPECT_EQ(os::open_socket(-1, SOCK_STREAM, 0), -EAFNOSUPPORT);
    EXPECT_EQ(os::listen(-1, 1), -EBADF);
    EXPECT_EQ(os::bind(-1, where.get(), where.size), -EBADF);
    EXPECT_EQ(os::accept(-1, 0), -EBADF);
    EXPECT_EQ(os::shutdown(-1, SHUT_WR), -EBADF);
    EXPECT_EQ(os::remote_address(client.get(), where.get(), &where.size), -ENOTCONN);
}

TEST(os_socket, does_not_wait_even_when_the_socket_blocks) {
    const pair ends;
    std::array<std::byte, 8> space{};
    EXPECT_EQ(os::receive(ends.near.get(), space), -EAGAIN);
    const std::string much(1 << 20, 'x');
    int sent = 0;
    while (sent >= 0) {
        sent = os::send(ends.near.get(), much);
    }
    EXPECT_EQ(sent, -EAGAIN);
}

TEST(os_socket, sends_and_receives_bytes_and_then_the_end) {
    const pair ends;
    std::array<char, 8> space{};
    EXPECT_EQ(os::send(ends.far.get(), "warp"), 4);
    EXPECT_EQ(os::receive(ends.near.get(), space), 4);
    EXPECT_EQ(std::string(space.data(), 4), "warp");
    EXPECT_EQ(os::shutdown(ends.far.get(), SHUT_WR), 0);
    EXPECT_EQ(os::receive(ends.near.get(), space), 0);
}

TEST(os_socket, answers_a_send_to_nobody_with_an_error_and_not_with_a_signal) {
    struct sigaction deadly{};
    deadly.sa_handler = SIG_DFL; // a test runner may have set it to ignore
    struct sigaction before{};
    ASSERT_EQ(::sigaction(SIGPIPE, &deadly, &before), 0);
    pair ends;
    ends.far.close();
    EXPECT_EQ(os::send(ends.near.get(), "warp"), -EPIPE);
    ::sigaction(SIGPIPE, &before, nullptr);
}

TEST(os_socket, sets_and_reads_integer_options) {
    const handle one{os::open_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    EXPECT_EQ(os::option(one.get(), IPPROTO_TCP, TCP_NODELAY), 0);
    EXPECT_EQ(os::set_option(one.get(), IPPROTO_TCP, TCP_NODELAY, 1), 0);
    EXPECT_EQ(os::option(one.get(), IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(os::set_option(one.get(), SOL_SOCKET, 4711, 1), -ENOPROTOOPT);
    EXPECT_EQ(os::option(-1, SOL_SOCKET, SO_ERROR), -EBADF);
}

TEST(os_socket, tells_which_events_hold_now) {
    pair ends;
    EXPECT_EQ(os::ready(ends.near.get(), POLLIN), 0);
    EXPECT_EQ(os::ready(ends.near.get(), POLLIN | POLLOUT), POLLOUT);
    os::send(ends.far.get(), "warp");
    EXPECT_EQ(os::ready(ends.near.get(), POLLIN | POLLOUT), POLLIN | POLLOUT);
    ends.far.close();
    EXPECT_NE(os::ready(ends.near.get(), 0) & POLLHUP, 0);
    EXPECT_EQ(os::ready(-1, POLLIN), -EBADF);
    const int closed = ends.near.release();
    ::close(closed);
    EXPECT_EQ(os::ready(closed, POLLIN), -EBADF);
}

TEST(os_socket, reports_a_connection_in_progress_and_how_it_ended_when_asked_again) {
    address where;
    const handle listener = listen_on_loopback(where);
    const handle client{os::open_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    EXPECT_EQ(os::connect(client.get(), where.get(), where.size), -EINPROGRESS);
    pollfd writable{client.get(), POLLOUT, 0};
    ASSERT_EQ(::poll(&writable, 1, 5000), 1);
    EXPECT_EQ(os::connect(client.get(), where.get(), where.size), 0);
    EXPECT_EQ(os::connect(client.get(), where.get(), where.size), -EISCONN);
}

} // namespace
