// SPDX-License-Identifier: MIT
//
// The inside of the blocking pool: a queue, and threads that come and go.
//
//   push ──► queue ──► a thread ──► perform ──► the door of its loop
//
//   thread:   (started) ──► takes, runs, takes … ──► nothing for idle_time, or the end ──► ended
//
// At most one thread at a time is called to the queue, and calls the next when it has come and found more than one
// operation there: work that is done at once does not wake everybody, and work that waits gets all.
//
// A thread that leaves joins the one that left before it, so that at most one is unjoined at a time and
// the last one, joined by the destructor, stands for all.
//
// Shared state: everything below `mutex` is guarded by it.
#pragma once

#include <pirn/loop/blocking_pool.hpp>
#include <pirn/loop/work.hpp>

#include "loop/backend.hpp"
#include "os/fork.hpp"
#include "os/interrupt.hpp"

#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>
#include <optional>

#include <pthread.h>

namespace pirn {

struct blocking_pool::state {
    explicit state(const blocking_pool_options& options) noexcept;

    // is_here: whether this is the process that has the threads.
    bool is_here() const noexcept { return generation == os::fork_generation(); }

    // push: takes an operation in; 0 or a negative errno.
    int push(pooled_operation& what) noexcept;

    // take_back: true when no thread has taken the operation yet; then none will.
    bool take_back(pooled_operation& what) noexcept;

    // hit: interrupts the thread that runs the operation. True when there is one and it can be done.
    bool hit(pooled_operation& what) noexcept;

    // end: no thread is left afterwards.
    void end() noexcept;

    const blocking_pool_options options;
    const std::size_t share; // of a loop, in operations
    const unsigned generation = os::fork_generation();

    std::mutex mutex;
    std::optional<os::interruption> interruption; // since the first thread
    std::condition_variable changed;              // something queued, or the end
    std::condition_variable left;                 // the last thread
    detail::operation_queue queue;
    std::size_t queued = 0;
    unsigned idle = 0;   // threads that wait
    unsigned alive = 0;  // threads that have not left
    bool called = false; // a thread was notified or started, and has not come to the queue yet
    bool ending = false;

  private:
    struct worker {
        state* pool = nullptr;
        pthread_t thread{};
        bool was_hit = false;
        std::list<worker>::iterator place;
    };

    bool call_another() noexcept;
    bool start() noexcept;
    void run(worker& me) noexcept;
    pooled_operation* next(std::unique_lock<std::mutex>& lock) noexcept;
    void leave(worker& me, std::unique_lock<std::mutex> lock) noexcept;

    std::list<worker> workers_;
    std::list<worker> ended_; // the one that left last
};

namespace detail {

// perform_blocking: does what the operation is about, on whichever thread calls; may wait. -EINTR when a
// signal came and the operation has been asked to stop. Suspends the thread.
int perform_blocking(pooled_operation& what) noexcept;

} // namespace detail
} // namespace pirn
