// SPDX-License-Identifier: MIT
//
// Channels, mutex, semaphore, events and select, one call after the other, each by one of several tasks, against an
// exact model: after each call it is known which tasks wait, and what each of those that have ended got, with
// cancellation and deadlines anywhere. And on several threads, where the order is free, what must hold anyway:
// see sync_threads.hpp.
//
// Its planted fault: after a waiting acquire was cancelled, the next token goes to the task that has left.
#include <pirn/runtime/sleep.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/task_group.hpp>
#include <pirn/sync/channel.hpp>
#include <pirn/sync/event.hpp>
#include <pirn/sync/mutex.hpp>
#include <pirn/sync/select.hpp>
#include <pirn/sync/semaphore.hpp>

#include "support.hpp"
#include "sync_model.hpp"
#include "sync_threads.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace {

using fuzz::action;
using fuzz::answer;
using fuzz::call;
using fuzz::choices;
using fuzz::require;
using fuzz::require_equal;
using fuzz::sync_model;
using std::chrono::nanoseconds;

// The driver acts at even times, and deadlines are at odd ones: no two things happen at once.
constexpr nanoseconds turn{2};

struct objects {
    objects(std::size_t first_capacity, std::size_t second_capacity, std::size_t tokens)
        : first{first_capacity}, second{second_capacity}, semaphore{tokens} {}

    pirn::channel<int>& channel(std::size_t which) { return which == 0 ? first : second; }

    void release(std::size_t count) {
        if (fuzz::planted && std::exchange(acquire_was_cancelled, false)) {
            --count; // the fault
        }
        semaphore.release(count);
    }

    pirn::channel<int> first;
    pirn::channel<int> second;
    pirn::mutex mutex;
    pirn::semaphore semaphore;
    pirn::event event;
    pirn::auto_event once;
    bool acquire_was_cancelled = false;
};

answer select_of(objects& all, const call& what) {
    answer result;
    const auto chose = [&result](int index, answer::kind kind, int value) {
        result = {kind, value, index};
    };
    const auto received = [&chose](int index, std::optional<int> value) {
        chose(index, value ? answer::value : answer::nothing, value.value_or(0));
    };
    const auto sent = [&chose](int index, bool done) {
        chose(index, done ? answer::yes : answer::no, 0);
    };
    using pirn::on;
    using pirn::when;
    const auto has = [&what](int index) { return (what.cases >> index & 1) != 0; };
    auto r0 =
        when(has(0), on(all.first.receiving(), [&](std::optional<int> v) { received(0, v); }));
    auto r1 =
        when(has(1), on(all.second.receiving(), [&](std::optional<int> v) { received(1, v); }));
    auto s0 = when(has(2), on(all.first.sending(what.value), [&](bool done) { sent(2, done); }));
    auto s1 = when(has(3), on(all.second.sending(what.value), [&](bool done) { sent(3, done); }));
    auto e = when(has(4), on(all.event, [&] { chose(4, answer::yes, 0); }));
    auto o = when(has(5), on(all.once, [&] { chose(5, answer::yes, 0); }));
    if (has(6)) {
        pirn::select(r0, r1, s0, s1, e, o, pirn::default_case([&] { chose(6, answer::yes, 0); }));
    } else {
        pirn::select(r0, r1, s0, s1, e, o);
    }
    return result;
}

answer yes_or_no(bool which) { return {which ? answer::yes : answer::no, 0, 0}; }

answer value_or_nothing(std::optional<int> value) {
    return {value ? answer::value : answer::nothing, value.value_or(0), 0};
}

void acquire(objects& all) {
    try {
        all.semaphore.acquire();
    } catch (const pirn::cancelled&) {
        all.acquire_was_cancelled = true;
        throw;
    }
}

// carry_out: the call, by the current task. Suspends.
answer carry_out(objects& all, const call& what) {
    pirn::channel<int>& channel = all.channel(what.object);
    switch (what.what) {
    case action::send: return yes_or_no(channel.send(what.value));
    case action::receive: return value_or_nothing(channel.receive());
    case action::try_send: return yes_or_no(channel.try_send(what.value));
    case action::try_receive: return value_or_nothing(channel.try_receive());
    case action::close: channel.close(); break;
    case action::lock: all.mutex.lock(); break;
    case action::try_lock: return yes_or_no(all.mutex.try_lock());
    case action::unlock: all.mutex.unlock(); break;
    case action::acquire: acquire(all); break;
    case action::try_acquire: return yes_or_no(all.semaphore.try_acquire());
    case action::release: all.release(static_cast<std::size_t>(what.value)); break;
    case action::set: all.event.set(); break;
    case action::reset: all.event.reset(); break;
    case action::wait: all.event.wait(); break;
    case action::set_once: all.once.set(); break;
    case action::reset_once: all.once.reset(); break;
    case action::wait_once: all.once.wait(); break;
    case action::try_once: return yes_or_no(all.once.try_wait());
    case action::select: return select_of(all, what);
    }
    return yes_or_no(true);
}

