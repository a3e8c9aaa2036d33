// SPDX-License-Identifier: MIT
//
// What the sources of this room may do to each other's private parts, in one place.
#pragma once

#include <pirn/base/config.hpp>
#include <pirn/sched/scheduler.hpp>

#include <cstdint>
#include <exception>
#include <source_location>
#include <string>
#include <string_view>

namespace pirn::detail {

// How often others may be let in before those who have waited longer, for each turn of the queue: a millisecond or two.
inline constexpr unsigned jumps_per_turn = 16384;

struct scheduler_access {
    static task_queue& runnable(scheduler& of) noexcept { return of.runnable_; }
    static task* running(const scheduler& of) noexcept {
        return of.running_.load(std::memory_order_relaxed);
    }
    static mpsc<waiter>& inbox(scheduler& of) noexcept { return of.inbox_; }
    static std::atomic<unsigned>& wakers(scheduler& of) noexcept { return of.wakers_; }
    // spend_answer: of the running task; false when it should give way.
    static bool spend_answer(scheduler& of) noexcept {
        if (PIRN_UNLIKELY(of.answers_left_ == 0) && !of.may_go_on()) {
            return false;
        }
        --of.answers_left_;
        return true;
    }
    static bool poll_is_late(scheduler& of) noexcept { return of.poll_is_late(); }
    static void renew_answers(scheduler& of) noexcept { of.answers_left_ = of.pace_.answers(); }
    static bool must_lock(const scheduler& of) noexcept { return of.must_lock(); }
    template <class Function>
    static void for_each_task(const scheduler& of, Function function);
    // Those that have begun, or are about to.
    template <class Function>
    static void for_each_own_task(scheduler& of, Function function);
    static std::uint64_t& random(scheduler& of) noexcept { return of.random_; }
    static bool alone(const scheduler& of) noexcept { return of.share_ == nullptr; }
    static bool on_its_thread(const scheduler& of) noexcept {
        return of.thread_ == std::this_thread::get_id();
    }
    static void begin(scheduler& of, task& fresh) noexcept { of.begin(fresh); }
    static void make_runnable(scheduler& of, task& what) noexcept { of.make_runnable(what); }
    static void arrive(task& fresh) noexcept {
        fresh.home.load(std::memory_order_relaxed)->arrive(fresh);
    }
    static bool unpark_mover(scheduler& of, task& sleeper, waiter& on) noexcept {
        return of.unpark_mover(sleeper, on);
    }
    static waiter* wait_of(scheduler& of, task& what) noexcept { return of.wait_of(what); }
    static void runs_now(scheduler& of, task& next) noexcept {
        next.begun.store(true, std::memory_order_relaxed);
        of.running_.store(&next, std::memory_order_relaxed);
        of.answers_left_ = of.pace_.answers();
    }
    // look_is_due: the scheduler itself looks at the clock, or asks for news, before another task has its turn.
    static bool look_is_due(const scheduler& of) noexcept { return of.turns_left_ <= 1; }
    // next_of_turn: null when all of this turn have had theirs.
    static task* next_of_turn(scheduler& of) noexcept {
        if (PIRN_UNLIKELY(of.ahead_ > 0)) {
            if (task* const one = of.let_in_.pop_front()) {
                return one;
            }
            --of.ahead_;
        } else {
            of.jumps_left_ = jumps_per_turn;
        }
        return of.turn_.pop_front();
    }
    // Who runs when the running task is put aside, so that the way goes from task to task; null when the scheduler
    // itself should have a look.
    static task* next_in_turn(scheduler& of) noexcept {
        return PIRN_UNLIKELY(look_is_due(of)) ? nullptr : next_before_look(of);
    }
    // The same where no look is due.
    static task* next_before_look(scheduler& of) noexcept {
        task* next = next_of_turn(of);
        if (next == nullptr && of.goes_on_ && (alone(of) || of.fresh_to_take() == 0)) {
            next = of.runnable_.pop_front();
        }
        of.turns_left_ -= next != nullptr ? 1 : 0;
        return next;
    }
    static int& errno_of(const scheduler& of) noexcept { return *of.errno_; }
    static bool take_now(scheduler& of, task& fresh) noexcept { return of.take_now(fresh); }
};

// running_task: current_task, within this room.
inline task* running_task() noexcept {
    const auto* const here = static_cast<scheduler*>(this_thread().worker);
    return here != nullptr ? scheduler_access::running(*here) : nullptr;
}

// shared_here: tree_shared, within this room.
inline bool shared_here() noexcept {
    const auto* const here = static_cast<const scheduler*>(this_thread().worker);
    return here == nullptr || scheduler_access::must_lock(*here);
}

// end_wait_early: the task was asked to stop: if it waits, its wait is aborted, on its scheduler's thread.
void end_wait_early(task& asked) noexcept;

// give_up: one reference to a task less; true when it was the last.
bool give_up(task& which) noexcept;

// site_of: where a task was spawned, as a message says it.
std::string site_of(const task& which);
PIRN_EXPORT std::string in_words(const std::source_location& site);

// drop_unclaimed_group_error: prints it, unless the `cancelled` that it is kept for is still on its way, or in a handler
// that may throw it on. Never suspends.
void drop_unclaimed_group_error(task& self) noexcept;

// settle_group_error: of a task that has ended: see keep_group_error.
void settle_group_error(task& ended) noexcept;

// report_failure: one line on stderr about an error that left a task and that nobody asked for.
void report_failure(task& which) noexcept;

// report_error: the same for an error that another object held: whose it was, and a detail that follows in brackets.
PIRN_EXPORT void report_error(const char* whose, const std::exception_ptr& what,
                              std::string_view about = {}) noexcept;

} // namespace pirn::detail
