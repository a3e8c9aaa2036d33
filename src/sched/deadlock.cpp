// SPDX-License-Identifier: MIT
//
// Deadlocks: said, not solved. Two things are looked for, while the scheduler has nothing to do anyway:
//
//   everybody waits     no task runs, and no operation, timer or work is under way: only another thread could wake one
//   a circle            tasks that wait for each other, by joins and mutexes, while others go on
//
// A wait says by its kind on whom it depends. Circles are followed within the tasks of one thread, whose waits stand
// still while their scheduler looks; across threads only when all of them sleep.
#include <pirn/base/config.hpp>
#include <pirn/sched/crew.hpp>
#include <pirn/sched/report.hpp>
#include <pirn/sched/scheduler.hpp>

#include "sched/access.hpp"
#include "sched/share.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <new>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace pirn {
namespace {

// More tasks than this are not looked through while a program runs: that would be felt.
constexpr std::size_t most_looked_through = 10'000;

using tasks = std::unordered_set<detail::task*>;

// depends_on: the task without whose doing this one will not go on, if it is among these.
detail::task* depends_on(const detail::task& which, const tasks& among) {
    const waiter* const on = which.parked_on.load(std::memory_order_relaxed);
    if (on == nullptr || on->kind == nullptr || on->kind->depends_on == nullptr) {
        return nullptr;
    }
    detail::task* const other = on->kind->depends_on(*on);
    return other != nullptr && among.contains(other) ? other : nullptr;
}

std::string name_of(const detail::task& which) {
    return (which.name().empty() ? "unnamed" : "\"" + std::string{which.name()} + "\"") + " #" +
           std::to_string(which.id());
}

std::string in_words(const std::vector<detail::task*>& circle) {
    std::string text;
    for (const detail::task* each : circle) {
        const wait_kind* const kind = each->waits_for.load(std::memory_order_relaxed);
        text += "  " + name_of(*each) + ", spawned at " + detail::site_of(*each) + ", waits for " +
                (kind != nullptr ? kind->name : "something") + ": for\n";
    }
    return text + "  " + name_of(*circle.front()) + " again\n";
}

// circles: of those that have not been reported, each once. Every task depends on one other at most, so a walk
// either ends, or comes to where an earlier one has been, or back to where it has been itself.
std::string circles(const tasks& among) {
    std::string text;
    std::unordered_map<const detail::task*, std::size_t> seen; // in which walk
    std::size_t walk = 0;
    for (detail::task* first : among) {
        ++walk;
        detail::task* at = first;
        while (at != nullptr && seen.emplace(at, walk).second) {
            at = depends_on(*at, among);
        }
        if (at == nullptr || seen[at] != walk || at->in_reported_circle) {
            continue;
        }
        std::vector<detail::task*> circle;
        for (detail::task* one = at; circle.empty() || one != at; one = depends_on(*one, among)) {
            circle.push_back(one);
            one->in_reported_circle = true;
        }
        text += in_words(circle);
    }
    return text;
}

} // namespace

void scheduler::look_for_circles() noexcept {
    next_look_ = now() + options_.report_deadlock_after;
    if (alive() > most_looked_through) {
        return;
    }
    try {
        tasks here;
        bool worth_it = false;
        detail::scheduler_access::for_each_own_task(*this, [&](detail::task& each) {
            here.insert(&each);
            const waiter* const on = each.parked_on.load(std::memory_order_relaxed);
            worth_it = worth_it ||
                       (on != nullptr && on->kind != nullptr && on->kind->depends_on != nullptr);
        });
        if (!worth_it) {
            return;
        }
        if (const std::string found = circles(here); !found.empty()) {
            std::fprintf(stderr, "pirn: tasks wait for each other, and none of them can go on:\n%s",
                         found.c_str());
        }
    } catch (const std::bad_alloc&) { // NOLINT(bugprone-empty-catch): not now
    }
}

// sleeps_for_good: it sleeps, expects nothing, and was left nothing to do. Gives the number of its sleep.
bool scheduler::sleeps_for_good(std::uint64_t& sleep) const noexcept {
    sleep = share_->sleeps.load();
    return share_->asleep.load() != 0 && !share_->expects_news.load() &&
           share_->count.load() == 0 && inbox_.empty() && calls_.empty() &&
           share_->sleeps.load() == sleep;
}

// all_sleep_for_good: there was a moment at which all its schedulers slept, and none of them expected anything. Two
// tasks that wake each other on two threads make both sleep again and again, but never both at the same time without a
// wake that is under way. So all are looked at twice: who is found in the same sleep both times has slept in between,
// and a wake from before is seen the second time. True for one of those who ask, until one has had something to do.
bool crew::all_sleep_for_good() noexcept {
    std::array<std::uint64_t, most_members> sleeps{};
    const auto look = [&](auto&& accept) {
        for (std::size_t i = 0; i < size(); ++i) {
            const scheduler* const one = member(i);
            std::uint64_t sleep = 0;
            if (one != nullptr && (!one->sleeps_for_good(sleep) || !accept(i, sleep))) {
                return false;
            }
        }
        return true;
    };
    if (!look([&](std::size_t i, std::uint64_t sleep) {
            sleeps[i] = sleep;
            return true;
        })) {
        return false;
    }
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return look([&](std::size_t i, std::uint64_t sleep) { return sleeps[i] == sleep; }) &&
           deadlock_reported_.exchange(1) == 0;
}

void scheduler::report_deadlock() noexcept {
    try {
        tasks all;
        const auto collect = [&all](scheduler& one) {
            detail::scheduler_access::for_each_own_task(
                one, [&all](detail::task& each) { all.insert(&each); });
        };
        if (crew_ == nullptr) {
            collect(*this);
        } else {
            for (std::size_t i = 0; i < crew_->size(); ++i) {
                if (scheduler* const one = crew_->member(i)) {
                    collect(*one);
                }
            }
        }
        std::fprintf(
            stderr,
            "pirn: all tasks wait, and nothing is under way that could wake one; unless another "
            "thread does, this is a deadlock:\n%s%s",
            task_tree(*this).c_str(), circles(all).c_str());
    } catch (const std::bad_alloc&) { // NOLINT(bugprone-empty-catch): nothing left to say it with
    }
}

void scheduler::wait_and_watch() {
    if (options_.report_deadlock_after <= std::chrono::nanoseconds::zero() || nothing_new_) {
        idler_->wait();
        return;
    }
    if (idler_->expects_news()) {
        // Not so soon after the last look; but once more when it is quiet, as nobody may come by for long.
        if (now() < next_look_) {
            idler_->wait_until(next_look_);
        } else {
            nothing_new_ = true;
            look_for_circles();
            idler_->wait();
        }
        return;
    }
    const time_point patience = now() + options_.report_deadlock_after;
    idler_->wait_until(patience);
    if (now() < patience || idler_->expects_news() || !inbox_.empty() || !calls_.empty() ||
        alive() == 0) {
        return;
    }
    if (crew_ != nullptr && !crew_->all_sleep_for_good()) {
        return;
    }
    nothing_new_ = true;
    report_deadlock();
}

} // namespace pirn
