// SPDX-License-Identifier: MIT
//
// The schedulers of a crew among themselves: offering, taking, sleeping, waking.
//
// Nobody sleeps while there is something to take. Who offers a task counts it and then looks for sleepers; who wants to
// sleep counts itself among the sleepers and then looks for tasks; both in one order for everybody (seq_cst), so at
// least one of the two sees the other. The same between the last task that ends and whoever waits for that.
#include <pirn/sched/crew.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/config.hpp>
#include <pirn/base/error.hpp>
#include <pirn/coro/switch.hpp>
#include <pirn/sched/scheduler.hpp>

#include "base/sanitizers.hpp"
#include "sched/access.hpp"
#include "sched/share.hpp"

#include <algorithm>
#include <atomic>

namespace pirn {
namespace {

// How many tasks are taken at once, at most: they come from the front, and half of what is there stays.
constexpr std::size_t most_taken = 64;

// How often a scheduler looks around before it sleeps: some microseconds, as long as a sleep and a wake take.
constexpr int looks_before_sleep = 32;
constexpr int pauses_per_look = 16;

} // namespace

crew::~crew() {
    for (const auto& each : members_) {
        PIRN_REQUIRE(each.load(std::memory_order_acquire) == nullptr,
                     "a crew was destroyed before its schedulers");
    }
}

std::size_t crew::join(scheduler& who) {
    for (std::size_t i = 0; i < most_members; ++i) {
        scheduler* nobody = nullptr;
        if (members_[i].compare_exchange_strong(nobody, &who, std::memory_order_acq_rel)) {
            std::size_t known = size_.load(std::memory_order_relaxed);
            PIRN_REQUIRE(
                i == 0 || detail::atomics_are_seen || !detail::under_thread_sanitizer(),
                "ThreadSanitizer cannot follow tasks from thread to thread in a pirn that was compiled "
                "without it: use one thread, or configure pirn with -DPIRN_SANITIZE=thread");
            while (known < i + 1 && !size_.compare_exchange_weak(known, i + 1)) {
            }
            return i;
        }
    }
    throw_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                "crew: too many schedulers");
}

void crew::leave(scheduler& who) noexcept {
    left_ended_.fetch_add(who.ended_.load());
    left_spawned_.fetch_add(who.spawned_.load());
    members_[who.number()].store(nullptr, std::memory_order_release);
}

scheduler* crew::member(std::size_t number) const noexcept {
    return number < most_members ? members_[number].load(std::memory_order_acquire) : nullptr;
}

// First what has ended, then what was spawned: as both only grow, equal sums mean that between the two looks there was
// a moment when nothing was alive; and with nothing alive, nothing spawns but whoever asks.
std::size_t crew::alive() const noexcept {
    const std::size_t members = size();
    std::size_t ended = left_ended_.load();
    std::size_t spawned = left_spawned_.load();
    for (std::size_t i = 0; i < members; ++i) {
        if (const scheduler* const one = member(i)) {
            ended += one->ended_.load(std::memory_order_seq_cst);
        }
    }
    for (std::size_t i = 0; i < members; ++i) {
        if (const scheduler* const one = member(i)) {
            spawned += one->spawned_.load(std::memory_order_seq_cst);
        }
    }
    return spawned - ended;
}

void crew::close() noexcept {
    closed_.store(true, std::memory_order_seq_cst);
    for (std::size_t i = 0; i < size(); ++i) {
        if (scheduler* const one = member(i)) {
            one->idles_with().wake();
        }
    }
}

void crew::notify() noexcept {
    if (sleepers_.load(std::memory_order_seq_cst) == 0 ||
        searchers_.load(std::memory_order_seq_cst) > 0) {
        return;
    }
    const std::size_t members = size();
    const std::size_t first = turn_.fetch_add(1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < members; ++i) {
        scheduler* const one = member((first + i) % members);
        if (one != nullptr && one->share_->asleep.load(std::memory_order_relaxed) != 0 &&
            one->share_->asleep.exchange(0) != 0) {
            sleepers_.fetch_sub(1);
            one->idles_with().wake();
            return;
        }
    }
}

// notify_if_more: called by a scheduler that was woken, or that has found work. An offer wakes one scheduler at most, and
// none while one searches. So each scheduler that begins to work wakes the next one.
void crew::notify_if_more() noexcept {
    for (std::size_t i = 0; i < size(); ++i) {
        const scheduler* const one = member(i);
        if (one != nullptr && one->fresh_to_take() > 0) {
            notify();
            return;
        }
    }
}

