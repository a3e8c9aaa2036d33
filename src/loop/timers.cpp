// SPDX-License-Identifier: MIT
//
// The armed timers of one loop: see timers.hpp for the picture.
#include "loop/timers.hpp"

#include <pirn/base/live.hpp>

#include <algorithm>
#include <bit>

namespace pirn {

namespace {

bool sooner(const timer_operation& one, const timer_operation& other) noexcept {
    return one.deadline < other.deadline;
}

} // namespace

void timers::arm(timer_operation& what) noexcept {
    ++count_;
    detail::count_timers(1);
    const std::uint64_t tick = tick_of(what.deadline);
    if (tick > opened_) {
        place(what, tick);
        return;
    }
    // Mostly the latest of the near ones, so the place is looked for from the end.
    timer_operation* before = near_.back();
    while (before != nullptr && sooner(what, *before)) {
        before = near_.previous(*before);
    }
    if (before != nullptr) {
        near_.insert_after(*before, what);
    } else {
        near_.push_front(what);
    }
}

void timers::disarm(timer_operation& what) noexcept {
    near_.erase(what); // whichever list it is in
    --count_;
    detail::count_timers(-1);
}

time_point timers::next() noexcept {
    if (const timer_operation* nearest = near_.front()) {
        return nearest->deadline;
    }
    unsigned wheel = 0;
    unsigned index = 0;
    const slot* const first = first_occupied(wheel, index);
    return first != nullptr ? first->first : never;
}

timer_operation* timers::take_due(time_point now) noexcept {
    if (count_ == 0) {
        return nullptr;
    }
    if (const std::uint64_t tick = tick_of(now); tick > opened_) {
        open_until(tick);
    }
    timer_operation* const nearest = near_.front();
    if (nearest == nullptr || nearest->deadline > now) {
        return nullptr;
    }
    disarm(*nearest);
    return nearest;
}

timer_operation* timers::take_any() noexcept {
    timer_operation* any = near_.front();
    if (any == nullptr) {
        unsigned wheel = 0;
        unsigned index = 0;
        const slot* const first = first_occupied(wheel, index);
        any = first != nullptr ? first->waiting.front() : nullptr;
    }
    if (any != nullptr) {
        disarm(*any);
    }
    return any;
}

// ---------------------------------------------------------------------------------------------------

// Deadlines before the clock's zero have come, whatever the time.
std::uint64_t timers::tick_of(time_point deadline) noexcept {
    const auto since_zero = std::max<std::int64_t>(deadline.time_since_epoch().count(), 0);
    return static_cast<std::uint64_t>(since_zero) >> tick_bits;
}

// first_occupied: the slot whose turn is next, and where it is; null when all wheels are empty.
timers::slot* timers::first_occupied(unsigned& wheel, unsigned& index) noexcept {
    for (wheel = 0; wheel < wheels; ++wheel) {
        while (occupied_[wheel] != 0) {
            index = static_cast<unsigned>(std::countr_zero(occupied_[wheel]));
            if (slot& found = wheels_[wheel][index]; !found.waiting.empty()) {
                return &found;
            }
            occupied_[wheel] &= occupied_[wheel] - 1; // all have been disarmed
        }
    }
    return nullptr;
}

// place: puts a timer of a tick that is not opened into its slot.
void timers::place(timer_operation& what, std::uint64_t tick) noexcept {
    const unsigned highest = 63U - static_cast<unsigned>(std::countl_zero(tick ^ opened_));
    const unsigned wheel = highest / digit_bits;
    const unsigned index = static_cast<unsigned>(tick >> (wheel * digit_bits)) % slots;
    slot& into = wheels_[wheel][index];
    into.first = into.waiting.empty() ? what.deadline : std::min(into.first, what.deadline);
    into.waiting.push_back(what);
    occupied_[wheel] |= std::uint64_t{1} << index;
}

// open_until: moves `opened` on, and all timers up to there into `near`.
void timers::open_until(std::uint64_t tick) noexcept {
    unsigned wheel = 0;
    unsigned index = 0;
    while (slot* const first = first_occupied(wheel, index)) {
        const unsigned below = wheel * digit_bits; // bits of the digits that are smaller
        const std::uint64_t above = opened_ >> below >> digit_bits << digit_bits;
        const std::uint64_t begin = (above | index) << below;
        if (begin > tick) {
            break;
        }
        opened_ = begin;
        occupied_[wheel] &= ~(std::uint64_t{1} << index);
        queue now_near;
        queue dealt_out;
        dealt_out.take_all(first->waiting);
        while (timer_operation* const each = dealt_out.pop_front()) {
            if (const std::uint64_t of_it = tick_of(each->deadline); of_it > opened_) {
                place(*each, of_it);
            } else {
                now_near.push_back(*each);
            }
        }
        now_near.sort(sooner);
        near_.take_all(now_near);
    }
    opened_ = std::max(opened_, tick);
}

} // namespace pirn
