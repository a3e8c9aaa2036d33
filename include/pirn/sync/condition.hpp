// SPDX-License-Identifier: MIT
//
// Waiting until something that a mutex guards has become true, in the manner of std::condition_variable.
//
//   std::unique_lock lock{door};
//   changed.wait(lock, [&] { return !queue.empty(); });
//
// There are no spurious wakes: wait returns when it was notified, and not otherwise. From any thread, tasks and
// others.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/sync/mutex.hpp>
#include <pirn/sync/parking_lot.hpp>

#include <mutex>
#include <utility>

namespace pirn {

class PIRN_EXPORT condition {
  public:
    condition() noexcept = default;
    condition(const condition&) = delete;
    condition& operator=(const condition&) = delete;
    // Nobody may be waiting.
    ~condition();

    // wait: unlocks, waits for a notification, and locks again, even if the task is asked to stop: then it
    // throws `cancelled`, with the lock held, unless it had been notified. Thread-safe. Suspends.
    void wait(std::unique_lock<mutex>& lock);

    // wait: until the predicate holds; it is called with the lock held. Suspends.
    template <class Predicate>
    void wait(std::unique_lock<mutex>& lock, Predicate holds);

    // notify_one: lets the one go on that has waited longest. With the lock held or not. Thread-safe. Never
    // suspends.
    void notify_one() noexcept;

    // notify_all: lets everybody go on that waits now. Thread-safe. Never suspends.
    void notify_all() noexcept;

  private:
    detail::spin_lock guard_;
    detail::wait_queue waiters_;
};

// ---------------------------------------------------------------------------------------------------

template <class Predicate>
void condition::wait(std::unique_lock<mutex>& lock, Predicate holds) {
    while (!holds()) {
        wait(lock);
    }
}

} // namespace pirn