void crew::wake_watchers() noexcept {
    for (std::size_t i = 0; i < size(); ++i) {
        if (scheduler* const one = member(i)) {
            if (one->share_->asleep.exchange(0) != 0) {
                sleepers_.fetch_sub(1);
                one->idles_with().wake();
            }
        }
    }
}

void crew::ask_all_to_stop() noexcept {
    for (std::size_t i = 0; i < size(); ++i) {
        scheduler* const one = member(i);
        if (one != nullptr && one->share_->asking.exchange(1) == 0) {
            one->post(one->share_->ask_all);
        }
    }
}

void scheduler::share::ask_all_call::arrived(remote_call& which) noexcept {
    scheduler& self = static_cast<ask_all_call&>(which).whose;
    self.share_->asking.store(0);
    if (self.crew_->leaving_.load()) { // if not, they have all left already
        self.ask_all_here();
    }
}

std::size_t scheduler::fresh_to_take() const noexcept {
    return share_->count.load(std::memory_order_relaxed);
}

// offer: to whoever comes first.
void scheduler::offer(detail::task& what) noexcept {
    {
        const detail::holding held{share_->guard};
        share_->fresh.push_back(what);
        share_->count.fetch_add(1, std::memory_order_seq_cst);
    }
    crew_->notify();
}

// send: to the scheduler that the task was spawned for.
void scheduler::send(detail::task& fresh) noexcept {
    scheduler* const to = crew_->member(static_cast<std::size_t>(fresh.worker));
    PIRN_REQUIRE(fresh.worker >= 0 && to != nullptr,
                 "a task was spawned for a worker that there is not", {"worker", fresh.worker},
                 {"workers", crew_->size()});
    if (to == this) {
        adopt(fresh);
        runnable_.push_back(fresh);
        return;
    }
    // `nudge` is what it travels by, and cannot be in the queue twice: who asks it to stop meanwhile finds it nudged.
    fresh.on_its_way = true;
    fresh.nudged.store(1, std::memory_order_relaxed);
    fresh.home.store(to, std::memory_order_release);
    to->post(fresh.nudge);
}

void scheduler::arrive(detail::task& fresh) noexcept {
    fresh.on_its_way = false;
    fresh.nudged.exchange(0, std::memory_order_acq_rel);
    adopt(fresh);
    runnable_.push_back(fresh);
}

// take_fresh: the oldest that this scheduler offers, taken back.
detail::task* scheduler::take_fresh() noexcept {
    detail::task* taken = nullptr;
    {
        const detail::holding held{share_->guard};
        taken = share_->fresh.front();
        if (taken == nullptr) {
            return nullptr;
        }
        share_->leaves(*taken);
        share_->count.fetch_sub(1, std::memory_order_relaxed);
    }
    if (!taken->listed) {
        adopt(*taken);
    }
    return taken;
}

// take_now: a task that has not begun, out of whichever queue of this scheduler it is in, so that it runs next. False
// if it has begun, is somewhere else, or the scheduler should have a look first; in that case it is the next in turn.
bool scheduler::take_now(detail::task& fresh) noexcept {
    const bool look_is_due = detail::scheduler_access::look_is_due(*this);
    if (outer_ == nullptr || (look_is_due && jumps_left_ == 0)) {
        return false;
    }
    share* const offers = share_.get();
    {
        const detail::holding held{offers != nullptr ? offers->guard : alive_guard_,
                                   offers != nullptr};
        if (fresh.home.load(std::memory_order_acquire) != this || fresh.on_its_way ||
            fresh.phase != detail::frame_phase::fresh || !fresh.queue_link.linked()) {
            return false;
        }
        if (fresh.listed) {
            runnable_.erase(fresh);
        } else if (offers != nullptr) {
            offers->leaves(fresh);
            offers->count.fetch_sub(1, std::memory_order_relaxed);
        }
    }
    if (!fresh.listed) {
        adopt(fresh);
    }
    if (look_is_due) {
        turn_.push_front(fresh);
        ++ahead_;
        return false;
    }
    --turns_left_;
    return true;
}

// steal: something from somebody, beginning with the one after the last from whom there was something. True if this
// scheduler has something to do now.
bool scheduler::steal() noexcept {
    const std::size_t members = crew_->size();
    for (std::size_t i = 0; i < members; ++i) {
        const std::size_t which = (share_->next_victim + i) % members;
        scheduler* const victim = crew_->member(which);
        if (victim != nullptr && victim != this && victim->fresh_to_take() > 0 &&
            steal_from(*victim)) {
            share_->next_victim = static_cast<unsigned>(which);
            crew_->notify_if_more();
            return true;
        }
    }
    return false;
}

