// SPDX-License-Identifier: MIT
//
// Carries out a program of scopes_model.hpp.
#pragma once

#include <pirn/base/time.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/task_group.hpp>

#include "scopes_model.hpp"
#include "support.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <vector>

namespace fuzz {

// failure: what `fail` throws.
struct failure : std::exception {
    explicit failure(std::size_t id) : by{id} {}
    std::size_t by; // which statement
};

// player: carries a program out, and notes how each statement has ended. On several threads its tasks run where there is
// room, and time is real: a step of the program's time is short.
class player {
  public:
    explicit player(bool on_threads = false) : on_threads_{on_threads} {}

    // Suspends.
    outcome play(const std::vector<node>& program) {
        outcome ended;
        try {
            play_body(program, 0);
            ended = {ending::normal, now()};
        } catch (const failure& thrown) {
            ended = {ending::failed, now(), thrown.by};
        }
        return ended;
    }

    const outcomes& all() const noexcept { return all_; }

  private:
    moment now() const { return (pirn::now() - began_).count(); }

    std::chrono::nanoseconds length(const node& of) const {
        constexpr std::chrono::microseconds step{20};
        return on_threads_ ? (of.lasts >> nodes_max) * step : std::chrono::nanoseconds{of.lasts};
    }

    void sleep(const node& of) {
        const pirn::time_point begin = pirn::now();
        pirn::sleep_for(length(of));
        require(pirn::now() - begin >= length(of),
                "a sleep that was not cancelled is not too short");
    }

    void play_body(const std::vector<node>& body, int depth) {
        for (const node& each : body) {
            play_noted(each, depth);
        }
    }

    void play_noted(const node& each, int depth) {
        try {
            const ending how = play_one(each, depth);
            note(each, {how, now()});
        } catch (const pirn::cancelled&) {
            note(each, {ending::cancelled, now()});
            throw;
        } catch (const failure& thrown) {
            note(each, {ending::failed, now(), thrown.by});
            throw;
        }
    }

    void note(const node& each, const outcome& ended) {
        require(all_[each.id].how == ending::not_reached, "a statement ends once");
        all_[each.id] = ended;
    }

    ending play_one(const node& each, int depth) {
        switch (each.what) {
        case statement::scope: return play_scope(each, depth + 1);
        case statement::group: return play_group(each, depth + 1);
        case statement::swallow: try { play_body(each.body, depth);
            } catch (const pirn::cancelled&) {
                return ending::swallowed;
            }
            return ending::normal;
        case statement::sleep: sleep(each); break;
        case statement::cancel:
            sleep(each);
            scopes_[each.target]->cancel();
            break;
        case statement::fail: sleep(each); throw failure{each.id};
        }
        return ending::normal;
    }

    ending play_scope(const node& each, int depth) {
        pirn::cancel_scope scope;
        const bool lost = planted && each.shield && depth > 2; // the fault
        if (each.lasts != 0 && !lost) {
            scope.set_deadline(pirn::after(length(each)));
        }
        scope.shield(each.shield);
        scopes_[each.id] = &scope;
        return scope.run([&] { play_body(each.body, depth); }) ? ending::normal : ending::swallowed;
    }

    ending play_group(const node& each, int depth) {
        pirn::task_group group;
        group.run([&] {
            for (const auto& task : each.tasks) {
                group.spawn({.migratable = on_threads_},
                            [this, &task, depth] { play_body(task, depth); });
            }
            play_body(each.body, depth);
        });
        require(on_threads_ || group.further_errors().empty(),
                "no task fails after it was asked to stop");
        return ending::normal;
    }

    bool on_threads_;
    pirn::time_point began_ = pirn::now();
    outcomes all_;
    std::array<pirn::cancel_scope*, nodes_max> scopes_{};
};

} // namespace fuzz
