// SPDX-License-Identifier: MIT
//
// select, without types.
//
//   look at each case, in random order, with its own lock ──► one is ready: carried out
//        │ none
//        ├──► there is a default
//        ▼
//   all locks, in the order of their addresses:
//        look once more ──► one is ready
//        │ none: a place in each queue
//        ▼
//   locks released; arm what has no queue; sleep until somebody wins the choice for one of the places; leave the
//   other queues, disarm
//
// While it looks, a select is in no queue, so nobody can choose for it; once it is in the queues it does nothing
// but sleep. So whoever carries out a case has at most one select to win, the other side's, and two selects that
// face each other cannot wait for each other's decision.
#include <pirn/sync/select.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/config.hpp>
#include <pirn/base/error.hpp>
#include <pirn/runtime/alarm.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/sched/scheduler.hpp>
#include <pirn/sched/task.hpp>

#include "sched/access.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>

namespace pirn::detail {
namespace {

constexpr wait_kind waits_for_several{"one of several things (select)"};

// Marsaglia's xorshift with 64 bits (Journal of Statistical Software 8, 2003): which of several cases that are
// ready need not be a secret, only even. A thread that runs no tasks has a sequence of its own.
PIRN_NOINLINE void shuffle(std::span<select_case*> cases) noexcept {
    static thread_local std::uint64_t of_thread = 0x9e3779b97f4a7c15ULL;
    auto* const here = static_cast<scheduler*>(this_thread().worker);
    std::uint64_t& state = here != nullptr ? scheduler_access::random(*here) : of_thread;
    std::uint64_t bits = state;
    for (std::size_t left = cases.size(); left > 1; --left) {
        bits ^= bits << 13U;
        bits ^= bits >> 7U;
        bits ^= bits << 17U;
        // The high half times the range, instead of a remainder, which would take a division.
        const std::uint64_t pick = ((bits >> 32U) * left) >> 32U;
        std::swap(cases[left - 1], cases[static_cast<std::size_t>(pick)]);
    }
    state = bits;
}

bool try_one(select_case& one) {
    woken wake;
    if (one.guard == nullptr) {
        one.result = one.attempt(wake);
    } else {
        const holding held{*one.guard};
        one.result = one.attempt(wake);
    }
    return one.result != outcome::none;
}

// all_of: every lock once, in one order for all selects.
class all_of {
  public:
    all_of(std::span<select_case* const> cases, std::span<spin_lock*> room) noexcept {
        std::size_t count = 0;
        for (const select_case* one : cases) {
            if (one->guard != nullptr) {
                room[count++] = one->guard;
            }
        }
        const auto used = room.first(count);
        std::ranges::sort(used, std::less<>{});
        locks_ = used.first(
            static_cast<std::size_t>(std::ranges::begin(std::ranges::unique(used)) - used.begin()));
        for (spin_lock* one : locks_) {
            one->lock();
        }
    }
    ~all_of() {
        for (spin_lock* one : locks_) {
            one->unlock();
        }
    }
    all_of(const all_of&) = delete;
    all_of& operator=(const all_of&) = delete;

  private:
    std::span<spin_lock*> locks_;
};

// selecting: one wait of a select. Its destructor leaves nothing behind, however it ends.
class selecting : public choice {
  public:
    explicit selecting(std::span<select_case* const> cases) noexcept : cases_{cases} {
        kind = &waits_for_several;
        for (const select_case* one : cases) {
            // The case whose time comes first stands for all that wait for the time.
            if (one->deadline != never && (timed_ == nullptr || one->deadline < timed_->deadline)) {
                timed_ = const_cast<select_case*>(one);
            }
        }
    }
    ~selecting() {
        for (select_case* one : cases_) {
            withdraw(*one);
        }
    }
    selecting(const selecting&) = delete;
    selecting& operator=(const selecting&) = delete;

    void require_clock() const {
        PIRN_REQUIRE(timed_ == nullptr || who == nullptr || current_loop_or_null() != nullptr,
                     "a task that no runtime runs waits for the time; only pirn::run has a clock");
    }

    // enrol: a place in each queue, unless a case is ready, which is carried out. When this thread is the only
    // one and has looked before, nothing can have changed, and nobody else is there to be locked out.
    select_case* enrol(std::span<spin_lock*> room, bool nothing_changed) {
        if (nothing_changed) {
            queue_up();
            return nullptr;
        }
        woken wake;
        const all_of held{cases_, room};
        for (select_case* one : cases_) {
            if (one->guard != nullptr) {
                one->result = one->attempt(wake);
                if (one->result != outcome::none) {
                    return one;
                }
            }
        }
        queue_up();
        return nullptr;
    }

