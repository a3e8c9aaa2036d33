// SPDX-License-Identifier: MIT
//
// A place where a number of parties wait for each other, again and again; in the manner of std::barrier.
//
//   pirn::barrier round{3, [] noexcept { std::puts("all there"); }};
//   round.arrive_and_wait();                  // in each of three tasks, as often as they like
//
// From any thread, tasks and others. Outside of any task, waiting blocks the thread.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/sync/parking_lot.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace pirn {

namespace detail {

class PIRN_EXPORT barrier_core {
  public:
    // What the last one to arrive calls, with the lock released.
    using completion_function = void (*)(void* what) noexcept;

    barrier_core(std::size_t parties, completion_function call, void* with);
    barrier_core(const barrier_core&) = delete;
    barrier_core& operator=(const barrier_core&) = delete;
    ~barrier_core();

    std::uint64_t arrive(std::size_t parties, bool for_good);
    void wait(std::uint64_t phase);
    void arrive_and_wait();

  private:
    struct arrival;

    void count(std::size_t parties);
    void complete();

    spin_lock guard_;
    wait_queue waiters_;
    std::size_t parties_;
    std::size_t missing_;
    std::uint64_t phase_ = 0;
    completion_function call_;
    void* with_;
};

struct nothing_to_complete {
    void operator()() noexcept {}
};

} // namespace detail

// barrier: the completion function is called by the last one to arrive, before anybody goes on. It must be
// noexcept; it may suspend, but then a request to stop must not reach it.
template <class Completion = detail::nothing_to_complete>
    requires(std::is_nothrow_invocable_v<Completion&>)
class barrier {
  public:
    // Identifies a phase, for wait.
    enum class arrival_token : std::uint64_t {};

    explicit barrier(std::size_t parties, Completion at_the_end = {})
        : completion_{std::move(at_the_end)}, core_{parties, &call, &completion_} {}

    // arrive: for `parties` at a time, without waiting. When it is the last, the completion runs inside it and
    // may suspend. Thread-safe. Suspends.
    [[nodiscard]] arrival_token arrive(std::size_t parties = 1) {
        return arrival_token{core_.arrive(parties, false)};
    }
    // wait: until the phase of the token is complete. Throws `cancelled` if the task is asked to stop; the
    // arrival stands. Thread-safe. Suspends.
    void wait(arrival_token phase) { core_.wait(static_cast<std::uint64_t>(phase)); }
    // arrive_and_wait: both. If the task is asked to stop before the others are there, throws `cancelled`, and
    // the arrival is taken back: the phase lacks one party as before. Thread-safe. Suspends.
    void arrive_and_wait() { core_.arrive_and_wait(); }
    // arrive_and_drop: arrives and takes no part in further phases. Thread-safe. Suspends.
    void arrive_and_drop() { core_.arrive(1, true); }

  private:
    static void call(void* what) noexcept { (*static_cast<Completion*>(what))(); }

    Completion completion_;
    detail::barrier_core core_;
};

} // namespace pirn
