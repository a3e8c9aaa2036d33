// SPDX-License-Identifier: MIT
//
// TCP_INFO, in the kernel's own form: that of the C library ends before the counters. The two headers do not go
// together, which is why this stands alone.
#include "net/progress.hpp"

#include <pirn/net/stream_socket.hpp>

#include <cstddef>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace pirn::net::detail {

std::uint64_t bytes_moved(const stream_socket& through) noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    constexpr std::size_t enough = offsetof(tcp_info, tcpi_bytes_received) + sizeof(std::uint64_t);
    if (::getsockopt(through.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
        size >= enough) {
        return info.tcpi_bytes_acked + info.tcpi_bytes_received;
    }
    return through.operations();
}

bool has_unread(int socket) noexcept {
    int unread = 0;
    return ::ioctl(socket, FIONREAD, &unread) == 0 && unread > 0;
}

} // namespace pirn::net::detail
