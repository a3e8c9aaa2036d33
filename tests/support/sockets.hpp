// SPDX-License-Identifier: MIT
//
// Connected sockets for tests of the loop: made by plain blocking calls, so that they work whatever
// the loop does.
#pragma once

#include <pirn/loop/loop.hpp>
#include <pirn/os/handle.hpp>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace support {

// internet_address: IPv4 loopback with a port, 0 for whichever the kernel chooses.
struct internet_address {
    explicit internet_address(in_port_t port_in_network_order = 0) {
        in.sin_family = AF_INET;
        in.sin_port = port_in_network_order;
        in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&in); }
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&in); }
    static constexpr socklen_t size = sizeof(sockaddr_in);

    sockaddr_in in{};
};

// loop_socket: a TCP socket made as the loop wants them.
inline pirn::os::handle loop_socket(const pirn::loop& loop) {
    return pirn::os::handle{::socket(AF_INET, SOCK_STREAM | loop.socket_flags(), 0)};
}

// listener: a TCP socket that listens on loopback, and where.
struct listener {
    explicit listener(const pirn::loop& loop, int backlog = 128) : socket{loop_socket(loop)} {
        EXPECT_EQ(::bind(socket.get(), address.get(), address.size), 0);
        EXPECT_EQ(::listen(socket.get(), backlog), 0);
        socklen_t size = address.size;
        EXPECT_EQ(::getsockname(socket.get(), address.get(), &size), 0);
    }
    int get() const { return socket.get(); }

    pirn::os::handle socket;
    internet_address address;
};

// connection: two connected sockets, both made as the loop wants them. Releases them from the loop
// before it closes them, as a caller must.
class connection {
  public:
    static connection unix_stream(pirn::loop& loop) {
        std::array<int, 2> both{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | loop.socket_flags(), 0, both.data()), 0);
        return {loop, pirn::os::handle{both[0]}, pirn::os::handle{both[1]}};
    }

    static connection datagrams(pirn::loop& loop) {
        std::array<int, 2> both{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | loop.socket_flags(), 0, both.data()), 0);
        return {loop, pirn::os::handle{both[0]}, pirn::os::handle{both[1]}};
    }

    static connection tcp(pirn::loop& loop) {
        // A blocking connect to a listener with a free place in its queue does not wait.
        pirn::os::handle blocking{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        EXPECT_EQ(::bind(blocking.get(), internet_address{}.get(), internet_address::size), 0);
        EXPECT_EQ(::listen(blocking.get(), 1), 0);
        internet_address where;
        socklen_t size = where.size;
        EXPECT_EQ(::getsockname(blocking.get(), where.get(), &size), 0);
        pirn::os::handle near = loop_socket(loop);
        ::connect(near.get(), where.get(), where.size); // EINPROGRESS when it is non-blocking
        pirn::os::handle far;
        do {
            far =
                pirn::os::handle{::accept4(blocking.get(), nullptr, nullptr, loop.socket_flags())};
        } while (!far && errno == EINTR);
        EXPECT_TRUE(far);
        ::connect(near.get(), where.get(), where.size); // asks how it ended, if it was so
        return {loop, std::move(near), std::move(far)};
    }

    connection(connection&&) = default;
    connection& operator=(connection&&) = delete;
    ~connection() {
        close_near();
        close_far();
    }

    int near() const { return near_.get(); }
    int far() const { return far_.get(); }
    void close_near() { close(near_); }
    void close_far() { close(far_); }

    // reset_far: closes the far end so that the near one hears RST instead of an end.
    void reset_far() {
        const linger at_once{1, 0};
        ::setsockopt(far(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close_far();
    }

  private:
    connection(pirn::loop& loop, pirn::os::handle near, pirn::os::handle far)
        : loop_{&loop}, near_{std::move(near)}, far_{std::move(far)} {}

    void close(pirn::os::handle& end) {
        if (end) {
            loop_->release(end.get());
            end.close();
        }
    }

    pirn::loop* loop_;
    pirn::os::handle near_;
    pirn::os::handle far_;
};

// say, hear: plain calls on a descriptor, for the side that is not under test.
inline void say(int descriptor, const std::string& words) {
    ssize_t size = -1;
    do {
        size = ::send(descriptor, words.data(), words.size(), MSG_NOSIGNAL);
    } while (size < 0 && errno == EINTR);
    EXPECT_EQ(size, static_cast<ssize_t>(words.size()));
}

inline std::string hear(int descriptor) {
    std::array<char, 4096> buffer{};
    ssize_t size = -1;
    do {
        size = ::recv(descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT);
    } while (size < 0 && errno == EINTR);
    return size < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(size));
}

} // namespace support
