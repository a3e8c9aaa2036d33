// SPDX-License-Identifier: MIT
//
// The io_uring backend: a proactor on a proactor. An operation becomes one entry of the submission
// queue, whose user_data is its address; all that was queued in a turn is handed over by one system
// call, the same that waits.
//
//   submit.cpp    operations in and out, cancellation, what finds the queue full
//   net.cpp       operations into entries: sockets and descriptors in general
//   file.cpp      the same for files
//   reap.cpp      the turn: handing over, waiting, completions back into operations
//   ring.cpp      the rings themselves
//   probe.cpp     what this kernel knows
//
// A cancellation names the address of its operation, and so does a later operation at the same
// address. They cannot be mistaken for each other: the submission queue is handed over in order, and a
// cancellation that is still waiting for a place is dropped when its operation completes.
#pragma once

#include <pirn/loop/operations.hpp>

#include "loop/backend.hpp"
#include "loop/uring/ring.hpp"
#include "os/wakeup.hpp"

#include <bitset>

namespace pirn::detail {

// poll_flag: bits in the flags of a poll operation. The kernel ends a poll also when the peer has
// finished sending (POLLRDHUP), although nobody asked: then it is asked again, by edges, as that state
// stays; and because such a poll does not end by itself, it is cancelled once it has answered.
//
//               something else                        what was asked for
//   once ──────────────────────────► by_edges ─────────────────────────────► answered
//     │                                                                          │ cancelled
//     └─────────────────────► finished ◄─────────────────────────────────────────┘
//        what was asked for
namespace poll_flag {
inline constexpr std::uint8_t by_edges = 0x01;
inline constexpr std::uint8_t answered = 0x02;
} // namespace poll_flag

class uring_backend final : public backend {
  public:
    // Throws std::system_error when io_uring cannot be had here, for whatever reason.
    uring_backend(unsigned submission_slots, operation_queue& finished);

    bool serves(operation_kind kind) const noexcept override;
    void submit(operation& what) noexcept override;
    bool attempt(operation& what) noexcept override;
    void cancel(operation& what) noexcept override;
    void release(int descriptor) noexcept override;
    bool poll(time_point until) override;
    void wake() noexcept override { wakeup_.wake(); }
    const char* name() const noexcept override { return "uring"; }
    int socket_flags() const noexcept override;

  private:
    bool hand_over() noexcept;
    bool arm_wakeup() noexcept;
    void request_cancel(operation& what) noexcept;
    bool reap() noexcept;
    bool complete(const io_uring_cqe& completion) noexcept;
    void complete_last(operation& what, int result) noexcept;
    void retry(operation& what) noexcept;
    void complete_child(child_operation& what, int result) noexcept;
    void complete_poll(poll_operation& what, int result, bool more) noexcept;

    uring_ring ring_;
    std::bitset<operation_kinds> serves_; // of what the pool can do, that which this kernel does
    os::wakeup wakeup_;
    bool wakeup_armed_ = false;
    bool no_signal_flag_ = true; // the kernel has RWF_NOSIGNAL, as far as we know
    operation_queue waiting_;    // for a place in the submission queue
    operation_queue cancels_;    // the kernel has them, their cancellation waits for a place
};

} // namespace pirn::detail
