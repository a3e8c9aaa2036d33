// SPDX-License-Identifier: MIT
//
// Programs of nested scopes and groups, made by choices, and a model that says of each statement when it ends and how.
// No two events happen at the same time: the duration of each statement has a bit of its own, so that the sums along two
// chains of events differ. And no error comes after a request to stop, which could be by a shield, or out of a group that
// had to wait for a shield: what becomes of a second error is for the tests. So a program has no errors, or no shields
// inside of two groups.
//
// The model walks the program like a task, and is told from when on a request to stop reaches it. What ends a scope or
// a group early is found by a first walk without it; as nothing before that moment depends on it, a second walk is
// right.
#pragma once

#include "support.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace fuzz {

using moment = std::int64_t; // nanoseconds since the program began
inline constexpr moment endless = std::numeric_limits<moment>::max();
inline constexpr std::size_t nodes_max = 24;

enum class statement : std::uint8_t {
    sleep,
    scope,   // perhaps with a deadline, perhaps a shield
    group,   // tasks, and a block
    swallow, // catches `cancelled` and goes on
    cancel,  // sleeps, and cancels a scope around it
    fail,    // sleeps, and throws
};

struct node {
    statement what = statement::sleep;
    std::size_t id = 0;
    std::size_t last = 0; // one behind the largest number inside
    moment lasts = 0;     // of the sleep, or until the deadline; 0 for none
    bool shield = false;
    std::size_t target = 0; // the scope to cancel
    std::vector<node> body;
    std::vector<std::vector<node>> tasks;
};

enum class ending : std::uint8_t { not_reached, normal, swallowed, cancelled, failed };

struct outcome {
    ending how = ending::not_reached;
    moment at = 0;
    std::size_t error = 0; // which statement threw
    bool operator==(const outcome&) const = default;
};

using outcomes = std::array<outcome, nodes_max>;

// program_maker: choices become a program.
class program_maker {
  public:
    explicit program_maker(choices& decides) : choices_{decides}, fails_{!decides.flag()} {}

    std::vector<node> make() { return body(surroundings{}, 0); }

  private:
    struct surroundings {
        std::vector<std::size_t> scopes;
        int groups = 0;
        bool may_fail = true;
    };

    std::vector<node> body(const surroundings& around, int depth) {
        std::vector<node> made;
        for (std::size_t count = choices_.between(1, 3); count > 0 && next_ < nodes_max; --count) {
            made.push_back(one(around, depth));
        }
        return made;
    }

    node one(surroundings around, int depth) {
        constexpr int deepest = 5;
        node made;
        made.id = next_++;
        made.what = static_cast<statement>(choices_.below(6));
        const bool nests = made.what == statement::scope || made.what == statement::group ||
                           made.what == statement::swallow;
        if ((nests && depth == deepest) ||
            (made.what == statement::fail && !(fails_ && around.may_fail)) ||
            (made.what == statement::cancel && around.scopes.empty())) {
            made.what = statement::sleep;
        }
        made.lasts = (static_cast<moment>(choices_.between(1, 8)) << nodes_max) | moment{1}
                                                                                      << made.id;
        switch (made.what) {
        case statement::scope:
            if (choices_.flag()) {
                made.lasts = 0;
            }
            made.shield = choices_.one_in(3) && (!fails_ || around.groups < 2);
            around.scopes.push_back(made.id);
            around.may_fail = around.may_fail && !(made.shield && around.groups > 0);
            made.body = body(around, depth + 1);
            break;
        case statement::group:
            ++around.groups;
            for (std::size_t count = choices_.below(4); count > 0 && next_ < nodes_max; --count) {
                made.tasks.push_back(body(around, depth + 1));
            }
            made.body = body(around, depth + 1);
            break;
        case statement::swallow: made.body = body(around, depth + 1); break;
        case statement::cancel:
            made.target = around.scopes[choices_.below(around.scopes.size())];
            break;
        default: break;
        }
        made.last = next_;
        return made;
    }

    choices& choices_;
    bool fails_;
    std::size_t next_ = 0;
};

