// SPDX-License-Identifier: MIT
//
// A crew: schedulers, each on a thread of its own, that help each other out. A task that has not started yet is
// taken by whoever has nothing to do; one that has started stays where it is, unless it was spawned migratable.
// runtime/ makes one for its threads; a program with threads and main loops of its own may too:
//
//   pirn::crew all;
//   std::jthread other{[&] { pirn::scheduler tasks{{.crew = &all}}; tasks.serve(); left.arrive_and_wait(); }};
//   pirn::scheduler tasks{{.crew = &all}};
//   tasks.spawn(work).get();
//   all.close();                                        // serve() returns
//
//   spawn ──► the scheduler's stealable queue ──► its own next round
//                        │
//                        └──► another one that searches: takes half of them, oldest first
//
// Who spawns wakes one sleeper, if there is one and nobody searches already; who finds wakes the next. After the
// schedulers of Go (Vyukov, "Scalable Go Scheduler", 2012) and of tokio.
//
// Shared state:
//   members_      a slot is taken when a scheduler is made
//   sleepers_     counted up by who is about to sleep, down by who wakes it, or by itself
//   searchers_    those that look for something to take
//   closed_, leaving_, watchers_
#pragma once

#include <pirn/base/export.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace pirn {

class scheduler;

// crew: outlives its schedulers. No scheduler of a crew may be destroyed before all have stopped running.
class PIRN_EXPORT crew {
  public:
    static constexpr std::size_t most_members = 256;

    crew() noexcept = default;
    crew(const crew&) = delete;
    crew& operator=(const crew&) = delete;
    ~crew();

    // size: schedulers that have joined. Thread-safe. Never suspends.
    std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }

    // alive: tasks of all its schedulers, spawned and not ended. Exact when it is 0; otherwise as of some moment
    // of late. Thread-safe. Never suspends.
    std::size_t alive() const noexcept;

    // close: serve() of every member returns as soon as it has nothing to do. Thread-safe. Never suspends.
    void close() noexcept;

    // member: by its number, in the order in which they joined; null when there is none. Never suspends.
    scheduler* member(std::size_t number) const noexcept;

  private:
    friend class scheduler;

    std::size_t join(scheduler& who);
    void leave(scheduler& who) noexcept;
    // notify: somebody should look for work, unless somebody does.
    void notify() noexcept;
    void notify_if_more() noexcept;
    void wake_watchers() noexcept;
    bool all_sleep_for_good() noexcept;
    void ask_all_to_stop() noexcept;

    std::array<std::atomic<scheduler*>, most_members> members_{};
    std::atomic<std::size_t> size_{0};
    alignas(64) std::atomic<unsigned> sleepers_{0};
    std::atomic<unsigned> searchers_{0};
    std::atomic<unsigned> watchers_{0};        // that wait until no task is alive
    std::atomic<unsigned> turn_{0};            // where to begin to look for a sleeper
    std::atomic<std::size_t> left_spawned_{0}; // by schedulers that are gone
    std::atomic<std::size_t> left_ended_{0};
    std::atomic<std::uint32_t> deadlock_reported_{0};
    std::atomic<bool> closed_{false};
    std::atomic<bool> leaving_{false}; // everybody was asked to stop, and somebody is still there
};

} // namespace pirn
