// SPDX-License-Identifier: MIT
//
// A number of tokens that are taken and given back: how many may do something at a time.
//
//   pirn::semaphore at_most_ten{10};
//   at_most_ten.acquire();
//   fetch(url);
//   at_most_ten.release();
//
// From any thread, tasks and others. Outside of any task, acquire blocks the thread.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/sync/parking_lot.hpp>

#include <cstddef>
#include <limits>

namespace pirn {

class PIRN_EXPORT semaphore {
  public:
    // max: how many tokens there can be.
    static constexpr std::size_t max = std::numeric_limits<std::size_t>::max() / 2;

    explicit semaphore(std::size_t tokens);
    semaphore(const semaphore&) = delete;
    semaphore& operator=(const semaphore&) = delete;
    // Nobody may be waiting.
    ~semaphore();

    // acquire: takes a token, when there is one: first come, first served. Throws `cancelled` if the task is
    // asked to stop; no token is lost. Thread-safe. Suspends.
    void acquire();

    // try_acquire: takes a token if there is one that nobody waits for. Thread-safe. Never suspends.
    [[nodiscard("whether it was done is the answer; look at it")]] bool try_acquire() noexcept;

    // release: gives back tokens, or brings new ones; those who wait get theirs at once. At most max in all.
    // Thread-safe. Never suspends.
    void release(std::size_t tokens = 1);

    // available: at this moment. Thread-safe. Never suspends.
    std::size_t available() const noexcept;

  private:
    mutable detail::spin_lock guard_;
    detail::wait_queue waiters_; // empty unless there are no tokens
    std::size_t tokens_;
};

} // namespace pirn
