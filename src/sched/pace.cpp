// SPDX-License-Identifier: MIT
//
// When a scheduler looks at the clock, when it asks its idler for news, and how often a joiner goes before others.
#include <pirn/sched/pace.hpp>

#include <pirn/base/time.hpp>
#include <pirn/sched/scheduler.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace pirn {
namespace {

// How long tasks may have turns, one step aside, until the idler is asked for news.
constexpr std::chrono::milliseconds longest_between_polls{1};

// The clock has not been looked at since the scheduler was last left.
constexpr time_point unknown = time_point::min();

} // namespace

// look: at the clock; and asks the idler for news if that was long ago, by time or by turns.
void scheduler::look() {
    const time_point current = now();
    if (looked_at_ != unknown) {
        pace_.looked(current - looked_at_);
    } else {
        polled_at_ = current;
    }
    looked_at_ = current;
    const bool long_ago = current - polled_at_ >= longest_between_polls;
    if (long_ago || turns_since_poll_ >= options_.turns_between_polls) {
        polled_at_ = current;
        if (long_ago) {
            jumps_left_ = 0; // those who wait for their turn come first
        }
        poll();
    } else {
        look_at_ = std::min(turns_since_poll_ + pace_.turns(), options_.turns_between_polls);
    }
}

// look_anew: nothing is known of the turns to come, as those before are long ago.
void scheduler::look_anew() noexcept {
    pace_.restart();
    looked_at_ = polled_at_ = now();
    look_at_ = turns_since_poll_ + 1;
}

// poll_is_late: whether the idler should be asked for news at once; then a look is due. For a task that nothing else
// keeps from running: it can afford a look at the clock each time when it yields.
bool scheduler::poll_is_late() noexcept {
    if (looked_at_ == unknown || now() - polled_at_ < longest_between_polls) {
        return false;
    }
    look_at_ = 0;
    return true;
}

// may_go_on: the answers of the running task are used up: true if it has some more, because it was quick.
bool scheduler::may_go_on() noexcept {
    const unsigned more = pace_.answers();
    if (looked_at_ == unknown) {
        looked_at_ = polled_at_ = now();
    }
    if (more >= detail::pace::most_answers || ++refills_ >= detail::pace::most_answers ||
        now() - looked_at_ >= detail::pace::between_looks) {
        refills_ = 0;
        return false;
    }
    answers_left_ = more;
    return true;
}

// goes_on_at_once: who has waited for a task that has just ended has its turn next, so that what was spawned and is joined
// is as good as called, and a tree of tasks is walked depth first. Only so often for a turn that somebody has waited for:
// then it is the next one's, who has as many.
bool scheduler::goes_on_at_once(waiter& joiner) noexcept {
    detail::task* const sleeper = joiner.who;
    if (sleeper == nullptr || jumps_left_ == 0 || sleeper->migratable || outer_ == nullptr ||
        sleeper->home.load(std::memory_order_relaxed) != this ||
        sleeper->parked_on.load(std::memory_order_relaxed) != &joiner) {
        return false;
    }
    --jumps_left_;
    jumped_ = true;
    joiner.over = true;
    sleeper->parked_on.store(nullptr, std::memory_order_relaxed);
    turn_.push_front(*sleeper);
    return true;
}

void scheduler::poll() {
    turns_since_poll_ = 0;
    look_at_ = std::min<std::size_t>(pace_.turns(), options_.turns_between_polls);
    goes_on_ = false;
    idler_->poll();
    drain_inbox();
}

} // namespace pirn
