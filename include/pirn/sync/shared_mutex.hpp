// SPDX-License-Identifier: MIT
//
// Many readers or one writer. Meets SharedLockable: std::shared_lock, std::unique_lock, std::scoped_lock work.
//
// Fair in both directions: first come, first served, and readers that stand together in the queue go in together.
// A reader that comes while a writer waits queues behind it, so that writers are not starved; hence a task that
// reads must not ask to read again, it might wait for a writer that waits for it. Otherwise like mutex.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/sync/parking_lot.hpp>

#include <cstddef>

namespace pirn {

class PIRN_EXPORT shared_mutex : private detail::held_lock {
  public:
    shared_mutex() noexcept : held_lock{&writer_has_ended} {}
    shared_mutex(const shared_mutex&) = delete;
    shared_mutex& operator=(const shared_mutex&) = delete;
    // Neither locked nor waited for.
    ~shared_mutex();

    // lock: waits until it is ours alone. Throws `cancelled` if the task is asked to stop. Thread-safe. Suspends.
    void lock();
    // try_lock: takes it if nobody has it. Thread-safe. Never suspends.
    [[nodiscard("whether it was done is the answer; look at it")]] bool try_lock() noexcept;
    // unlock: by whoever locked it. Thread-safe. Never suspends.
    void unlock();

    // lock_shared: waits until it is ours and other readers'. Throws `cancelled` if the task is asked to stop.
    // Thread-safe. Suspends.
    void lock_shared();
    // try_lock_shared: takes it if no writer has it or waits for it. Thread-safe. Never suspends.
    [[nodiscard("whether it was done is the answer; look at it")]] bool try_lock_shared() noexcept;
    // unlock_shared: once for each lock_shared. Thread-safe. Never suspends.
    void unlock_shared();

  private:
    struct entering;
    [[noreturn]] static void writer_has_ended(const held_lock& self, const detail::task& owner);

    void let_in(detail::woken& wake) noexcept;

    mutable detail::spin_lock guard_;
    detail::wait_queue waiters_;
    const void* writer_ = nullptr; // who has it alone
    std::size_t readers_ = 0;      // how many share it
};

} // namespace pirn
