// SPDX-License-Identifier: MIT
//
// Which requests of the io_uring backend this kernel knows. The headers that we are compiled with tell
// nothing about it: they may be older than the kernel, or newer; so those that came late have their
// numbers here.
#pragma once

#include <bitset>
#include <cstddef>

#include <liburing.h>

namespace pirn::detail {

namespace uring_request {
inline constexpr int truncate = 55; // IORING_OP_FTRUNCATE, Linux 6.9
inline constexpr int bind = 56;     // IORING_OP_BIND, Linux 6.11
inline constexpr int listen = 57;   // IORING_OP_LISTEN, Linux 6.11
// No request, but the write that raises no signal (RWF_NOSIGNAL, Linux 6.18): taken for known until the
// kernel refuses it.
inline constexpr int quiet_write = 255;
} // namespace uring_request

// request_set: the known requests, by number.
class request_set {
  public:
    // ask: IORING_REGISTER_PROBE. Nothing is known when even that is not. Never suspends.
    static request_set ask(io_uring& ring) noexcept;

    bool knows(int request) const noexcept {
        return known_.test(static_cast<std::size_t>(request));
    }

    // suffices: whether a backend can be made of them. Never suspends.
    bool suffices() const noexcept;

  private:
    static constexpr std::size_t most = 256;
    std::bitset<most> known_;
};

// hidden_requests: those that rings made from now on take for unknown: how a test gets an old kernel.
std::bitset<256>& hidden_requests() noexcept;

} // namespace pirn::detail
