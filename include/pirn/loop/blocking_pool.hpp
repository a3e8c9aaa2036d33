// SPDX-License-Identifier: MIT
//
// Threads for what can only be done by waiting: functions of the program's own, and files where the
// kernel has no better way. Each loop has two pools, one for pirn::blocking (loop_options::calls) and one for all else
// (loop_options::pool). Loops share a pool by naming it in their options; it is of no use without a loop.
//
//               a loop's own list                the pool's queue           a thread
//   submit ───► waits, when the loop has ──────► first come, ───────────► runs ──► back to the loop
//               its share in the pool            first served               │
//                   │ cancel                         │ cancel               │ cancel
//                   ▼                                ▼                      ▼
//               never runs                       never runs          a signal, until it ends
//
// The queue is bounded, as each loop has a share of it; what is more waits in a list of the loop, made of
// the operations themselves. Nobody who submits ever waits, and nothing is refused for want of room.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/time.hpp>

#include <csignal>
#include <cstddef>
#include <memory>

namespace pirn {

namespace detail {
class pool_door;
}

struct blocking_pool_options {
    // Threads come one by one while there is more to do than threads, up to this. 1 to 1024.
    unsigned threads_max = 16;

    // A thread that had nothing to do for so long ends.
    duration idle_time = std::chrono::seconds{5};

    // The signal that gets a thread out of a system call when its operation is cancelled; 0 for none. The
    // pool handles it from its first thread to its end (without SA_RESTART, doing nothing), unless the program has a handler
    // of its own for it: then that one stays, and what is running is not interrupted. Threads of the pool
    // block every other signal.
    int interrupt_signal = SIGURG;
};

class PIRN_EXPORT blocking_pool {
  public:
    // Starts no thread. Throws std::bad_alloc.
    explicit blocking_pool(const blocking_pool_options& options = {});
    blocking_pool(const blocking_pool&) = delete;
    blocking_pool& operator=(const blocking_pool&) = delete;
    // Ends the threads. The loops that used it are gone by then, hence nothing is queued. In a child
    // process after fork, where the threads do not exist, it does nothing.
    ~blocking_pool();

    // threads: how many there are at the moment. Thread-safe. Never suspends.
    unsigned threads() const noexcept;

    // queued: how many operations wait for a thread. Thread-safe. Never suspends.
    std::size_t queued() const noexcept;

  private:
    friend class detail::pool_door;
    struct state;
    std::unique_ptr<state> state_;
};

} // namespace pirn
