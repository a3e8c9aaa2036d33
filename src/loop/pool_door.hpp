// SPDX-License-Identifier: MIT
//
// A loop's door to the blocking pool: what goes out, what comes back, and what waits because this loop
// has its share in the pool already. Nothing is allocated per operation: all lists are made of them.
//
//   loop's thread                         │ the pool
//     waiting_ ──(a place is free)────────┼──► queue ──► a thread runs it
//     finished ◄──────────────── inbox_ ◄─┼───────────── done()
//
// Shared state:
//   inbox_     pushed by the pool's threads, taken by the loop's
//   visitors_  how many threads of the pool may still use this object; raised and lowered by them
// All else belongs to the loop's thread.
#pragma once

#include <pirn/base/mpsc.hpp>
#include <pirn/base/time.hpp>
#include <pirn/loop/blocking_pool.hpp>
#include <pirn/loop/work.hpp>

#include "loop/backend.hpp"

#include <atomic>
#include <cstddef>
#include <memory>

namespace pirn::detail {

class pool_door {
  public:
    // The backend and the queue outlive this.
    pool_door(std::shared_ptr<blocking_pool> pool, backend& kernel, operation_queue& finished);
    pool_door(const pool_door&) = delete;
    pool_door& operator=(const pool_door&) = delete;
    // Nothing is out any more.
    ~pool_door();

    // submit, cancel: as a backend's.
    void submit(pooled_operation& what) noexcept;
    void cancel(pooled_operation& what) noexcept;

    // turn: takes back what is done, hands out what has waited, and interrupts again what goes on
    // although it was cancelled.
    void turn() noexcept;

    // next: when to come back for an interruption at the latest; `never` mostly.
    time_point next() const noexcept { return stubborn_.empty() ? never : next_hit_; }

    // busy: whether the pool has something of this loop. Never suspends.
    bool busy() const noexcept { return outside_ > 0; }

    // enter, done: for a thread of the pool: before it takes an operation, and after it has done it.
    void enter() noexcept { visitors_.fetch_add(1, std::memory_order_relaxed); }
    void done(pooled_operation& what, int result) noexcept;

  private:
    void hand_out() noexcept;
    void finish(pooled_operation& what, int result) noexcept;
    void hit_again() noexcept;

    std::shared_ptr<blocking_pool> pool_;
    backend& kernel_;
    operation_queue& finished_;
    operation_queue waiting_;  // for a place in the pool
    operation_queue stubborn_; // running and cancelled
    std::size_t outside_ = 0;  // in the pool's hands
    time_point next_hit_ = never;
    duration pause_{}; // between two interruptions
    mpsc<pooled_operation> inbox_;
    std::atomic<int> visitors_{0};
};

} // namespace pirn::detail
