// SPDX-License-Identifier: MIT
//
// Work for another thread: a function that may block, run on the loop's blocking pool. And what all
// operations have in common that can be done there.
//
// Sizes on a 64-bit machine: operation 32 bytes, pooled_operation 64, work_operation 72.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/mpsc.hpp>
#include <pirn/loop/operation.hpp>

#include <atomic>

namespace pirn {

// pooled_operation: one that a thread of the blocking pool may do.
//
//                submit             a thread takes it          it is done          turn of the loop
//   idle ─────────────────► queued ──────────────────► running ──────────► done ──────────────────► idle
//                             │ cancel                    │ cancel: stop_requested(), and a signal
//                             ▼                           ▼ to the thread until it is done
//                  never runs, -ECANCELED         its result, or -ECANCELED if a signal ended it
class PIRN_EXPORT pooled_operation : public operation, private mpsc_link {
  public:
    // stop_requested: whether it has been cancelled while it runs. Thread-safe. Never suspends.
    bool stop_requested() const noexcept { return stop_.load(std::memory_order_relaxed) != 0; }

  protected:
    pooled_operation(operation_kind kind, completion done) noexcept : operation{kind, done} {}
    ~pooled_operation() = default;

    bool is_call_ = false; // a call of the program's own: done on the pool for those

  private:
    friend class mpsc<pooled_operation>;
    friend struct detail::operation_access;

    detail::pool_door* door_ = nullptr; // the way back; set by the loop
    void* runner_ = nullptr;            // the thread that runs it; under the pool's mutex
    std::atomic<int> stop_{0};          // set by the loop's thread, read by the runner
};

// work_operation: runs a function on a thread of the pool and completes with what it returned. A function
// that makes blocking system calls can be cancelled if it gives up on EINTR once stop_requested() says
// so; one that looks at nothing runs to its end. -EAGAIN when not even one thread can be had, -ESRCH in
// a child process after fork, where the pool has no threads.
class work_operation : public pooled_operation {
  public:
    using function = int (*)(work_operation&) noexcept;

    work_operation(function what, completion done) noexcept
        : pooled_operation{operation_kind::work, done}, run{what} {}

    function run; // gets this operation, from which it may derive its parameters
};

} // namespace pirn
