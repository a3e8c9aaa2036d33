// SPDX-License-Identifier: MIT
//
// When a scheduler looks at the clock, when it asks its idler for news, and how often a joiner goes before others.
#include <pirn/sched/pace.hpp>

#include <pirn/base/time.hpp>
#include <pirn/sched/scheduler.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace pirn {
namespace {

// How long tasks may have turns, one step aside, until the idler is asked for news.
constexpr std::chrono::microseconds longest_between_polls{50};

// How long those who go on at once may do so, one step aside, before those who have waited longer.
constexpr std::chrono::milliseconds longest_jumping{1};

// How often a task yields alone until the clock is looked at; a look costs about as much as three yields.
constexpr unsigned lone_yields_between_looks = 16;

// The clock has not been looked at since the scheduler was last left.
constexpr time_point unknown = time_point::min();

} // namespace

// look: at the clock; and asks the idler for news if that was long ago, by time or by turns.
void scheduler::look() {
    look_after(0);
    const bool many_turns = turns_to_poll_ <= 0;
    const time_point current = now();
    if (looked_at_ != unknown) {
        pace_.looked(current - looked_at_);
    } else {
        polled_at_ = jumps_since_ = current;
    }
    looked_at_ = current;
    if (current - jumps_since_ >= longest_jumping) {
        jumps_since_ = current;
        jumps_left_ = 0; // those who wait for their turn come first
    }
    if (many_turns || current - polled_at_ >= longest_between_polls) {
        polled_at_ = current;
        poll();
    } else {
        look_after(pace_.turns());
    }
}

// look_after: so many turns, or fewer if the idler is to be asked earlier.
void scheduler::look_after(std::ptrdiff_t turns) noexcept {
    turns_to_poll_ -= turns_given_ - turns_left_;
    turns_given_ = turns_left_ = std::min(turns, std::max<std::ptrdiff_t>(turns_to_poll_, 0));
}

// look_anew: nothing is known of the turns to come, as those before are long ago.
void scheduler::look_anew() noexcept {
    pace_.restart();
    looked_at_ = polled_at_ = jumps_since_ = now();
    look_after(1);
}

// poll_is_late: whether the idler should be asked for news at once; then a look is due. Called for each yield of a task
// while no other is runnable. Such yields are few among turns of tasks that wait for each other, so that the clock can be
// looked at more often than the pace says.
bool scheduler::poll_is_late() noexcept {
    if (++lone_yields_ % lone_yields_between_looks != 0 || looked_at_ == unknown ||
        now() - polled_at_ < longest_between_polls) {
        return false;
    }
    look_after(0);
    return true;
}

// may_go_on: the answers of the running task are used up: true if it has some more, because it was quick.
bool scheduler::may_go_on() noexcept {
    const unsigned more = pace_.answers();
    if (looked_at_ == unknown) {
        looked_at_ = polled_at_ = jumps_since_ = now();
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
// is as good as called, and a tree of tasks is walked depth first. Only so often
// before a task that has waited longer has its turn.
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

// turns_between_polls: as the options say.
std::ptrdiff_t scheduler::turns_between_polls() const noexcept {
    constexpr std::size_t most = std::numeric_limits<std::int32_t>::max();
    return static_cast<std::ptrdiff_t>(std::min(options_.turns_between_polls, most));
}

void scheduler::poll() {
    turns_given_ = turns_left_ = 0;
    turns_to_poll_ = turns_between_polls();
    look_after(pace_.turns());
    goes_on_ = false;
    idler_->poll();
    drain_inbox();
}

} // namespace pirn
