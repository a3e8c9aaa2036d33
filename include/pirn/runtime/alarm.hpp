// SPDX-License-Identifier: MIT
//
// An alarm: a function that is called at a time, on the event loop under the current task, while tasks do
// something else. What deadlines are made of. Not API for programs: sleep, or give a scope a deadline.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/time.hpp>
#include <pirn/loop/operations.hpp>

namespace pirn {

class loop;

namespace detail {
struct task;
}

// alarm: set, unset and destroyed on the thread of one task, or of several that share it.
class PIRN_EXPORT alarm {
  public:
    // ring: called on the loop's thread, outside of any task, at the time or later, never before. It must not
    // throw, and may set or destroy this alarm or another.
    using ring_function = void (*)(alarm&) noexcept;

    explicit alarm(ring_function ring) noexcept : timer_{*this}, ring_{ring} {}
    alarm(const alarm&) = delete;
    alarm& operator=(const alarm&) = delete;
    ~alarm() { unset(); }

    // set: rings at `when` instead of whenever it was set for before; not at all if that is `never`. A
    // programmer error where there is no event loop. Never suspends.
    void set(time_point when);
    // The same for a task of this thread, which stays on it while the alarm is set, even if it is migratable. It does
    // not end before the alarm is unset.
    void set(time_point when, detail::task* for_task);
    // unset: does not ring any more. Never suspends.
    void unset() noexcept;

    time_point when() const noexcept { return where_ != nullptr ? timer_.deadline : never; }

  private:
    struct timer : timer_operation {
        explicit timer(alarm& of) noexcept : timer_operation{never, &done}, whose{of} {}
        static void done(operation& what) noexcept;
        alarm& whose;
    };

    void untie() noexcept;

    timer timer_;
    ring_function ring_;
    loop* where_ = nullptr;        // on which it is set
    detail::task* tied_ = nullptr; // the task that it was set for, if any
};

} // namespace pirn
