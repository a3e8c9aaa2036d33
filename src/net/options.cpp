// SPDX-License-Identifier: MIT
//
// Options into setsockopt. tcp(7) and socket(7) say what each does.
#include <pirn/net/options.hpp>

#include "net/common.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace pirn::net {
namespace {

int seconds_of(std::chrono::seconds span) noexcept {
    constexpr std::chrono::seconds most{std::numeric_limits<int>::max()};
    return static_cast<int>(std::min(span, most).count());
}

// Sets options one after the other, until one is refused.
struct setter {
    int descriptor;
    int result = 0;

    template <class Value>
    void set(int level, int name, const Value& value) noexcept {
        if (result >= 0) {
            result = detail::set_option(descriptor, level, name, value);
        }
    }
};

} // namespace

std::error_code apply(const tcp_options& options, int descriptor) noexcept {
    setter socket{descriptor};
    socket.set(IPPROTO_TCP, TCP_NODELAY, options.no_delay ? 1 : 0);
    if (options.keep_alive) {
        socket.set(SOL_SOCKET, SO_KEEPALIVE, 1);
        socket.set(IPPROTO_TCP, TCP_KEEPIDLE, seconds_of(options.keep_alive->idle));
        socket.set(IPPROTO_TCP, TCP_KEEPINTVL, seconds_of(options.keep_alive->interval));
        socket.set(IPPROTO_TCP, TCP_KEEPCNT, options.keep_alive->count);
    }
    if (options.linger) {
        socket.set(SOL_SOCKET, SO_LINGER, ::linger{1, seconds_of(*options.linger)});
    }
    if (options.send_buffer != 0) {
        socket.set(SOL_SOCKET, SO_SNDBUF, options.send_buffer);
    }
    if (options.receive_buffer != 0) {
        socket.set(SOL_SOCKET, SO_RCVBUF, options.receive_buffer);
    }
    return error_of(socket.result);
}

} // namespace pirn::net
