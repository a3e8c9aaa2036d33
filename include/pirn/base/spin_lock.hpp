// SPDX-License-Identifier: MIT
//
// The lock under everything that several threads may touch for a moment: one word. A byte would do, but on riscv64
// gcc 12 calls a library to exchange one.
//
// This is not API. It is installed because the primitives of sync, and tasks, hold theirs by value.
//
// Shared state: held_, exchanged with acquire, cleared with release.
#pragma once

#include <pirn/base/config.hpp>
#include <pirn/base/export.hpp>
#include <pirn/base/threads.hpp>

#include <atomic>
#include <cstdint>

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
            held_.store(1, std::memory_order_relaxed);
            return;
        }
        // acquire: pairs with the release in unlock.
        if (PIRN_UNLIKELY(held_.exchange(1, std::memory_order_acquire) != 0)) {
            lock_slowly();
        }
    }
    void unlock() noexcept { held_.store(0, std::memory_order_release); }

  private:
    PIRN_EXPORT void lock_slowly() noexcept;

    std::atomic<std::uint32_t> held_{0};
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