bool scheduler::steal_from(scheduler& victim) noexcept {
    detail::task_queue taken;
    std::size_t count = 0;
    {
        share& theirs = *victim.share_;
        const detail::holding list{victim.alive_guard_};
        const detail::holding held{theirs.guard};
        const std::size_t half = (theirs.count.load(std::memory_order_relaxed) + 1) / 2;
        while (count < std::min(half, most_taken)) {
            detail::task* const one = theirs.fresh.front();
            if (one == nullptr) {
                break;
            }
            theirs.leaves(*one);
            if (one->listed) {
                detail::walk::leaves(victim.alive_walks_, victim.alive_, *one);
                victim.alive_.erase(*one);
                one->listed = false;
            }
            // Whoever wakes a migratable one just now, sees it here or there.
            const detail::holding moves{theirs.movers, one->migratable};
            one->home.store(this, std::memory_order_release);
            taken.push_back(*one);
            ++count;
        }
        theirs.count.fetch_sub(count, std::memory_order_relaxed);
    }
    if (count == 0) {
        return false;
    }
    // One is kept, the others may be taken further.
    detail::task& first = *taken.pop_front();
    adopt(first);
    runnable_.push_back(first);
    if (count > 1) {
        {
            const detail::holding held{share_->guard};
            share_->fresh.take_all(taken);
            share_->count.fetch_add(count - 1, std::memory_order_seq_cst);
        }
        crew_->notify();
    }
    return true;
}

// search: looks around for a while. True if there is something to do.
bool scheduler::search() noexcept {
    if (crew_->size() < 2) {
        return false;
    }
    bool found = false;
    if (crew_->searchers_.fetch_add(1) < std::max<std::size_t>(crew_->size() / 2, 1)) {
        for (int i = 0; i < looks_before_sleep && !found; ++i) {
            found = steal() || !inbox_.empty() || !calls_.empty();
            for (int j = 0; j < pauses_per_look && !found; ++j) {
                PIRN_CPU_RELAX();
            }
        }
    }
    if (crew_->searchers_.fetch_sub(1) == 1 && found) {
        // The last one who searched has found something: there may be more, and nobody was woken for it meanwhile.
        crew_->notify_if_more();
    }
    return found;
}

bool scheduler::may_sleep() const noexcept {
    const std::size_t members = crew_->size();
    for (std::size_t i = 0; i < members; ++i) {
        const scheduler* const one = crew_->member(i);
        if (one != nullptr && one->share_->count.load(std::memory_order_seq_cst) > 0) {
            return false;
        }
    }
    if (crew_->closed_.load(std::memory_order_seq_cst)) {
        return false;
    }
    if (crew_->watchers_.load(std::memory_order_seq_cst) > 0 && crew_->alive() == 0) {
        crew_->wake_watchers();
        return false;
    }
    return true;
}

void scheduler::sleep() {
    share_->sleeps.fetch_add(1);
    share_->expects_news.store(idler_->expects_news());
    share_->asleep.store(1);
    crew_->sleepers_.fetch_add(1);
    if (may_sleep()) {
        wait_and_watch();
    }
    if (share_->asleep.exchange(0) != 0) {
        crew_->sleepers_.fetch_sub(1);
    }
    if (!inbox_.empty() || !calls_.empty() || !runnable_.empty()) {
        crew_->deadlock_reported_.store(0);
        crew_->notify_if_more(); // the wake may have been for a task that another scheduler offers
    }
}

bool scheduler::unpark_mover(detail::task& sleeper, waiter& on) noexcept {
    bool wakes = false;
    {
        const detail::holding held{share_->movers};
        if (sleeper.home.load(std::memory_order_relaxed) != this) {
            return false;
        }
        on.over = true;
        wakes = sleeper.parked_on.load(std::memory_order_relaxed) == &on;
        if (wakes) {
            sleeper.parked_on.store(nullptr, std::memory_order_relaxed);
        }
    }
    if (wakes) {
        make_runnable(sleeper);
    }
    return true;
}

waiter* scheduler::wait_of(detail::task& what) noexcept {
    if (PIRN_UNLIKELY(what.migratable) && share_ != nullptr) {
        const detail::holding held{share_->movers};
        return what.home.load(std::memory_order_relaxed) == this
                   ? what.parked_on.load(std::memory_order_relaxed)
                   : nullptr;
    }
    return what.parked_on.load(std::memory_order_relaxed);
}

} // namespace pirn