// scopes_model: what becomes of a program.
class scopes_model {
  public:
    outcome walk(const std::vector<node>& program) { return walk_body(program, 0, endless); }
    const outcomes& all() const noexcept { return all_; }

  private:
    // `stopped`: from when on a request reaches this place.
    outcome walk_body(const std::vector<node>& body, moment now, moment stopped) {
        for (const node& each : body) {
            const outcome ended = walk_one(each, now, stopped);
            all_[each.id] = ended;
            if (ended.how == ending::cancelled || ended.how == ending::failed) {
                return ended;
            }
            now = ended.at;
        }
        return {ending::normal, now};
    }

    outcome walk_one(const node& what, moment now, moment stopped) {
        switch (what.what) {
        case statement::scope: return walk_scope(what, now, stopped);
        case statement::group: return walk_group(what, now, stopped);
        case statement::swallow: {
            outcome ended = walk_body(what.body, now, stopped);
            if (ended.how == ending::cancelled) {
                ended.how = ending::swallowed;
            }
            return ended;
        }
        default: return walk_sleep(what, now, stopped);
        }
    }

    outcome walk_sleep(const node& what, moment now, moment stopped) {
        if (stopped < now + what.lasts) {
            return {ending::cancelled, std::max(now, stopped)};
        }
        if (what.what == statement::cancel) {
            fired_[what.id] = {what.target, now + what.lasts};
        }
        if (what.what == statement::fail) {
            return {ending::failed, now + what.lasts, what.id};
        }
        return {ending::normal, now + what.lasts};
    }

    outcome walk_scope(const node& what, moment now, moment stopped) {
        const moment outer = what.shield ? endless : stopped;
        moment own = what.lasts == 0 ? endless : now + what.lasts;
        forget(what);
        outcome ended = walk_body(what.body, now, std::min(own, outer));
        const moment cancelled = cancelled_at(what);
        if (cancelled < std::min(own, outer)) {
            own = cancelled;
            forget(what);
            ended = walk_body(what.body, now, own);
        }
        own = std::min(own, cancelled);
        if (ended.how == ending::cancelled && own <= ended.at && stopped > ended.at) {
            ended.how = ending::swallowed; // it was this scope's own
        }
        return ended;
    }

    outcome walk_group(const node& what, moment now, moment stopped) {
        forget(what);
        const outcome failure = first_failure(what, now, stopped);
        outcome block = walk_body(what.body, now, stopped);
        const moment failed = failure.how == ending::failed ? failure.at : endless;
        const bool left = block.how != ending::normal;
        const moment cut = std::min(failed, left ? block.at : endless);
        const bool by_task = failed == cut && cut != endless;
        if (cut != endless) {
            forget(what);
            block = walk_body(what.body, now, by_task ? std::min(stopped, cut) : stopped);
        }
        moment end = block.at;
        for (const auto& task : what.tasks) {
            end = std::max(end, walk_body(task, now, std::min(stopped, cut)).at);
        }
        if (by_task) {
            return {ending::failed, end, failure.error};
        }
        if (left) {
            return {block.how, end, block.error};
        }
        return {stopped <= end ? ending::cancelled : ending::normal, end};
    }

    // The first error of the tasks of a group that nothing in it ends early.
    outcome first_failure(const node& what, moment now, moment stopped) {
        outcome first{ending::normal, endless};
        for (const auto& task : what.tasks) {
            const outcome ended = walk_body(task, now, stopped);
            if (ended.how == ending::failed && ended.at < first.at) {
                first = ended;
            }
        }
        return first;
    }

    // What stands inside has not happened.
    void forget(const node& what) {
        for (std::size_t id = what.id + 1; id < what.last; ++id) {
            all_[id] = {};
            fired_[id] = {nodes_max, endless};
        }
    }

    moment cancelled_at(const node& scope) const {
        moment first = endless;
        for (std::size_t id = scope.id + 1; id < scope.last; ++id) {
            if (fired_[id].first == scope.id) {
                first = std::min(first, fired_[id].second);
            }
        }
        return first;
    }

    outcomes all_;
    std::array<std::pair<std::size_t, moment>, nodes_max>
        fired_{}; // by `cancel`: which scope, and when
};

} // namespace fuzz
