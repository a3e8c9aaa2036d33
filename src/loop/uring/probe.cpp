// SPDX-License-Identifier: MIT
//
// Asking the kernel which requests it knows (IORING_REGISTER_PROBE).
#include "loop/uring/probe.hpp"

#include <algorithm>
#include <array>
#include <memory>

namespace pirn::detail {

bool kernel_can_serve(io_uring& ring) noexcept {
    constexpr std::array needed{
        IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL, IORING_OP_ACCEPT,
        IORING_OP_CONNECT,  IORING_OP_SEND,         IORING_OP_RECV,
    };
    const std::unique_ptr<io_uring_probe, decltype(&io_uring_free_probe)> probe{
        io_uring_get_probe_ring(&ring), io_uring_free_probe};
    return probe != nullptr && std::ranges::all_of(needed, [&](int request) {
               return io_uring_opcode_supported(probe.get(), request) != 0;
           });
}

} // namespace pirn::detail
