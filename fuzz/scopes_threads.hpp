// SPDX-License-Identifier: MIT
//
// The part of scopes.cpp that runs on several threads, in real time. When a deadline passes and which of two errors is the
// first is free there, so what is checked is what holds in each order: a statement follows one that has ended well and
// no other, what is inside has ended before what is around it, `cancelled` has a cause that reaches the place, a scope
// keeps what is its own and passes on what is not, and a group whose task has failed ends with an error of its tasks.
#pragma once

#include "scopes_model.hpp"
#include "scopes_player.hpp"
#include "support.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

namespace fuzz {

class free_order {
  public:
    free_order(const std::vector<node>& program, const outcomes& got) : got_{got} {
        note_causes(program);
    }

    // check: a body that has begun, or may not have; how it has ended. `may_stop`: whether a request to stop may reach it.
    outcome check(const std::vector<node>& body, bool may_stop, bool may_not_begin = false) {
        outcome ended{ending::normal};
        bool reached = true;
        for (const node& each : body) {
            if (may_not_begin && each.id == body.front().id &&
                at(each).how == ending::not_reached) {
                ended = {ending::cancelled};
                reached = false;
            }
            if (!reached) {
                require(nothing_happened(each),
                        "nothing follows a statement that has not ended well");
                continue;
            }
            check_one(each, may_stop);
            if (at(each).how == ending::cancelled || at(each).how == ending::failed) {
                ended = at(each);
                reached = false;
            }
        }
        return ended;
    }

  private:
    const outcome& at(const node& each) const { return got_[each.id]; }

    void note_causes(const std::vector<node>& body) {
        for (const node& each : body) {
            if (each.what == statement::cancel) {
                is_target_[each.target] = true;
            }
            note_causes(each.body);
            for (const auto& task : each.tasks) note_causes(task);
        }
    }

    bool nothing_happened(const node& each) const {
        return std::all_of(got_.begin() + static_cast<std::ptrdiff_t>(each.id),
                           got_.begin() + static_cast<std::ptrdiff_t>(each.last),
                           [](const outcome& one) { return one.how == ending::not_reached; });
    }

    static bool contains_failure(const node& around) {
        const auto fails = [](const node& each) {
            return each.what == statement::fail || contains_failure(each);
        };
        return std::ranges::any_of(around.body, fails) ||
               std::ranges::any_of(around.tasks, [&](const auto& task) {
                   return std::ranges::any_of(task, fails);
               });
    }

    void check_one(const node& each, bool may_stop) {
        const ending how = at(each).how;
        require(how != ending::not_reached, "a statement that was begun ends");
        require(how != ending::cancelled || may_stop, "what is cancelled has a cause around it");
        switch (each.what) {
        case statement::scope: check_scope(each, may_stop); break;
        case statement::group: check_group(each, may_stop); break;
        case statement::swallow: {
            const outcome inside = check(each.body, may_stop);
            require(how == (inside.how == ending::cancelled ? ending::swallowed : inside.how),
                    "a handler of cancelled catches that, and nothing else");
            break;
        }
        case statement::fail:
            require(how == ending::failed || how == ending::cancelled, "what fails does not go on");
            require(how != ending::failed || at(each).error == each.id, "with its own error");
            break;
        default:
            require(how == ending::normal || how == ending::cancelled, "a sleep does not fail");
            break;
        }
    }

    void check_scope(const node& each, bool may_stop) {
        const bool own = each.lasts != 0 || is_target_[each.id];
        const outcome inside = check(each.body, own || (may_stop && !each.shield));
        const outcome& all = at(each);
        switch (inside.how) {
        case ending::cancelled:
            require(all.how == ending::cancelled || (all.how == ending::swallowed && own),
                    "a scope keeps a cancellation that is its own, and passes on another");
            break;
        case ending::failed:
            require(all.how == ending::failed && all.error == inside.error, "an error passes");
            break;
        default:
            require(all.how == ending::normal, "a scope whose body ends well ends well");
            break;
        }
    }

    void check_group(const node& each, bool may_stop) {
        const bool stops_itself = contains_failure(each);
        const bool inside_may_stop = may_stop || stops_itself;
        std::vector<outcome> ended{check(each.body, inside_may_stop, inside_may_stop)};
        for (const auto& task : each.tasks) {
            ended.push_back(check(task, inside_may_stop, inside_may_stop));
        }
        const outcome& all = at(each);
        const auto is = [](ending how) {
            return [how](const outcome& one) { return one.how == how; };
        };
        if (std::ranges::any_of(ended, is(ending::failed))) {
            require(all.how == ending::failed, "the error of a task is not lost");
            require(std::ranges::any_of(ended,
                                        [&](const outcome& one) {
                                            return one.how == ending::failed &&
                                                   one.error == all.error;
                                        }),
                    "a group ends with an error of its tasks");
        } else {
            require(all.how != ending::failed, "a group without errors does not fail");
            require(all.how == ending::cancelled ||
                        std::ranges::none_of(ended, is(ending::cancelled)),
                    "a group of which a part was cancelled does not end well");
        }
    }

    const outcomes& got_;
    std::array<bool, nodes_max> is_target_{};
};

inline void check_scopes_on_threads(const std::vector<node>& program) {
    on_threads([&] {
        player real{true};
        const outcome got = real.play(program);
        const outcome expected = free_order{program, real.all()}.check(program, false);
        require(got.how == expected.how && got.error == expected.error,
                "the program ends as its last statement");
    });
}

} // namespace fuzz
