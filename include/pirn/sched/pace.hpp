// SPDX-License-Identifier: MIT
//
// How often a scheduler looks at the clock, so that a task that computes for long between two suspensions delays
// timers, IO and signals by its own step, and not by a number of steps.
//
// A look costs about as much as three turns of tasks that only yield. So the number of turns between two looks follows
// how long turns are: it grows while looks find that little time has passed, and only after many such looks in a row;
// one long turn sets it back to one.
//
//   turns of      looks after     a look costs
//   10 ns         512 turns       1 %
//   1 us          8 turns         less than 1 %
//   20 us, more   each turn       less than 1 %
//
// From the same number follows how many requests of a task may be answered at once before the clock is looked at: each
// where they are slow, 8 where they take some 0.3 us, and all of a turn's where they are quicker. A look costs 28 ns, and a
// quick answer 20.
//
// This is not API. It is installed because a scheduler holds one by value.
#pragma once

#include <pirn/base/time.hpp>

#include <algorithm>
#include <chrono>

namespace pirn::detail {

class pace {
  public:
    // turns: how many may pass until the next look. Never suspends.
    unsigned turns() const noexcept { return turns_; }

    // answers: how many requests of the running task may be answered at once until it gives way, or, if they are fewer
    // than `most_answers`, until it looks at the clock. Never suspends.
    unsigned answers() const noexcept { return answers_; }

    // looked: so much time has passed in turns() turns, or fewer. Never suspends.
    void looked(duration elapsed) noexcept {
        if (elapsed >= 8 * between_looks || (elapsed >= between_looks && turns_ == 1)) {
            restart();
            return;
        }
        if (elapsed >= between_looks) {
            turns_ /= 2;
        } else if (quick_looks_ < enough_quick_looks) {
            ++quick_looks_;
        } else if (2 * elapsed < between_looks) {
            turns_ = std::min(2 * turns_, most_turns);
        }
        answers_ = turns_ >= 2                          ? most_answers
                   : quick_looks_ >= enough_quick_looks ? few_answers
                                                        : 1;
    }

    // restart: nothing is known of the turns to come. Never suspends.
    void restart() noexcept { *this = pace{}; }

    // Enough requests to make the way through the queue cheap, few enough to be fair.
    static constexpr unsigned most_answers = 32;

    // How long turns may take together until the next look.
    static constexpr duration between_looks = std::chrono::microseconds{20};

    // How long tasks may have turns, one step aside, until the idler is asked for news: twice as long each time while there
    // is none. To ask costs a microsecond or two.
    static constexpr duration shortest_between_polls = std::chrono::microseconds{50};
    static constexpr duration longest_between_polls = std::chrono::microseconds{200};

  private:
    static constexpr unsigned few_answers = 8;
    static constexpr unsigned most_turns = 512;
    static constexpr unsigned enough_quick_looks = 64;

    unsigned turns_ = 1;
    unsigned answers_ = 1;
    unsigned quick_looks_ = 0; // in a row
};

} // namespace pirn::detail
