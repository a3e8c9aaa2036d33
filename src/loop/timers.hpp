// SPDX-License-Identifier: MIT
//
// The armed timers of one loop, nearest first: a hierarchical timing wheel (Varghese and Lauck, "Hashed and
// Hierarchical Timing Wheels", 1987, scheme 7) that is exact to the nanosecond. Arming and disarming take
// constant time and no memory, however many there are.
//
// Time is cut into ticks of 2^16 ns (66 µs), and the number of a tick into digits of 6 bits. Up to the tick
// `opened`, timers are in a list in the order of their deadlines. A later one is in the wheel of the highest
// digit in which its tick differs from `opened`, in the slot of that digit's value:
//
//   near      sorted by deadline                                     the tick `opened`, and all before it
//   wheel 0   64 slots of a tick                                     the rest of the current 4 ms
//   wheel 1   64 slots of 4 ms                                       the rest of the current 268 ms
//   …                                                                …
//   wheel 7   64 slots of 9 years                                    all that a 64-bit clock can say
//
// So everything in a wheel comes before everything in the next one, and slots of a wheel before later slots of
// it. When time reaches a slot, it becomes `opened`: a slot of wheel 0 is sorted and joins `near`, one of
// another wheel is dealt out to the wheels below, where each of its timers goes at most 7 times in its life.
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

    static constexpr unsigned tick_bits = 16;
    static constexpr unsigned digit_bits = 6;
    static constexpr unsigned slots = 1U << digit_bits;
    static constexpr unsigned wheels = 8; // 8 · 6 + 16 = 64

    static std::uint64_t tick_of(time_point deadline) noexcept;
    slot* first_occupied(unsigned& wheel, unsigned& index) noexcept;
    void place(timer_operation& what, std::uint64_t tick) noexcept;
    void open_until(std::uint64_t tick) noexcept;

    queue near_;
    std::array<std::array<slot, slots>, wheels> wheels_;
    std::array<std::uint64_t, wheels> occupied_{}; // a bit for each slot; set also if all have left
    std::uint64_t opened_ = 0;
    std::size_t count_ = 0;
};

} // namespace pirn
