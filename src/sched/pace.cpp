// SPDX-License-Identifier: MIT
//
// When a scheduler looks at the clock, when it asks its idler for news, and how often a joiner goes before others.
#include <pirn/sched/pace.hpp>

#include <pirn/base/time.hpp>
#include <pirn/sched/scheduler.hpp>

#include "sched/access.hpp"
#include "sched/share.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <tuple>

namespace pirn {
namespace {

// How long tasks may have turns, one step aside, until the idler is asked for news.
constexpr std::chrono::microseconds longest_between_polls{50};

// How long those who go on at once may do so, one step aside, before one who has waited longer; see let_in.
constexpr std::chrono::milliseconds longest_jumping{1};

// The same before a part of a tree: from the one above to this, twice as long each time.
constexpr std::chrono::milliseconds longest_before_tree{32};

// How many of those who wait are looked at for one who is to be let in: that costs less than a hundredth of the time.
constexpr int most_looked_at = 128;

// How often a task yields alone until the clock is looked at; a look costs about as much as three yields.
constexpr unsigned lone_yields_between_looks = 16;

// The clock has not been looked at since the scheduler was last left.
constexpr time_point unknown = time_point::min();

// part_of_tree: has not begun, and is likely to begin when whoever has its handle joins it. The others are those that
// have begun, and those that a group has, or nobody.
bool part_of_tree(const detail::task& which) noexcept {
    return !which.begun.load(std::memory_order_relaxed) && which.on_end == nullptr &&
           which.references.load(std::memory_order_relaxed) > 1;
}

// take_first: the first of a queue that is such a part, or is not. Those before it go to the end, so that the next search
// begins with those that this one has not come to.
detail::task* take_first(detail::task_queue& queue, bool of_tree) noexcept {
    const detail::task* passed = nullptr;
    for (int i = 0; i < most_looked_at; ++i) {
        detail::task* const one = queue.front();
        if (one == nullptr || one == passed) {
            return nullptr;
        }
        queue.erase(*one);
        if (part_of_tree(*one) == of_tree) {
            return one;
        }
        queue.push_back(*one);
        passed = passed != nullptr ? passed : one;
    }
    return nullptr;
}

} // namespace

// look: at the clock; and asks the idler for news if that was long ago, by time or by turns.
void scheduler::look() {
    look_after(0);
    const bool many_turns = turns_to_poll_ <= 0;
    const time_point current = now();
    if (looked_at_ != unknown) {
        pace_.looked(current - looked_at_);
    } else {
        polled_at_ = current;
        forget_jumps(current);
    }
    looked_at_ = current;
    if (many_turns || current - polled_at_ >= longest_between_polls) {
        polled_at_ = current;
        poll();
    } else {
        look_after(pace_.turns());
    }
    if (!jumped_ || turn_.empty()) {
        jumps_since_ = tree_since_ = current; // the next turn is of one who has waited
    } else if (current - jumps_since_ >= longest_jumping) {
        jumps_since_ = current;
        let_in(current);
    }
}

// let_in: the first of each queue that waits has a turn before those who go on at once. A part of a tree only after twice
// the time of the one before: with each that begins the tree is walked at one more place, and all that is spawned
// there needs memory until it is done.
void scheduler::let_in(time_point current) noexcept {
    detail::task& jumper = *turn_.pop_front();
    detail::task_queue first;
    const auto let_in_one = [&first](detail::task* one) {
        if (one != nullptr) {
            first.push_back(*one);
        }
        return one != nullptr;
    };
    let_in_one(take_first(turn_, false));
    let_in_one(take_first(runnable_, false));
    let_in_one(share_ != nullptr ? take_offered(false) : nullptr);
    if (current - tree_since_ >= tree_patience_) {
        tree_since_ = current;
        tree_patience_ = std::min<duration>(2 * tree_patience_, longest_before_tree);
        std::ignore = let_in_one(take_first(turn_, true)) ||
                      let_in_one(take_first(runnable_, true)) ||
                      (share_ != nullptr && let_in_one(take_offered(true)));
    }
    jumped_ = first.empty();
    first.push_back(jumper);
    first.take_all(turn_);
    turn_.take_all(first);
}

// take_offered: out of what others may take.
detail::task* scheduler::take_offered(bool of_tree) noexcept {
    detail::task* one = nullptr;
    {
        const detail::holding held{share_->guard};
        one = take_first(share_->fresh, of_tree);
        if (one == nullptr) {
            return nullptr;
        }
        share_->count.fetch_sub(1, std::memory_order_relaxed);
    }
    if (!one->listed) {
        adopt(*one);
    }
    return one;
}

// forget_jumps: nobody waits.
void scheduler::forget_jumps(time_point current) noexcept {
    jumps_since_ = tree_since_ = current;
    tree_patience_ = longest_jumping;
}

// look_after: so many turns, or fewer if the idler is to be asked earlier.
void scheduler::look_after(std::ptrdiff_t turns) noexcept {
    turns_to_poll_ -= turns_given_ - turns_left_;
    turns_given_ = turns_left_ = std::min(turns, std::max<std::ptrdiff_t>(turns_to_poll_, 0));
}

// look_anew: nothing is known of the turns to come, as those before are long ago.
void scheduler::look_anew() noexcept {
    pace_.restart();
    looked_at_ = polled_at_ = now();
    forget_jumps(looked_at_);
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
        looked_at_ = polled_at_ = now();
        forget_jumps(looked_at_);
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
