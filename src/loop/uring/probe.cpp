// SPDX-License-Identifier: MIT
//
// Asking the kernel which requests it knows (IORING_REGISTER_PROBE).
#include "loop/uring/probe.hpp"

#include <algorithm>
#include <array>
#include <memory>

namespace pirn::detail {

std::bitset<256>& hidden_requests() noexcept {
    static std::bitset<256> hidden;
    return hidden;
}

request_set request_set::ask(io_uring& ring) noexcept {
    request_set set;
    const std::unique_ptr<io_uring_probe, decltype(&io_uring_free_probe)> probe{
        io_uring_get_probe_ring(&ring), io_uring_free_probe};
    for (int request = 0; probe != nullptr && request < static_cast<int>(most); ++request) {
        set.known_.set(static_cast<std::size_t>(request),
                       io_uring_opcode_supported(probe.get(), request) != 0);
    }
    set.known_.set(uring_request::quiet_write);
    set.known_ &= ~hidden_requests();
    return set;
}

bool request_set::suffices() const noexcept {
    constexpr std::array needed{
        IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL, IORING_OP_ACCEPT,  IORING_OP_CONNECT,
        IORING_OP_SEND,     IORING_OP_RECV,         IORING_OP_SENDMSG, IORING_OP_RECVMSG,
        IORING_OP_CLOSE,    IORING_OP_SPLICE,
    };
    return std::ranges::all_of(needed, [this](int request) { return knows(request); });
}

} // namespace pirn::detail
