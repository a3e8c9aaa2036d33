// SPDX-License-Identifier: MIT
//
// recvmmsg(2) and sendmmsg(2).
#include "os/datagrams.hpp"

#include "os/result.hpp"

namespace pirn::os {

int receive_messages(int socket, std::span<mmsghdr> into) noexcept {
    return uninterrupted([&] {
        return result_of(::recvmmsg(socket, into.data(), static_cast<unsigned>(into.size()),
                                    MSG_DONTWAIT | MSG_CMSG_CLOEXEC, nullptr));
    });
}

int send_messages(int socket, std::span<mmsghdr> from) noexcept {
    return uninterrupted([&] {
        return result_of(::sendmmsg(socket, from.data(), static_cast<unsigned>(from.size()),
                                    MSG_DONTWAIT | MSG_NOSIGNAL));
    });
}

} // namespace pirn::os
