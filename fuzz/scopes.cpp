// SPDX-License-Identifier: MIT
//
// Scopes with deadlines and shields, groups of tasks, errors and cancellation, nested in any way, on a test clock, against
// a model that says of each statement at which nanosecond it ends, and how: see scopes_model.hpp.
//
// Its planted fault: a shield inside of two other scopes or groups holds off its own deadline too.
#include <pirn/runtime/sleep.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/task_group.hpp>

#include "scopes_model.hpp"
#include "support.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <vector>

namespace {

using fuzz::choices;
using fuzz::ending;
using fuzz::moment;
using fuzz::node;
using fuzz::outcome;
using fuzz::require;
using fuzz::require_equal;
using fuzz::statement;

// What `fail` throws.
struct failure : std::exception {
    explicit failure(std::size_t by) : which{by} {}
    std::size_t which;
};

// player: carries a program out, and notes how each statement has ended.
class player {
  public:
    // Suspends.
    outcome play(const std::vector<node>& program) {
        outcome ended;
        try {
            play_body(program, 0);
            ended = {ending::normal, now()};
        } catch (const failure& thrown) {
            ended = {ending::failed, now(), thrown.which};
        }
        return ended;
    }

    const fuzz::outcomes& all() const noexcept { return all_; }

  private:
    moment now() const { return (pirn::now() - began_).count(); }

    void play_body(const std::vector<node>& body, int depth) {
        for (const node& each : body) {
            play_noted(each, depth);
        }
    }

    void play_noted(const node& what, int depth) {
        try {
            const ending how = play_one(what, depth);
            note(what, {how, now()});
        } catch (const pirn::cancelled&) {
            note(what, {ending::cancelled, now()});
            throw;
        } catch (const failure& thrown) {
            note(what, {ending::failed, now(), thrown.which});
            throw;
        }
    }

    void note(const node& what, const outcome& ended) {
        require(all_[what.id].how == ending::not_reached, "a statement ends once");
        all_[what.id] = ended;
    }

    ending play_one(const node& what, int depth) {
        switch (what.what) {
        case statement::scope: return play_scope(what, depth + 1);
        case statement::group: return play_group(what, depth + 1);
        case statement::swallow: try { play_body(what.body, depth);
            } catch (const pirn::cancelled&) {
                return ending::swallowed;
            }
            return ending::normal;
        case statement::sleep: pirn::sleep_for(std::chrono::nanoseconds{what.lasts}); break;
        case statement::cancel:
            pirn::sleep_for(std::chrono::nanoseconds{what.lasts});
            scopes_[what.target]->cancel();
            break;
        case statement::fail:
            pirn::sleep_for(std::chrono::nanoseconds{what.lasts});
            throw failure{what.id};
        }
        return ending::normal;
    }

    ending play_scope(const node& what, int depth) {
        pirn::cancel_scope scope;
        const bool lost = fuzz::planted && what.shield && depth > 2; // the fault
        if (what.lasts != 0 && !lost) {
            scope.set_deadline(pirn::after(std::chrono::nanoseconds{what.lasts}));
        }
        scope.shield(what.shield);
        scopes_[what.id] = &scope;
        return scope.run([&] { play_body(what.body, depth); }) ? ending::normal : ending::swallowed;
    }

    ending play_group(const node& what, int depth) {
        pirn::task_group group;
        group.run([&] {
            for (const auto& task : what.tasks) {
                group.spawn([this, &task, depth] { play_body(task, depth); });
            }
            play_body(what.body, depth);
        });
        require(group.further_errors().empty(), "no task fails after it was asked to stop");
        return ending::normal;
    }

    pirn::time_point began_ = pirn::now();
    fuzz::outcomes all_;
    std::array<pirn::cancel_scope*, fuzz::nodes_max> scopes_{};
};

void describe(const std::vector<node>& body, const fuzz::outcomes& got,
              const fuzz::outcomes& expected, int indent) {
    constexpr std::array names{"sleep", "scope", "group", "swallow", "cancel", "fail"};
    for (const node& each : body) {
        std::fprintf(
            stderr, "%*s%s #%zu lasts %lld%s target %zu: got %d at %lld, expected %d at %lld\n",
            indent, "", names[static_cast<std::size_t>(each.what)], each.id,
            static_cast<long long>(each.lasts), each.shield ? " shield" : "", each.target,
            static_cast<int>(got[each.id].how), static_cast<long long>(got[each.id].at),
            static_cast<int>(expected[each.id].how), static_cast<long long>(expected[each.id].at));
        for (const auto& task : each.tasks) {
            std::fprintf(stderr, "%*stask\n", indent + 2, "");
            describe(task, got, expected, indent + 4);
        }
        describe(each.body, got, expected, indent + 2);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    choices decides{data, size};
    const std::vector<node> program = fuzz::program_maker{decides}.make();
    fuzz::scopes_model model;
    const outcome expected = model.walk(program);
    fuzz::on_a_test_clock([&] {
        player real;
        const outcome got = real.play(program);
        if (real.all() != model.all() || !(got == expected)) {
            describe(program, real.all(), model.all(), 0);
        }
        require(real.all() == model.all(), "each statement ends when and how the model says");
        require(got == expected, "and so does the program");
    });
    return 0;
}
