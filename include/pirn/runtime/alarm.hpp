// SPDX-License-Identifier: MIT
//
// A function that is called at a point in time, for what waits for several things of which one is the time. Most
// programs want sleep_until.
//
//            set                       the deadline has come
//   off ───────────► set, in the loop ───────────────────────► ring(alarm), off
//    ▲                      │
//    └──── off() returns ◄──┘ off: the timer is cancelled, and its completion waited for
//
// Belongs to a task of a runtime, and stays where it is.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/time.hpp>
#include <pirn/loop/operations.hpp>
#include <pirn/sched/park.hpp>

namespace pirn {

class PIRN_EXPORT alarm : private timer_operation {
  public:
    // ring: called on the loop's thread, outside of any task; it must not suspend, and may destroy nothing.
    using ring_function = void (*)(alarm&) noexcept;

    // Throws nothing; called inside a task of a runtime. Never suspends.
    explicit alarm(ring_function ring) noexcept;
    alarm(const alarm&) = delete;
    alarm& operator=(const alarm&) = delete;
    // Turns it off. Suspends.
    ~alarm() { off(); }

    // set: it is off before. A deadline in the past rings soon, not from inside set. Never suspends.
    void set(time_point when) noexcept;

    // off: from the return on it does not ring, whatever the task is asked. Suspends.
    void off() noexcept;

    // is_set: whether it will ring. Never suspends.
    bool is_set() const noexcept { return in_flight(); }

  private:
    static void completed(operation& timer) noexcept;

    ring_function ring_;
    loop& loop_;
    waiter* turning_off_ = nullptr;
};

} // namespace pirn
