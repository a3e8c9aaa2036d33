// SPDX-License-Identifier: MIT
//
// A count that only goes down, and those who wait until it is zero; in the manner of std::latch. For once; what
// comes round again is a barrier.
//
// From any thread, tasks and others. Outside of any task, waiting blocks the thread.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/sync/parking_lot.hpp>

#include <cstddef>

namespace pirn {

class PIRN_EXPORT latch {
  public:
    explicit latch(std::size_t count) noexcept : count_{count} {}
    latch(const latch&) = delete;
    latch& operator=(const latch&) = delete;
    // Nobody may be waiting.
    ~latch();

    // count_down: by `steps`, at most to zero. Thread-safe. Never suspends.
    void count_down(std::size_t steps = 1);

    // wait: until the count is zero. Throws `cancelled` if the task is asked to stop. Thread-safe. Suspends.
    void wait();

    // try_wait: whether the count is zero. Thread-safe. Never suspends.
    [[nodiscard("whether it was done is the answer; look at it")]] bool try_wait() const noexcept;

    // arrive_and_wait: counts down by one and waits. If the task is asked to stop meanwhile, throws `cancelled`,
    // and the step has been made all the same: others may have seen it. Thread-safe. Suspends.
    void arrive_and_wait();

  private:
    mutable detail::spin_lock guard_;
    detail::wait_queue waiters_;
    std::size_t count_;
};

} // namespace pirn
