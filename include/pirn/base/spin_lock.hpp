// SPDX-License-Identifier: MIT
//
// The lock under everything that several threads may touch for a moment: one byte.
//
// This is not API. It is installed because the primitives of sync, and tasks, hold theirs by value.
//
// Shared state: held_, exchanged with acquire, cleared with release.
#pragma once

#include <pirn/base/config.hpp>
#include <pirn/base/export.hpp>
#include <pirn/base/threads.hpp>

#include <atomic>

namespace pirn::detail {

// spin_lock: for a few instructions, and the move of a value. Who waits spins for a moment and then lets other
// threads run. With one thread in the process it is a plain store.
class spin_lock {
  public:
    spin_lock() = default;
    spin_lock(const spin_lock&) = delete;
    spin_lock& operator=(const spin_lock&) = delete;

    void lock() noexcept {
        if (only_thread()) {
            // Nobody else can hold it. Stored all the same, because what is held may create a thread.
            held_.store(true, std::memory_order_relaxed);
            return;
        }
        // acquire: pairs with the release in unlock.
        if (PIRN_UNLIKELY(held_.exchange(true, std::memory_order_acquire))) {
            lock_slowly();
        }
    }
    void unlock() noexcept { held_.store(false, std::memory_order_release); }

  private:
    PIRN_EXPORT void lock_slowly() noexcept;

    std::atomic<bool> held_{false};
};

// holding: a lock held for a scope, or until release.
class holding {
  public:
    explicit holding(spin_lock& what) noexcept : lock_{&what} { what.lock(); }
    // Only where it may be shared at all: otherwise holds nothing.
    holding(spin_lock& what, bool shared) noexcept : lock_{shared ? &what : nullptr} {
        if (shared) {
            what.lock();
        }
    }
    ~holding() { release(); }
    holding(const holding&) = delete;
    holding& operator=(const holding&) = delete;

    void release() noexcept {
        if (lock_ != nullptr) {
            lock_->unlock();
            lock_ = nullptr;
        }
    }

  private:
    spin_lock* lock_;
};

} // namespace pirn::detail
