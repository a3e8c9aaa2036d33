// SPDX-License-Identifier: MIT
//
// The scheduler's main loop: turns, news, and waiting for news.
//
// The order of one round, and why it is fair:
//
//   inbox ──► runnable ──► one turn for each that was runnable at the start ──► idler, if
//                                                                              · nothing is runnable, or
//                                                                              · enough turns have passed
//
// A task that yields goes to the end of the queue, behind everything that was runnable before it.
#include <pirn/sched/scheduler.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/coro/switch.hpp>

#include "sched/access.hpp"
#include "sched/condition_idler.hpp"

#include <cstdio>
#include <exception>
#include <string_view>
#include <thread>

namespace pirn {
namespace {

// How many requests of one task may be answered at once before others have a turn: enough to make the
// way through the queue cheap, few enough to be fair.
constexpr unsigned answers_per_turn = 32;

// Makes a scheduler the thread's worker while it runs, and restores what was there: a task of one
// scheduler may drive another.
class at_work {
  public:
    explicit at_work(scheduler& now) noexcept : before_{detail::this_thread().worker} {
        detail::this_thread().worker = &now;
    }
    ~at_work() { detail::this_thread().worker = before_; }
    at_work(const at_work&) = delete;
    at_work& operator=(const at_work&) = delete;

  private:
    void* before_;
};

// The tasks of one tick, taken out of the queue. If the idler fails on the way, those who have not had
// their turn are the first in the queue again.
struct current_turn {
    explicit current_turn(detail::task_queue& from) noexcept : queue{from} {
        tasks.take_all(queue);
    }
    ~current_turn() {
        if (!tasks.empty()) {
            tasks.take_all(queue);
            queue.take_all(tasks);
        }
    }
    current_turn(const current_turn&) = delete;
    current_turn& operator=(const current_turn&) = delete;

    detail::task_queue tasks;
    detail::task_queue& queue;
};

} // namespace

scheduler::scheduler(const scheduler_options& options, idler* idles_with)
    : idler_{idles_with}, options_{options} {
    PIRN_REQUIRE(options.turns_between_polls > 0, "turns_between_polls is at least 1");
    if (idler_ == nullptr) {
        own_idler_ = std::make_unique<detail::condition_idler>();
        idler_ = own_idler_.get();
    }
}

scheduler::~scheduler() {
    PIRN_REQUIRE(running_ == nullptr, "a scheduler was destroyed by one of its own tasks");
    if (alive_count_ > 0) {
        report_alive();
        request_stop_all();
        run();
    }
    // A thread that woke the last task may still have the idler in its hands. It does not wait there.
    // acquire: pairs with the release in unpark.
    while (wakers_.load(std::memory_order_acquire) != 0) {
        std::this_thread::yield();
    }
}

scheduler* scheduler::current() noexcept {
    auto* here = static_cast<scheduler*>(detail::this_thread().worker);
    return here != nullptr && here->running_ != nullptr ? here : nullptr;
}

bool scheduler::tick() {
    const at_work here{*this};
    PIRN_REQUIRE(running_ == nullptr, "a task cannot drive its own scheduler");
    drain_inbox();
    // Only those that are runnable now: who yields or is woken meanwhile has its turn in the next tick.
    current_turn turn{runnable_};
    while (detail::task* next = turn.tasks.pop_front()) {
        run_one(*next);
        if (++turns_since_poll_ >= options_.turns_between_polls) {
            poll();
        }
    }
    if (runnable_.empty()) {
        poll();
    }
    return !runnable_.empty();
}

void scheduler::run() {
    while (alive_count_ > 0) {
        if (!tick() && alive_count_ > 0) {
            wait();
        }
    }
}

void scheduler::run_until_ended(const detail::task& which) {
    PIRN_REQUIRE(which.home == this, "this task belongs to another scheduler");
    while (!which.ended()) {
        if (!tick() && !which.ended()) {
            wait();
        }
    }
}

void scheduler::run_one(detail::task& next) {
    running_ = &next;
    answers_left_ = answers_per_turn;
    const arch::message got = detail::resume(next);
    running_ = nullptr;
    if (!detail::has_ended(got)) {
        return;
    }
    alive_.erase(next);
    everybody_leaves_ = --alive_count_ > 0 && everybody_leaves_;
    detail::take_down(next.root);
    while (waiter* joiner = next.joiners.pop_front()) {
        unpark(*joiner);
    }
    if (next.on_end != nullptr) {
        next.on_end->call(*next.on_end, next);
    }
    detail::release(next);
}

void scheduler::post(detail::remote_call& what) noexcept {
    wakers_.fetch_add(1, std::memory_order_relaxed); // as in unpark
    if (calls_.push(what)) {
        idler_->wake();
    }
    wakers_.fetch_sub(1, std::memory_order_release);
}

void scheduler::call_posted() noexcept {
    if (calls_.empty()) {
        return; // without an atomic exchange; what comes just now also wakes the idler
    }
    detail::remote_call* next = calls_.take_all();
    while (next != nullptr) {
        detail::remote_call* const following = mpsc<detail::remote_call>::next(*next);
        next->call(*next);
        next = following;
    }
}

void scheduler::drain_inbox() noexcept {
    call_posted();
    if (inbox_.empty()) {
        return;
    }
    waiter* woken = inbox_.take_all();
    while (woken != nullptr) {
        // Read the link first: the waiter is gone as soon as its task runs.
        waiter* following = mpsc<waiter>::next(*woken);
        unpark(*woken);
        woken = following;
    }
}

void scheduler::poll() {
    turns_since_poll_ = 0;
    idler_->poll();
    drain_inbox();
}

void scheduler::wait() {
    const at_work here{*this};
    // A wake between drain_inbox and the wait is not lost: the idler remembers it.
    idler_->wait();
    drain_inbox();
}

void scheduler::report_alive() const noexcept {
    std::fprintf(stderr, "pirn: a scheduler ends with %zu task(s) alive:\n", alive_count_);
    for (const detail::task* at = alive_.front(); at != nullptr;
         at = alive_.next(const_cast<detail::task&>(*at))) {
        const std::string_view name = at->name().empty() ? "unnamed" : at->name();
        std::fprintf(stderr, "  \"%.*s\", %s, spawned at %s\n", static_cast<int>(name.size()),
                     name.data(), to_string(at->status()).data(), detail::site_of(*at).c_str());
    }
}

void scheduler::request_stop_all() noexcept {
    const at_work here{*this};
    everybody_leaves_ = alive_count_ > 0;
    for (detail::task* at = alive_.front(); at != nullptr; at = alive_.next(*at)) {
        detail::ask_to_stop(*at);
    }
}

} // namespace pirn
