// SPDX-License-Identifier: MIT
//
// The armed timers of one loop, nearest first. Knows no clock: the loop says what time it is.
// Both backends wait with a plain timeout for the nearest one, so that a timer costs no system call.
#pragma once

#include <pirn/base/heap.hpp>
#include <pirn/base/time.hpp>
#include <pirn/loop/operations.hpp>

namespace pirn {

class timers {
  public:
    bool empty() const noexcept { return heap_.empty(); }

    // next: the nearest deadline, `never` when there is none.
    time_point next() const noexcept { return heap_.empty() ? never : heap_.top_key(); }

    // arm: false when there is no memory, then nothing has changed.
    bool arm(timer_operation& what) noexcept;
    void disarm(timer_operation& what) noexcept;

    // take_due: takes out the nearest timer whose deadline has come, or gives null. Timers with the
    // same deadline leave in the order in which they were armed.
    timer_operation* take_due(time_point now) noexcept;

  private:
    heap<timer_operation, &timer_operation::place_, time_point> heap_;
};

} // namespace pirn