    // sleep: the place that has won. Suspends.
    place& sleep() {
        for (select_case* one : cases_) {
            one->arm();
        }
        if (who != nullptr) {
            sleep_as_task();
        } else if (!thread_wait_until(*this, timed_ != nullptr ? timed_->deadline : never)) {
            if (claim(*timed_)) {
                timed_->result = outcome::done;
            } else {
                thread_wait_until(*this, never); // somebody else was faster
            }
        }
        // acquire: pairs with claim. The unpark has published the rest.
        return *winner.load(std::memory_order_acquire);
    }

  private:
    void queue_up() noexcept {
        for (select_case* one : cases_) {
            one->part_of = this;
            one->sleeper = this;
            if (one->queue != nullptr) {
                one->queue->push(*one);
            }
        }
        enrolled_ = true;
    }

    struct clock_alarm : alarm {
        explicit clock_alarm(selecting& to) noexcept : alarm{&ring}, of{to} {}
        static void ring(alarm& which) noexcept {
            selecting& self = static_cast<clock_alarm&>(which).of;
            if (self.claim(*self.timed_)) {
                self.timed_->result = outcome::done;
                unpark(self);
            }
        }
        selecting& of;
    };

    void sleep_as_task() {
        if (timed_ == nullptr) {
            park(*this);
            return;
        }
        clock_alarm rings{*this};
        rings.set(timed_->deadline, who);
        park(*this);
    }

    void withdraw(select_case& one) noexcept {
        if (!enrolled_) {
            return;
        }
        if (one.queue == nullptr) {
            one.disarm();
        } else if (one.queued.load(std::memory_order_acquire)) { // pairs with the release in take
            const holding held{*one.guard};
            if (one.queued.load(std::memory_order_relaxed)) {
                one.queue->leave(one);
            }
        }
        one.part_of = nullptr;
    }

    std::span<select_case* const> cases_;
    select_case* timed_ = nullptr;
    bool enrolled_ = false;
};

} // namespace

select_case* choose(std::span<select_case*> cases, std::span<spin_lock*> locks, bool has_default) {
    checkpoint();
    for (;;) {
        const bool was_alone = only_thread();
        shuffle(cases);
        for (select_case* one : cases) {
            if (try_one(*one)) {
                return one;
            }
        }
        if (has_default) {
            return nullptr;
        }
        selecting here{cases};
        here.require_clock();
        if (select_case* ready = here.enrol(locks, was_alone && only_thread())) {
            return ready;
        }
        place& won = here.sleep();
        if (&won == &here.stopped) {
            note_stop();
            throw cancelled{};
        }
        if (won.result != outcome::again) {
            return &static_cast<select_case&>(won);
        }
    }
}

outcome time_case::attempt(woken& /*wake*/) {
    return deadline != never && now() >= deadline ? outcome::done : outcome::none;
}

namespace {

task& task_of(const join_handle_base& handle) {
    // A derived class may name a protected member of its base, and the base's is what it names.
    struct opened : join_handle_base {
        static task& of(const join_handle_base& which) { return (which.*(&opened::checked))(); }
    };
    return opened::of(handle);
}

} // namespace

join_case::join_case(const join_handle_base* handle) noexcept : awaited{task_of(*handle)} {
    const task* const self = current_task();
    PIRN_REQUIRE(self != nullptr, "a select waits for a task outside of any; only tasks can");
    const scheduler& ours = *self->home.load();
    const scheduler& theirs = *awaited.home.load();
    PIRN_REQUIRE(&ours == &theirs ||
                     (ours.shares_with() != nullptr && ours.shares_with() == theirs.shares_with()),
                 "a task can only wait for tasks of its own scheduler or crew",
                 {"name", self->name()}, {"other", awaited.name()});
    PIRN_REQUIRE(self != &awaited, "a task cannot wait for its own end", {"name", self->name()});
}

outcome join_case::attempt(woken& /*wake*/) {
    return awaited.ended() ? outcome::done : outcome::none;
}

void join_case::arm() noexcept {
    if (!tell_end(awaited, at_its_end)) {
        bell::ring(at_its_end);
    }
}

void join_case::disarm() noexcept { forget_end(awaited, at_its_end); }

void join_case::bell::ring(waiter& on) noexcept {
    join_case& self = static_cast<bell&>(on).to;
    if (self.part_of->claim(self)) {
        self.result = outcome::done;
        unpark(*self.sleeper);
    }
}

outcome stop_case::attempt(woken& /*wake*/) {
    return token.stop_requested() ? outcome::done : outcome::none;
}

// A token that was already told calls at once.
void stop_case::arm() noexcept { callback.emplace(token, ring{this}); }

// Waits for a call that is under way on another thread.
void stop_case::disarm() noexcept { callback.reset(); }

void stop_case::ring::operator()() const noexcept {
    if (to->part_of->claim(*to)) {
        to->result = outcome::done;
        unpark(*to->sleeper);
    }
}

} // namespace pirn::detail