// actor: a task that makes the calls that it is given.
struct actor {
    pirn::auto_event wanted;
    call next;
    std::unique_ptr<pirn::cancel_scope> scope;
    std::optional<answer> got; // of the last call
    bool over = false;

    // Suspends.
    void run(objects& all) {
        for (;;) {
            wanted.wait();
            if (over) {
                return;
            }
            auto result = scope->run([&] { return carry_out(all, next); });
            got = result.value_or(answer{answer::cancelled, 0, 0});
        }
    }
};

class driver {
  public:
    explicit driver(choices& decides)
        : choices_{decides}, capacities_{decides.below(4), decides.below(3)},
          tokens_{decides.below(3)}, all_{capacities_[0], capacities_[1], tokens_},
          model_{capacities_, tokens_} {}

    void run() {
        pirn::task_group group;
        for (actor& each : actors_) {
            group.spawn([&] { each.run(all_); });
        }
        pirn::sleep_for(turn);
        for (int step = 0; step < 64 && !choices_.empty(); ++step) {
            one_step();
            pirn::sleep_for(turn);
            choose();
            expire();
            compare();
        }
        finish();
        group.wait();
    }

  private:
    void one_step() {
        const std::size_t which = choices_.below(actors_.size());
        if (model_.waits(which)) {
            if (choices_.one_in(4)) {
                actors_[which].scope->cancel();
                model_.cancel(which);
            }
            return;
        }
        call next;
        next.what = static_cast<action>(choices_.below(fuzz::actions));
        next.object = choices_.below(2);
        next.value =
            next.what == action::release ? static_cast<int>(choices_.between(1, 3)) : ++last_value_;
        next.cases = next.what == action::select ? static_cast<int>(choices_.between(1, 127)) : 0;
        if (!model_.allows(which, next)) {
            return;
        }
        start(which, next);
    }

    void start(std::size_t which, const call& next) {
        actor& who = actors_[which];
        who.next = next;
        who.got.reset();
        who.scope = std::make_unique<pirn::cancel_scope>();
        deadlines_[which] = pirn::never;
        // Mostly none; one that has passed leaves one attempt; or one between two later steps.
        bool late = false;
        switch (choices_.below(4)) {
        case 1:
            late = true;
            who.scope->set_deadline(pirn::now());
            break;
        case 2:
            deadlines_[which] =
                pirn::now() + turn * static_cast<int>(choices_.below(6)) + nanoseconds{1};
            who.scope->set_deadline(deadlines_[which]);
            break;
        default: break;
        }
        model_.start(which, next, late);
        who.wanted.set();
    }

    // What a select has taken is known by its answer alone. It has happened before any deadline.
    void choose() {
        for (std::size_t i = 0; i < actors_.size(); ++i) {
            if (model_.undecided(i)) {
                require(actors_[i].got.has_value(), "a select with a ready case does not wait");
                model_.choose(i, *actors_[i].got);
            }
        }
    }

    // Deadlines that have passed since the last step end what waits in the model.
    void expire() {
        for (std::size_t i = 0; i < actors_.size(); ++i) {
            if (deadlines_[i] < pirn::now() && model_.waits(i)) {
                model_.cancel(i);
                deadlines_[i] = pirn::never;
            }
        }
    }

    void compare() {
        for (std::size_t i = 0; i < actors_.size(); ++i) {
            require_equal(actors_[i].got.has_value(), !model_.waits(i) && model_.begun(i),
                          "a task waits when the model's does");
            if (actors_[i].got && model_.begun(i)) {
                model_.agree(i, *actors_[i].got);
            }
        }
        for (std::size_t i = 0; i < 2; ++i) {
            require_equal(all_.channel(i).size(), model_.channel_size(i),
                          "so many values are there");
            require_equal(all_.channel(i).closed(), model_.closed(i), "it is closed when it was");
        }
        require_equal(all_.semaphore.available(), model_.tokens(), "so many tokens are there");
        require_equal(all_.event.is_set(), model_.event_is_set(), "the event is set when it was");
    }

    // Everything that waits is cancelled, and the mutex is given back by the task that has it.
    void finish() {
        for (std::size_t i = 0; i < actors_.size(); ++i) {
            if (model_.waits(i)) {
                actors_[i].scope->cancel();
                model_.cancel(i);
            }
        }
        pirn::sleep_for(turn);
        compare();
        if (const auto owner = model_.owner()) {
            call unlock;
            unlock.what = action::unlock;
            start(*owner, unlock);
            pirn::sleep_for(turn);
        }
        for (actor& each : actors_) {
            each.over = true;
            each.wanted.set();
        }
    }

    choices& choices_;
    std::array<std::size_t, 2> capacities_;
    std::size_t tokens_;
    objects all_;
    sync_model model_;
    std::array<actor, fuzz::actors> actors_;
    std::array<pirn::time_point, fuzz::actors> deadlines_{};
    int last_value_ = 0;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    choices decides{data, size};
    if (decides.one_in(8)) {
        fuzz::check_sync_on_threads(decides);
    } else {
        fuzz::on_a_test_clock([&] { driver{decides}.run(); });
    }
    return 0;
}
