// SPDX-License-Identifier: MIT
//
// What a scheduler does when nothing is runnable: an interface that the scheduler owns and a higher
// room fills in. The runtime's idler is an event loop; a scheduler without one waits on a condition
// variable for wakes from other threads.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/time.hpp>

namespace pirn {

class PIRN_EXPORT idler {
  public:
    // `kind` tells apart who filled this in, for the room that did: the address of anything of its own.
    explicit idler(const void* kind = nullptr) noexcept : kind_{kind} {}
    idler(const idler&) = delete;
    idler& operator=(const idler&) = delete;
    virtual ~idler();

    // poll: looks for news without waiting. Called on the scheduler's thread, outside of any task; may
    // unpark tasks.
    virtual void poll() = 0;

    // wait: waits until there is news, or wake() was called since the last wait.
    virtual void wait() = 0;

    // wait_until: the same, but not beyond the deadline.
    virtual void wait_until(time_point /*deadline*/) { wait(); }

    // expects_news: whether anything is under way that can end a wait without another thread's doing. Where it is
    // false, tasks that wait are reported as a deadlock.
    virtual bool expects_news() const noexcept { return true; }

    // wake: ends a wait, the present one or the next. Thread-safe.
    virtual void wake() noexcept = 0;

    const void* kind() const noexcept { return kind_; }

  private:
    const void* kind_;
};

} // namespace pirn
