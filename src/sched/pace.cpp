// SPDX-License-Identifier: MIT
//
// When a scheduler looks at the clock, when it asks its idler for news, and how often a joiner goes before others.
#include <pirn/sched/pace.hpp>

#include <pirn/base/time.hpp>
#include <pirn/sched/scheduler.hpp>

#include "base/coarse_clock.hpp"
#include "sched/access.hpp"
#include "sched/share.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace pirn {
namespace {

// How long tasks may go on at once, one step aside, before tasks that have waited longer; see let_in.
constexpr std::chrono::milliseconds longest_jumping{1};

// The same before a part of a tree: from the one above to this, twice as long each time.
constexpr std::chrono::milliseconds longest_before_tree{32};

// How many tasks of a queue are looked at to find one that is let in: that costs about a hundredth of the time.
constexpr int most_looked_at = 256;

// How often a task yields alone until the clock is looked at; a look costs about as much as three yields.
constexpr unsigned lone_yields_between_looks = 16;

// The clock has not been looked at since the scheduler was last left.
constexpr time_point unknown = time_point::min();

// part_of_tree: the task has not begun, and is likely to begin when it is joined, as it has a handle. Other tasks have
// begun, or belong to a group, or are detached.
bool part_of_tree(const detail::task& which) noexcept {
    return !which.begun.load(std::memory_order_relaxed) && which.on_end == nullptr &&
           which.references.load(std::memory_order_relaxed) > 1;
}

// take_first: the first task of a queue that is such a part, or is not, behind the first `behind`. If it is not among the
// tasks that are looked at, they go to the end of the queue, so that the next search begins with other tasks.
detail::task* take_first(detail::task_queue& queue, bool of_tree, unsigned behind = 0) noexcept {
    detail::task* one = queue.front();
    for (; one != nullptr && behind > 0; --behind) {
        one = queue.next(*one);
    }
    detail::task* const first = one;
    int passed = 0;
    while (one != nullptr && part_of_tree(*one) != of_tree && passed < most_looked_at) {
        one = queue.next(*one);
        ++passed;
    }
    if (passed == most_looked_at) {
        for (detail::task* next = first; passed > 0; --passed) {
            detail::task& moved = *next;
            next = queue.next(moved);
            queue.erase(moved);
            queue.push_back(moved);
        }
        return nullptr;
    }
    if (one != nullptr) {
        queue.erase(*one);
    }
    return one;
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
        forget_jumps();
    }
    looked_at_ = current;
    looked_in_ = detail::coarse_now();
    if (many_turns || current - polled_at_ >= poll_patience_) {
        polled_at_ = current;
        const detail::task* const last = runnable_.back();
        poll();
        poll_patience_ =
            runnable_.back() != last
                ? duration{detail::pace::shortest_between_polls}
                : std::min<duration>(2 * poll_patience_, detail::pace::longest_between_polls);
    } else {
        look_after(pace_.turns());
    }
    if (ahead_ == 0 || turn_.empty()) {
        jumps_since_ = unknown; // the next turn is of a task that has waited
    } else if (jumps_since_ == unknown) {
        jumps_since_ = tree_since_ = current;
    } else if (current - jumps_since_ >= longest_jumping) {
        let_in(current);
    }
}

// let_in: the first waiting task of each queue has a turn before the tasks that go on at once, which are the first of
// turn_. A part of a tree is let in only after twice the time of the part before: with each that begins the tree is walked
// at one more place, and all that is spawned there needs memory until it is done. A task that went on at once and was put
// behind one that was let in is such a part too.
//
// No task that other threads could take is kept here to wait: one that goes on at once and has not begun does so, and
// one that is taken from what they could take is the next.
void scheduler::let_in(time_point current) noexcept {
    if (share_ != nullptr && !turn_.front()->begun.load(std::memory_order_relaxed)) {
        return;
    }
    jumps_since_ = current;
    const auto let_in_one = [this](detail::task* one) {
        if (one != nullptr) {
            let_in_.push_front(*one);
        }
        return one != nullptr;
    };
    const bool tree_is_due = current - tree_since_ >= tree_patience_;
    if (tree_is_due) {
        tree_since_ = current;
        tree_patience_ = std::min<duration>(2 * tree_patience_, longest_before_tree);
        let_in_one(take_last_ahead());
        if (!let_in_one(take_first(turn_, true, ahead_))) {
            let_in_one(take_first(runnable_, true));
        }
    }
    let_in_one(take_first(runnable_, false));
    let_in_one(take_first(turn_, false, ahead_));
    if (share_ != nullptr && !let_in_one(take_offered(false)) && tree_is_due) {
        let_in_one(take_offered(true));
    }
}

// take_last_ahead: the task that has waited longest of those that went on at once, except the first.
detail::task* scheduler::take_last_ahead() noexcept {
    if (ahead_ < 2) {
        return nullptr;
    }
    detail::task* last = turn_.front();
    for (unsigned i = 1; i < ahead_; ++i) {
        last = turn_.next(*last);
    }
    turn_.erase(*last);
    --ahead_;
    return last;
}

// take_offered: one of the tasks that other threads may take.
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

// forget_jumps: no task waits.
void scheduler::forget_jumps() noexcept {
    jumps_since_ = unknown;
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
    poll_patience_ = detail::pace::shortest_between_polls;
    looked_at_ = polled_at_ = now();
    forget_jumps();
    look_after(1);
}

// poll_is_late: whether the idler should be asked for news at once; then a look is due. Called for each yield of a task
// while no other is runnable. Such yields are few among turns of tasks that wait for each other, so that the clock can be
// looked at more often than the pace says.
bool scheduler::poll_is_late() noexcept {
    if (++lone_yields_ % lone_yields_between_looks != 0 || looked_at_ == unknown ||
        now() - polled_at_ < poll_patience_) {
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
        forget_jumps();
    }
    if (more >= detail::pace::most_answers || ++refills_ * more >= detail::pace::most_answers ||
        now() - looked_at_ >= detail::pace::between_looks) {
        refills_ = 0;
        // Turns that were so quick that the next look is some of them away may have become long.
        if (detail::coarse_now() != looked_in_) {
            look_after(0);
        }
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
    ++ahead_;
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
