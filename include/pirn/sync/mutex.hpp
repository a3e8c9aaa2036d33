// SPDX-License-Identifier: MIT
//
// One at a time. Meets Lockable: std::scoped_lock, std::unique_lock and std::lock work.
//
//   pirn::mutex door;
//   {
//       const std::scoped_lock inside{door};
//       …                                     // may suspend: the others wait, the thread does not
//   }
//
// Between two suspensions no other task of the same scheduler runs, so a mutex is only needed around code that
// suspends, or where other threads take part.
//
// Fair: unlock hands the mutex to the first one that waits; nobody who comes later gets in between. Whoever
// locked it, task or thread, unlocks it. A task that ends while it has a mutex is a programmer error, which is reported
// at its end. Outside of any task, lock blocks the thread.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/sync/parking_lot.hpp>

namespace pirn {

class PIRN_EXPORT mutex : private detail::held_lock {
  public:
    mutex() noexcept : held_lock{&owner_has_ended} {}
    mutex(const mutex&) = delete;
    mutex& operator=(const mutex&) = delete;
    // Neither locked nor waited for.
    ~mutex();

    // lock: waits until it is ours. Not while we have it: that is refused. Throws `cancelled` if the task is
    // asked to stop. Thread-safe. Suspends.
    void lock();

    // lock_shielded: the same, but a request to stop neither prevents nor ends it: for what must be done on
    // the way out. Thread-safe. Suspends.
    void lock_shielded();

    // try_lock: takes it if it is free; false if we have it already. Thread-safe. Never suspends.
    [[nodiscard("whether it was done is the answer; look at it")]] bool try_lock() noexcept;

    // unlock: by whoever has it. Thread-safe. Never suspends.
    void unlock();

    // held_by_caller: whether the current task, or outside of any the thread, has it. Thread-safe. Never
    // suspends.
    bool held_by_caller() const noexcept;

  private:
    struct locking;
    [[noreturn]] static void owner_has_ended(const held_lock& self, const detail::task& owner);

    mutable detail::spin_lock guard_;
    detail::wait_queue waiters_; // empty unless there is an owner
    const void* owner_ = nullptr;
};

} // namespace pirn
