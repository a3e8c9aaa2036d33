// SPDX-License-Identifier: MIT
//
// A clock for tests: it goes only when it is told to, so that what takes an hour is tested in a microsecond, and
// to the nanosecond. Named in loop_options, it says what time it is for all timers of that loop, and for the
// times until which its `run` waits. Named in the loop_options of a runtime, it is also what pirn::now and pirn::after say
// to its tasks, for sleeps and timeouts. IO, the blocking pool and the threads of the program know nothing of it.
//
//                       advance, advance_to
//   start ─────────────────────────────────────────────► later, never back
//            when_idle::jumps: the nearest deadline
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/time.hpp>

#include <cstdint>

namespace pirn {

// when_idle: what time does when a loop has nothing to do but to wait for it.
//
//   stands   it stands: run waits for something else (IO, a wake), for ever if there is nothing else
//   jumps    it jumps to the nearest deadline, once a look at the kernel has found nothing, and unless the
//            blocking pool is at work. What comes from other threads and processes may then come late.
enum class when_idle : std::uint8_t { stands, jumps };

// test_clock: outlives the loops that name it, which are all on one thread, its own.
class PIRN_EXPORT test_clock {
  public:
    // Begins at the clock's zero, or at any later time.
    explicit test_clock(when_idle idle = when_idle::stands, time_point start = {}) noexcept
        : now_{start < time_point{} ? time_point{} : start}, idle_{idle} {}
    test_clock(const test_clock&) = delete;
    test_clock& operator=(const test_clock&) = delete;

    // now: the time. Never suspends.
    time_point now() const noexcept { return now_; }

    // hand: where now() is to be read. Never suspends.
    const time_point& hand() const noexcept { return now_; }

    // advance: moves time on, as far as to just before `never`. A negative duration is a
    // programmer error. What is due then completes in the loop's next run. Never suspends.
    void advance(duration by);

    // advance_to: the same, to a point; nothing happens when that has passed. Never suspends.
    void advance_to(time_point then) noexcept;

    // idle: as it was made. Never suspends.
    when_idle idle() const noexcept { return idle_; }

  private:
    time_point now_;
    when_idle idle_;
};

} // namespace pirn
