// SPDX-License-Identifier: MIT
//
// How a sleeping thread is woken from anywhere: a flag that says so, and an eventfd that the sleeper
// waits on. The flag is the truth; the eventfd only ends the sleep. Many wakes before the sleeper
// looks are one wake and one system call, and a wake that comes while nobody sleeps costs the sleeper
// none at all.
//
// The eventfd is not read but by `wait`. The waiter watches it edge-triggered (EPOLLET, or a multishot poll of
// io_uring), and each write is an edge even while the counter stands above zero; it would take 2^64
// writes to fill it.
//
//   waker     asked_ := 1; was it 0? then write the eventfd
//   sleeper   wait for an edge;  asked_ := 0; was it 1? then woken
//
// A waker that finds the flag set leaves the write to the one that set it. The sleeper clears the
// flag before it looks at what the wakers left for it, hence sees what came with either.
//
// A second eventfd may be rung along with the first, for a sleeper that waits elsewhere; that one is read by it.
//
// Shared state: asked_, set by any thread or signal handler, cleared by the sleeper; also_, set once by the
// sleeper.
#pragma once

#include <pirn/base/time.hpp>
#include <pirn/os/handle.hpp>

#include <atomic>

namespace pirn::os {

class wakeup {
  public:
    // Throws std::system_error when there is no descriptor left.
    wakeup();

    // wake: thread-safe, and safe in a signal handler: leaves errno alone. Never suspends.
    void wake() noexcept;

    // consume: true when somebody has asked since the last time. Only the sleeper. Never suspends.
    bool consume() noexcept;

    // descriptor: what the sleeper waits on, for edges of readability. Never suspends.
    int descriptor() const noexcept { return event_.get(); }

    // ring_also: from now on, each wake writes this eventfd too. A wake of just before is told by asked.
    // Only the sleeper. Never suspends.
    void ring_also(int descriptor) noexcept;

    // asked: whether consume would say true. Only the sleeper. Never suspends.
    bool asked() const noexcept;

    // wait: until consume says true, and it has; or until then, or earlier, with false. For a sleeper that has no
    // better way to wait. Suspends the thread.
    bool wait(time_point until) noexcept;

    // close: gives the descriptor back before the end. Nobody wakes any more. Never suspends.
    void close() noexcept { event_.close(); }

  private:
    handle event_;
    std::atomic<int> also_{-1};
    std::atomic<int> asked_{0}; // a flag in a whole word: gcc has no lock-free bool on riscv64
    static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may not take a lock");
};

} // namespace pirn::os
