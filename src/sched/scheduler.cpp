// SPDX-License-Identifier: MIT
//
// The scheduler's main loop: turns, news, and waiting for news.
//
// The order of one round, and why it is fair:
//
//   inbox ──► runnable ──► one turn for each that was runnable at the start ──► idler, if
//                                                                              · nothing is runnable, or
//                                                                              · enough turns or time
//                                                                                have passed (pace.hpp)
//
// A task that yields goes to the end of the queue, behind everything that was runnable before it.
//
// A switch from task to task goes past all this: it takes the next of this round, or, when nobody counts ticks, the
// first of what would be the next round (next_in_turn). That ends with the turn at which the idler is asked.
#include <pirn/sched/scheduler.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/config.hpp>
#include <pirn/coro/switch.hpp>
#include <pirn/sched/crew.hpp>
#include <pirn/sched/task_local.hpp>

#include "sched/access.hpp"
#include "sched/condition_idler.hpp"
#include "sched/random.hpp"
#include "sched/share.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <thread>
#include <utility>

namespace pirn {
namespace {

void bump(std::atomic<std::size_t>& counter) noexcept {
    // Written on one thread only. release: whoever reads it sees what was counted.
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

// Compilers know that a thread's errno stays where it is, and that a function stays on its thread.
PIRN_NOINLINE int* address_of_errno() noexcept {
    asm volatile("");
    return &errno;
}

constinit const detail::cancel_origin everybody_leaves_origin{
    "all tasks of the scheduler are asked to stop", {}};

} // namespace

// Makes a scheduler the thread's worker while it runs, and restores what was there: a task of one
// scheduler may drive another.
class scheduler::at_work {
  public:
    explicit at_work(scheduler& now) noexcept : before_{detail::this_thread().worker} {
        detail::this_thread().worker = &now;
        now.errno_ = address_of_errno();
        const auto* const around = static_cast<const scheduler*>(before_);
        now.must_lock_ =
            now.crew_ != nullptr || (around != nullptr && around != &now && around->must_lock_);
    }
    ~at_work() { detail::this_thread().worker = before_; }
    at_work(const at_work&) = delete;
    at_work& operator=(const at_work&) = delete;

  private:
    void* before_;
};

// The tasks of one tick, taken out of the queue. If the idler fails on the way, those who have not had
// their turn are the first in the queue again.
class scheduler::current_turn {
  public:
    explicit current_turn(scheduler& of) noexcept : of_{of} {
        detail::thread_state& here = detail::this_thread();
        detail::prepare_thread(here); // so that it is known from the first turn on
        of.outer_ = here.current;
        of.turn_.take_all(of.runnable_);
    }
    ~current_turn() {
        if (!of_.turn_.empty()) {
            of_.let_in_.take_all(of_.turn_);
            of_.let_in_.take_all(of_.runnable_);
            of_.runnable_.take_all(of_.let_in_);
            of_.ahead_ = 0;
        }
        of_.outer_ = nullptr;
        of_.goes_on_ = false;
    }
    current_turn(const current_turn&) = delete;
    current_turn& operator=(const current_turn&) = delete;

