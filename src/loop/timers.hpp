// SPDX-License-Identifier: MIT
//
// The armed timers of one loop, nearest first: a hierarchical timing wheel (Varghese and Lauck, "Hashed and
// Hierarchical Timing Wheels", 1987, scheme 7) that is exact to the nanosecond. Arming and disarming take
// constant time and no memory, however many there are.
//
// A time is a number of nanoseconds, cut into digits of 6 bits. Up to the time `opened`, timers are due, in a list in the
// order of their deadlines. A later one is in the wheel of the highest digit in which its time differs from `opened`,
// in the slot of that digit's value:
//
//   due, late                              up to `opened`; late: past when it was armed, not yet sorted in
//   wheel 0    64 slots of 1 ns            the rest of the current 64 ns
//   wheel 1    64 slots of 64 ns           the rest of the current 4 µs
//   …                                      …
//   wheel 10   16 slots of 36 years        all that a 64-bit clock can say
//
// So everything in a wheel comes before everything in the next one, and slots of a wheel before later slots of
// it. When time reaches a slot, it becomes `opened`, and its timers are dealt out: to the wheels below, where each of
// them goes at most 10 times in its life, and in the end to those that are due. No place is searched for: a time that
// stands still, as a test's does, costs no more than one that goes on.
//
// Knows no clock: the loop says what time it is. Both backends wait with a plain timeout for the nearest
// one, so that a timer costs no system call.
#pragma once

#include <pirn/base/list.hpp>
#include <pirn/base/time.hpp>
#include <pirn/loop/operations.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace pirn {

class timers {
  public:
    bool empty() const noexcept { return count_ == 0; }

    // next: the nearest deadline, `never` when there is none. Where a nearer one was disarmed it may be that.
    time_point next() noexcept;

    void arm(timer_operation& what) noexcept;
    void disarm(timer_operation& what) noexcept;

    // take_due: takes out the nearest timer whose deadline has come, or gives null. Timers with the
    // same deadline leave in the order in which they were armed. `now` never goes backwards.
    timer_operation* take_due(time_point now) noexcept;

    // take_any: takes out some timer, or gives null.
    timer_operation* take_any() noexcept;

  private:
    using queue = list<timer_operation, &timer_operation::place_>;
    struct slot {
        queue waiting;
        time_point first; // not later than any deadline here; meaningless when nobody is
    };

    static constexpr unsigned digit_bits = 6;
    static constexpr unsigned slots = 1U << digit_bits;
    static constexpr unsigned wheels = 11; // the last one has 16 slots: 10 · 6 + 4 = 64

    static std::uint64_t number_of(time_point when) noexcept;
    slot* first_occupied(unsigned& wheel, unsigned& index) noexcept;
    void settle() noexcept;
    void place(timer_operation& what) noexcept;
    void open_until(std::uint64_t time) noexcept;

    queue due_;
    queue late_;
    std::array<std::array<slot, slots>, wheels> wheels_;
    std::array<std::uint64_t, wheels> occupied_{}; // a bit for each slot; set also if all have left
    std::uint64_t opened_ = 0;
    std::size_t count_ = 0;
};

} // namespace pirn
