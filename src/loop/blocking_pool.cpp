// SPDX-License-Identifier: MIT
//
// The threads of the blocking pool.
#include <pirn/loop/blocking_pool.hpp>

#include <pirn/base/assert.hpp>

#include "loop/pool_door.hpp"
#include "loop/pool_state.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include <sched.h>

namespace pirn {

using detail::operation_access;

blocking_pool::blocking_pool(const blocking_pool_options& options) {
    PIRN_REQUIRE(options.threads_max >= 1 && options.threads_max <= 1024,
                 "blocking_pool_options::threads_max must be 1 to 1024",
                 {"threads_max", options.threads_max});
    os::watch_forks();
    state_ = std::make_unique<state>(options);
}

blocking_pool::~blocking_pool() {
    if (state_->is_here()) {
        state_->end();
    } else {
        // Its mutex may have been held by a thread that does not exist here: not to be touched.
        os::leave_for_good(state_.release());
    }
}

unsigned blocking_pool::threads() const noexcept {
    const std::scoped_lock lock{state_->mutex};
    return state_->alive;
}

std::size_t blocking_pool::queued() const noexcept {
    const std::scoped_lock lock{state_->mutex};
    return state_->queued;
}

// ---------------------------------------------------------------------------------------------------

// A few per thread, so that no thread waits for a loop's next turn while that loop has more to do.
blocking_pool::state::state(const blocking_pool_options& wanted) noexcept
    : options{wanted}, share{std::size_t{4} * wanted.threads_max} {}

int blocking_pool::state::push(pooled_operation& what) noexcept {
    if (!is_here()) {
        return -ESRCH;
    }
    std::unique_lock lock{mutex};
    queue.push_back(what);
    ++queued;
    const bool sleeps = call_another();
    if (alive == 0) {
        queue.erase(what);
        --queued;
        return -EAGAIN;
    }
    lock.unlock();
    if (sleeps) {
        changed.notify_one();
    }
    return 0;
}

// call_another: one more thread should look at the queue, unless one is on its way. Each that comes calls the next, so
// that work which is done quickly is done by few, and that which waits by as many as it takes. True when the thread
// sleeps, and is to be notified. Under the mutex.
bool blocking_pool::state::call_another() noexcept {
    if (called || queue.empty()) {
        return false;
    }
    if (idle > 0) {
        called = true;
        return true;
    }
    called = alive < options.threads_max && start();
    return false;
}

bool blocking_pool::state::take_back(pooled_operation& what) noexcept {
    const std::scoped_lock lock{mutex};
    if (!operation_access::queued(what)) {
        return false;
    }
    queue.erase(what);
    --queued;
    return true;
}

// Under the mutex the runner cannot go on to the next operation, nor end.
bool blocking_pool::state::hit(pooled_operation& what) noexcept {
    const std::scoped_lock lock{mutex};
    auto* const runner = static_cast<worker*>(operation_access::runner(what));
    if (runner == nullptr || !interruption || !interruption->possible()) {
        return false;
    }
    runner->was_hit = true;
    interruption->hit(runner->thread);
    return true;
}

void blocking_pool::state::end() noexcept {
    std::unique_lock lock{mutex};
    ending = true;
    changed.notify_all();
    left.wait(lock, [this] { return alive == 0; });
    lock.unlock();
    for (const worker& last : ended_) {
        ::pthread_join(last.thread, nullptr); // and with it all that left before
    }
}

// start: one more thread; under the mutex, which that thread wants first. False when there is none to
// be had.
bool blocking_pool::state::start() noexcept {
    try {
        workers_.emplace_back();
    } catch (const std::bad_alloc&) {
        return false;
    }
    worker& fresh = workers_.back();
    fresh.pool = this;
    fresh.place = std::prev(workers_.end());
    if (!interruption) {
        interruption.emplace(options.interrupt_signal);
    }
    const sigset_t before = interruption->hide_signals();
    const int error = ::pthread_create(
        &fresh.thread, nullptr,
        [](void* self) -> void* {
            auto& me = *static_cast<worker*>(self);
            me.pool->run(me);
            return nullptr;
        },
        &fresh);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (error != 0) {
        workers_.pop_back();
        return false;
    }
    ++alive;
    return true;
}

void blocking_pool::state::run(worker& me) noexcept {
    std::unique_lock lock{mutex};
    called = false;
    while (pooled_operation* const what = next(lock)) {
        detail::pool_door& door = *operation_access::door(*what);
        door.enter();
        operation_access::runner(*what) = &me;
        const bool another_sleeps = call_another();
        lock.unlock();
        if (another_sleeps) {
            changed.notify_one();
        }

        const int result = detail::perform_blocking(*what);

        lock.lock();
        operation_access::runner(*what) = nullptr;
        const bool was_hit = std::exchange(me.was_hit, false);
        lock.unlock();
        if (was_hit) {
            // The signal may be pending still. A system call takes it in, or it would hit the next one.
            ::sched_yield();
        }
        door.done(*what, result); // the last use of both
        lock.lock();
    }
    leave(me, std::move(lock));
}

// next: waits for something to do; null when there was nothing for long, or it is the end.
pooled_operation* blocking_pool::state::next(std::unique_lock<std::mutex>& lock) noexcept {
    while (queue.empty()) {
        if (ending) {
            return nullptr;
        }
        ++idle;
        const bool in_time =
            changed.wait_until(lock, after(options.idle_time)) == std::cv_status::no_timeout;
        --idle;
        called = false; // whoever was meant: this one is here
        if (!in_time && queue.empty()) {
            return nullptr;
        }
    }
    --queued;
    return static_cast<pooled_operation*>(queue.pop_front());
}

void blocking_pool::state::leave(worker& me, std::unique_lock<std::mutex> lock) noexcept {
    std::list<worker> before;
    before.swap(ended_);
    ended_.splice(ended_.end(), workers_, me.place);
    if (--alive == 0) {
        left.notify_one(); // under the lock: whoever waits for it destroys this
    }
    lock.unlock();
    for (const worker& each : before) {
        ::pthread_join(each.thread, nullptr);
    }
}

} // namespace pirn