  private:
    scheduler& of_;
};

scheduler::scheduler(const scheduler_options& options, idler* idles_with)
    : idler_{idles_with}, options_{options}, crew_{options.crew}, must_lock_{crew_ != nullptr},
      random_{detail::first_random(options.seed)} {
    PIRN_REQUIRE(options.turns_between_polls > 0, "turns_between_polls is at least 1");
    if (idler_ == nullptr) {
        own_idler_ = std::make_unique<detail::condition_idler>();
        idler_ = own_idler_.get();
    }
    if (crew_ != nullptr) {
        share_ = std::make_unique<share>(*this);
        number_ = crew_->join(*this);
        random_ = detail::first_random(options.seed + number_);
    }
}

scheduler::~scheduler() {
    PIRN_REQUIRE(running_.load(std::memory_order_relaxed) == nullptr,
                 "a scheduler was destroyed by one of its own tasks");
    if (crew_ != nullptr) {
        // The others of the crew may be going just now, so nobody else could help these to an end.
        PIRN_REQUIRE(
            alive_.empty() && share_->fresh.empty(),
            "a scheduler of a crew was destroyed with tasks alive; let run() end before the crew "
            "is closed");
    } else if (alive() > 0) {
        report_alive();
        request_stop_all();
        run();
    }
    {
        const at_work here{*this};
        drain_inbox(); // nudges for tasks that have ended meanwhile
    }
    // A thread that woke the last task may still have the idler in its hands. It does not wait there.
    // acquire: pairs with the release in unpark.
    while (wakers_.load(std::memory_order_acquire) != 0) {
        std::this_thread::yield();
    }
    if (crew_ != nullptr) {
        crew_->leave(*this);
    }
}

scheduler* scheduler::current() noexcept {
    auto* here = static_cast<scheduler*>(detail::this_thread().worker);
    return here != nullptr && here->running_.load(std::memory_order_relaxed) != nullptr ? here
                                                                                        : nullptr;
}

bool scheduler::tick() {
    looked_at_ = time_point::min(); // not known: the caller's time is none of a task
    return round(false);
}

// The two that follow are part of `round`, so that a task's turn begins and ends at the same depth of calls: a processor
// foresees where a call returns to by counting calls, and every level between would be foreseen wrongly twice for each turn.

// run_one: returns the task that yielded and is not queued yet, or null.
PIRN_ALWAYS_INLINE detail::task* scheduler::run_one(detail::task& next) {
    next.begun.store(true, std::memory_order_relaxed);
    running_.store(&next, std::memory_order_relaxed);
    nothing_new_ = false;
    answers_left_ = pace_.answers();
    const arch::message got = detail::resume(next);
    // Not `next`, if that one has let another task run in its place.
    detail::task& last = *running_.load(std::memory_order_relaxed);
    running_.store(nullptr, std::memory_order_relaxed);
    if (detail::has_ended(got)) {
        conclude(last);
        return nullptr;
    }
    return std::exchange(last.requeue, false) ? &last : nullptr;
}

// have_turn: a task that yields is queued behind the news, if they are asked for: so a timer that is due waits for one
// step of a task that computes, and not for two.
PIRN_ALWAYS_INLINE void scheduler::have_turn(detail::task& next) {
    struct queue_again {
        ~queue_again() { // also when the idler fails
            if (task != nullptr) {
                home.make_runnable(*task);
            }
        }
        scheduler& home;
        detail::task* task;
    } const yielded{*this, run_one(next)};
    if (--turns_left_ <= 0) {
        look();
    }
}

// round: `and_more`, if it need not end when everybody has had one turn.
bool scheduler::round(bool and_more) {
    const at_work here{*this};
    PIRN_REQUIRE(running_.load(std::memory_order_relaxed) == nullptr,
                 "a task cannot drive its own scheduler");
    drain_inbox();
    // Only those that are runnable now: who yields or is woken meanwhile has its turn in the next tick.
    const current_turn turn{*this};
    goes_on_ = and_more;
    std::size_t fresh_left = share_ != nullptr ? fresh_to_take() : 0;
    for (;;) {
        detail::task* next = detail::scheduler_access::next_of_turn(*this);
        if (next == nullptr && fresh_left > 0) {
            --fresh_left;
            next = take_fresh();
        }
        if (next == nullptr) {
            break;
        }
        have_turn(*next);
    }
    if (runnable_.empty() && (share_ == nullptr || fresh_to_take() == 0)) {
        forget_jumps();
        poll();
    }
    return !runnable_.empty() || (share_ != nullptr && (fresh_to_take() > 0 || steal()));
}

void scheduler::run() {
    const watching until_all_have_ended{crew_};
    look_anew();
    while (alive() > 0) {
        if (!round(true) && alive() > 0) {
            wait();
        }
    }
    everybody_leaves_ = false;
    if (crew_ != nullptr) {
        crew_->leaving_.store(false, std::memory_order_relaxed);
    }
}

void scheduler::run_until_ended(detail::task& which) {
    const scheduler* const home = which.home.load(std::memory_order_acquire);
    PIRN_REQUIRE(home == this || (crew_ != nullptr && home->crew_ == crew_),
                 "this task belongs to another scheduler");
    struct ring : waiter {
        explicit ring(scheduler& drives) noexcept
            : waiter{nullptr,
                     [](waiter& on) noexcept { static_cast<ring&>(on).here.idler_->wake(); }},
              here{drives} {}
        scheduler& here;
    } bell{*this};
    const bool elsewhere = crew_ != nullptr && detail::tell_end(which, bell);
    look_anew();
    while (!which.ended()) {
        if (!round(true) && !which.ended()) {
            wait();
        }
    }
    if (elsewhere) {
        detail::forget_end(which, bell); // and waits for one who is about to ring
    }
}

void scheduler::serve() {
    PIRN_REQUIRE(crew_ != nullptr, "serve is for schedulers of a crew: nobody could end it");
    look_anew();
    while (!crew_->closed_.load(std::memory_order_acquire)) {
        if (!round(true) && !crew_->closed_.load(std::memory_order_acquire)) {
            wait();
        }
    }
    while (round(true)) {
    }
}

void scheduler::conclude(detail::task& ended) {
    if (PIRN_UNLIKELY(ended.held != nullptr)) {
        ended.held->complain(*ended.held, ended);
    }
    {
        const detail::holding held{alive_guard_, share_ != nullptr};
        if (PIRN_UNLIKELY(alive_walks_ != nullptr)) {
            detail::walk::leaves(alive_walks_, alive_, ended);
        }
        alive_.erase(ended);
    }
    detail::take_down(ended.root);
    if (PIRN_UNLIKELY(ended.group_error != nullptr)) {
        detail::settle_group_error(ended);
    }
    {
        const detail::holding held{ended.guard, must_lock_};
        ended.over.store(true, std::memory_order_release);
        waiter* joiner = ended.joiners.pop_front();
        const bool only_one = ended.joiners.empty();
        for (; joiner != nullptr; joiner = ended.joiners.pop_front()) {
            if (!only_one || !goes_on_at_once(*joiner)) {
                unpark(*joiner);
            }
        }
    }
    if (ended.on_end != nullptr) {
        ended.on_end->call(*ended.on_end, ended);
    }
    if (ended.locals != nullptr) {
        detail::drop(std::exchange(ended.locals, nullptr));
    }
    detail::release(ended);
    bump(ended_);
    everybody_leaves_ = everybody_leaves_ && alive() > 0;
}

// begin: a new task, on the thread that calls. That may be another one of the crew: a task that was taken by it and
// that still names the scheduler it was spawned by.
void scheduler::begin(detail::task& fresh) noexcept {
    if (auto* const here = static_cast<scheduler*>(detail::this_thread().worker);
        share_ != nullptr && here != this && here != nullptr && here->crew_ == crew_) {
        here->begin(fresh);
        return;
    }
    fresh.home.store(this, std::memory_order_release);
    bump(spawned_);
    if (const detail::task* const parent = detail::current_task()) {
        fresh.locals = detail::share(parent->locals);
    }
    if (share_ != nullptr && fresh.worker != this_worker) {
        if (fresh.worker == any_worker) {
            offer(fresh);
        } else {
            send(fresh);
        }
        return;
    }
    adopt(fresh);
    runnable_.push_back(fresh);
}

// adopt: from now on the task is this scheduler's; not queued yet.
void scheduler::adopt(detail::task& taken) noexcept {
    if (outer_ != nullptr && taken.phase == detail::frame_phase::fresh) {
        taken.parent =
            outer_; // who will resume it: so that even the first resume is an ordinary one
    }
    {
        const detail::holding held{alive_guard_, share_ != nullptr};
        alive_.push_back(taken);
    }
    taken.listed = true;
    // After the task can be found in the list: whoever asks all that are there, asks it, or we see that he did.
    if (everybody_leaves_ ||
        (crew_ != nullptr && crew_->leaving_.load(std::memory_order_seq_cst))) {
        detail::request_cancel(taken.root, everybody_leaves_origin);
    }
}

void scheduler::make_runnable(detail::task& what) noexcept {
    if (PIRN_UNLIKELY(what.migratable) && share_ != nullptr && what.ties == 0) {
        offer(what);
    } else {
        runnable_.push_back(what);
    }
}

std::size_t scheduler::alive() const noexcept {
    if (crew_ != nullptr) {
        return crew_->alive();
    }
    return spawned_.load(std::memory_order_relaxed) - ended_.load(std::memory_order_relaxed);
}

void scheduler::wait() {
    const at_work here{*this};
    // A wake between drain_inbox and the wait is not lost: the idler remembers it.
    if (share_ == nullptr) {
        wait_and_watch();
    } else if (!search()) {
        sleep();
    }
    look_anew();
    drain_inbox();
}

void scheduler::ask_all_here() noexcept {
    const at_work here{*this};
    // Asking may wake, and ends no task.
    detail::scheduler_access::for_each_own_task(*this, [](detail::task& each) {
        if (!each.ended()) {
            detail::request_cancel(each.root, everybody_leaves_origin);
        }
    });
}

void scheduler::request_stop_all() noexcept {
    if (crew_ == nullptr) {
        everybody_leaves_ = alive() > 0;
        ask_all_here();
        return;
    }
    if (crew_->alive() == 0) {
        return;
    }
    crew_->leaving_.store(true, std::memory_order_seq_cst);
    crew_->ask_all_to_stop();
}

} // namespace pirn
