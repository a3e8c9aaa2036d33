// SPDX-License-Identifier: MIT
//
// recvmmsg(2) and sendmmsg(2).
#include "os/datagrams.hpp"

#include <cerrno>

namespace pirn::os {
namespace {

template <class Call>
int uninterrupted(Call call) noexcept {
    for (;;) {
        const int result = call();
        if (result >= 0) {
            return result;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}

} // namespace

int receive_messages(int socket, std::span<mmsghdr> into) noexcept {
    return uninterrupted([&] {
        return ::recvmmsg(socket, into.data(), static_cast<unsigned>(into.size()),
                          MSG_DONTWAIT | MSG_CMSG_CLOEXEC, nullptr);
    });
}

int send_messages(int socket, std::span<mmsghdr> from) noexcept {
    return uninterrupted([&] {
        return ::sendmmsg(socket, from.data(), static_cast<unsigned>(from.size()),
                          MSG_DONTWAIT | MSG_NOSIGNAL);
    });
}

} // namespace pirn::os
