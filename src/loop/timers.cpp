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
    place(what);
}

void timers::disarm(timer_operation& what) noexcept {
    due_.erase(what); // whichever list it is in
    --count_;
    detail::count_timers(-1);
}

time_point timers::next() noexcept {
    settle();
    if (const timer_operation* first = due_.front()) {
        return first->deadline;
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
    if (const std::uint64_t time = number_of(now); time > opened_) {
        open_until(time);
    }
    settle();
    timer_operation* const first = due_.front();
    if (first == nullptr || first->deadline > now) {
        return nullptr;
    }
    disarm(*first);
    return first;
}

timer_operation* timers::take_any() noexcept {
    settle();
    timer_operation* any = due_.front();
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
std::uint64_t timers::number_of(time_point when) noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(when.time_since_epoch().count(), 0));
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

// settle: timers whose time had passed when they were armed, in the order of their deadlines with the others that are due.
// All at once: one by one each would look for its place among all.
void timers::settle() noexcept {
    if (!late_.empty()) {
        due_.take_all(late_);
        due_.sort(sooner);
    }
}

// place: among those that are due, or into its slot.
void timers::place(timer_operation& what) noexcept {
    const std::uint64_t when = number_of(what.deadline);
    if (when <= opened_) {
        const bool is_last =
            when == opened_ && when != 0 && late_.empty(); // 0 stands for all before it
        (is_last ? due_ : late_).push_back(what);
        return;
    }
    const unsigned highest = 63U - static_cast<unsigned>(std::countl_zero(when ^ opened_));
    const unsigned wheel = highest / digit_bits;
    const unsigned index = static_cast<unsigned>(when >> (wheel * digit_bits)) % slots;
    slot& into = wheels_[wheel][index];
    into.first = into.waiting.empty() ? what.deadline : std::min(into.first, what.deadline);
    into.waiting.push_back(what);
    occupied_[wheel] |= std::uint64_t{1} << index;
}

// open_until: moves `opened` on, slot by slot, so that all timers up to there are due.
void timers::open_until(std::uint64_t time) noexcept {
    unsigned wheel = 0;
    unsigned index = 0;
    while (slot* const first = first_occupied(wheel, index)) {
        const unsigned below = wheel * digit_bits; // bits of the digits that are smaller
        const std::uint64_t above = opened_ >> below >> digit_bits << digit_bits;
        const std::uint64_t begin = (above | index) << below;
        if (begin > time) {
            break;
        }
        opened_ = begin;
        occupied_[wheel] &= ~(std::uint64_t{1} << index);
        queue dealt_out;
        dealt_out.take_all(first->waiting);
        while (timer_operation* const each = dealt_out.pop_front()) {
            place(*each);
        }
    }
    opened_ = std::max(opened_, time);
}

} // namespace pirn
