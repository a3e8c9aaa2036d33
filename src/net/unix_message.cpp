// SPDX-License-Identifier: MIT
//
// Control data, after unix(7) and cmsg(3).
#include "net/unix_message.hpp"

#include <pirn/base/assert.hpp>

#include <cstring>

namespace pirn::net::detail {

outgoing::outgoing(bytes what, std::span<const int> descriptors, const unix_address* to) noexcept
    : piece_{const_cast<std::byte*>(what.data()), what.size()} {
    PIRN_REQUIRE(descriptors.size() <= most_descriptors,
                 "more descriptors than can go with one message; send several",
                 {"descriptors", descriptors.size()}, {"most", most_descriptors});
    header_.msg_iov = &piece_;
    header_.msg_iovlen = 1;
    if (to != nullptr) {
        header_.msg_name = const_cast<sockaddr*>(to->raw());
        header_.msg_namelen = to->raw_size();
    }
    if (!descriptors.empty()) {
        control_.memory.fill({});
        header_.msg_control = control_.memory.data();
        header_.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
        cmsghdr* const only = CMSG_FIRSTHDR(&header_);
        only->cmsg_level = SOL_SOCKET;
        only->cmsg_type = SCM_RIGHTS;
        only->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(only), descriptors.data(), descriptors.size_bytes());
    }
}

incoming::incoming(mutable_bytes into, std::size_t at_most) noexcept
    : piece_{into.data(), into.size()} {
    at_most = std::min(at_most, most_descriptors);
    header_.msg_iov = &piece_;
    header_.msg_iovlen = 1;
    header_.msg_name = &from_;
    header_.msg_namelen = sizeof from_;
    if (at_most > 0) {
        // Not CMSG_SPACE, which leaves room for one more when the number is odd.
        header_.msg_control = control_.memory.data();
        header_.msg_controllen = CMSG_LEN(at_most * sizeof(int));
    }
}

unix_message incoming::take(std::size_t size) {
    std::array<os::handle, most_descriptors> owned; // from here on nothing is lost, whatever throws
    std::size_t count = 0;
    for (cmsghdr* each = CMSG_FIRSTHDR(&header_); each != nullptr;
         each = CMSG_NXTHDR(&header_, each)) {
        if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SCM_RIGHTS) {
            for (std::size_t at = 0; CMSG_LEN(at) < each->cmsg_len; at += sizeof(int)) {
                int descriptor = -1;
                std::memcpy(&descriptor, CMSG_DATA(each) + at, sizeof descriptor);
                owned[count++] = os::handle{descriptor};
            }
        }
    }
    unix_message message;
    message.size = size;
    message.truncated = (header_.msg_flags & MSG_TRUNC) != 0;
    message.descriptors_lost = (header_.msg_flags & MSG_CTRUNC) != 0;
    if (header_.msg_namelen > 0) {
        message.from =
            unix_address::from(reinterpret_cast<const sockaddr*>(&from_), header_.msg_namelen);
    }
    message.descriptors.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        message.descriptors.push_back(std::move(owned[i]));
    }
    return message;
}

} // namespace pirn::net::detail
