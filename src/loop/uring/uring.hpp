// SPDX-License-Identifier: MIT
//
// The io_uring backend: a proactor on a proactor. An operation becomes one entry of the submission
// queue, whose user_data is its address; all that was queued in a turn is handed over by one system
// call, the same that waits.
//
//   submit.cpp    operations in and out, cancellation, what finds the queue full
//   net.cpp       operations into entries: sockets and descriptors in general
//   file.cpp      the same for files
//   many.cpp      accepting many, sending without a copy
//   buffers.cpp   receiving into buffers that are lent
//   splice.cpp    from one descriptor to another
//   reap.cpp      the turn: handing over, waiting, completions back into operations
//   give_up.cpp   when the kernel refuses to go on
//   embed.cpp     when somebody else waits for us
//   ring.cpp      the rings themselves
//   probe.cpp     what this kernel knows
//
// A cancellation names the address of its operation, and so does a later operation at the same
// address. They cannot be mistaken for each other: the submission queue is handed over in order, and a
// cancellation that is still waiting for a place is dropped when its operation completes. The kernel, however, may
// take one for a request that has completed already: a worker thread of io_uring keeps the address until it has put the
// request away, a moment after the completion, and the cancel request ends at the first match. The request that an
// operation made next, a second step or that of another operation at the same address, would go on for ever. So a
// cancel request asks for all matches (IORING_ASYNC_CANCEL_ALL).
#pragma once

#include <pirn/loop/operations.hpp>
#include <pirn/loop/options.hpp>

#include "loop/backend.hpp"
#include "loop/uring/ring.hpp"
#include "os/wakeup.hpp"

#include <array>
#include <bitset>
#include <cstddef>

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

// many_flag: bits in the flags of an operation that reports several times.
//
//   accept_many        one_by_one: this kernel accepts one per request
//   receive_borrowed   by_poll: the kernel is asked for readability, and we receive
//                      starves: waits for a buffer, the kernel has no request
//                      stalled: has received enough for this turn, the kernel has no request
namespace many_flag {
inline constexpr std::uint8_t one_by_one = 0x01;
inline constexpr std::uint8_t by_poll = 0x02;
inline constexpr std::uint8_t starves = 0x04;
inline constexpr std::uint8_t stalled = 0x08;
} // namespace many_flag

// zero_copy_flag: bits in the flags of a send_zero_copy: the kernel answers, and once more when it has let
// go of the buffer.
//
//   asked ──────► answered ──────► finished
//     │ cannot be done here
//     └─────────► plain ─────────► finished
namespace zero_copy_flag {
inline constexpr std::uint8_t plain = 0x01;
inline constexpr std::uint8_t answered = 0x02;
} // namespace zero_copy_flag

// send_flag: bits in the flags of whatever sends, a plain send_zero_copy included. The kernel would wait for room by
// itself, but has by then taken the bytes of a message for the full queue of a UNIX datagram socket, and sends an
// empty one in its place (seen on Linux 6.18). So it is told not to wait, and asked for room. Where there is no
// readiness to ask for, because the message names whom it is for, it waits in its own way.
//
//   asked ──────► finished
//     │  ▲ room
//     ▼  │
//   waits
namespace send_flag {
inline constexpr std::uint8_t waits = 0x04;
} // namespace send_flag

bool may_hold_worker(operation_kind kind) noexcept;

class uring_backend final : public backend {
  public:
    // Throws std::system_error when io_uring cannot be had here, for whatever reason.
    uring_backend(const loop_options& options, outbox& out);

    bool serves(const operation& what) const noexcept override;
    void submit(operation& what) noexcept override;
    bool attempt(operation& what) noexcept override;
    void cancel(operation& what) noexcept override;
    void resume(multishot_operation& what) noexcept override;
    void attach(buffer_pool& pool) noexcept override;
    void detach(buffer_pool& pool) noexcept override;
    void feed(buffer_pool& pool) noexcept override;
    void release(int descriptor) noexcept override;
    bool poll(time_point until) override;
    void give_up(int refusal) noexcept override;
    void wake() noexcept override { wakeup_.wake(); }
    int descriptor() override;
    bool before_wait() noexcept override;
    time_point next() const noexcept override { return ask_again_at_; }
    void abandon() noexcept override;
    const char* name() const noexcept override { return "uring"; }
    int socket_flags() const noexcept override;

  private:
    void stop_listening() noexcept;
    bool hand_over() noexcept;
    bool arm_wakeup() noexcept;
    void request_cancel(operation& what) noexcept;
    void watch_cancel() noexcept;
    void unwatch_cancel(const operation& ended) noexcept;
    void ask_again() noexcept;
    void take(operation& what) noexcept;
    void let_go(operation& what) noexcept;
    void end_all(operation_queue& queue) noexcept;
    bool reap() noexcept;
    static bool must_wait(const io_uring_cqe& completion) noexcept;
    bool complete(const io_uring_cqe& completion) noexcept;
    void complete_last(operation& what, int result) noexcept;
    void retry(operation& what) noexcept;
    void prepare(io_uring_sqe& entry, operation& what) noexcept;
    bool begin(operation& what) noexcept;
    int begin_send_file(send_file_operation& what) noexcept;
    void complete_send_file(send_file_operation& what, int result) noexcept;
    int end_send_file(send_file_operation& what, int result) noexcept;
    void complete_write(operation& what, int result) noexcept;
    void complete_send(operation& what, int result) noexcept;
    void complete_zero_copy(operation& what, const io_uring_cqe& completion) noexcept;
    void complete_accept_many(accept_many_operation& what, int result, bool more) noexcept;
    void complete_borrowed(receive_borrowed_operation& what,
                           const io_uring_cqe& completion) noexcept;
    void pull(receive_borrowed_operation& what) noexcept;
    static void choose_way(receive_borrowed_operation& operation) noexcept;
    void arm_again(receive_borrowed_operation& what) noexcept;
    void starve(receive_borrowed_operation& what) noexcept;
    void offer(buffer_pool& pool) noexcept;
    void complete_child(child_operation& what, int result) noexcept;
    void complete_poll(poll_operation& what, int result, bool more) noexcept;

    uring_ring ring_;
    std::bitset<operation_kinds> serves_; // of what the pool can do, that which this kernel does
    os::wakeup wakeup_;
    os::handle
        ready_; // written by the kernel when there is something, once somebody else waits for us
    bool listens_ = false; // it is at the moment
    bool wakeup_armed_ = false;
    bool waits_first_ = false;   // the kernel can, before it tries to receive
    bool no_signal_flag_ = true; // the kernel has RWF_NOSIGNAL, as far as we know
    std::array<std::array<os::handle, 2>, 8> pipes_; // empty ones, for send_file
    std::size_t spare_pipes_ = 0;
    std::uint16_t next_group_ = 0; // of buffers
    // Each operation in flight is in one of these, unless it waits for a buffer or for room to report.
    operation_queue waiting_;         // for a place in the submission queue
    std::size_t watched_cancels_ = 0; // see cancel_watch.cpp
    time_point ask_again_at_ = never;
    duration ask_again_after_{};
    operation_queue taken_;   // the kernel has them, or gets them with the next flush
    operation_queue cancels_; // the kernel has them, their cancellation waits for a place
};

} // namespace pirn::detail
