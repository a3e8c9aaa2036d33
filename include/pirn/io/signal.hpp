// SPDX-License-Identifier: MIT
//
// Signals, waited for by a task instead of handled in an interrupt: how a server learns that it is to
// shut down.
//
//   pirn::io::signal_set stop{SIGINT, SIGTERM};
//   stop.wait();
//
//   for (int signal : pirn::io::signal_set{SIGHUP, SIGUSR1}) …      // until the task is asked to stop
//
// They may be blocked in any of the threads, or in all. Not for the signals of faults (SIGSEGV and its kin).
#pragma once

#include <pirn/base/export.hpp>

#include <csignal>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <system_error>

namespace pirn::io {

// signal_set: while it lives, these signals are collected for its waiter instead of doing what they
// did; afterwards they do that again. Several sets may wait for the same signal, each sees it. A set has up to three
// descriptors.
class PIRN_EXPORT signal_set {
  public:
    // Takes effect at once: a signal that arrives before wait() is not lost, nor one that is blocked and pending.
    // Throws std::system_error, std::errc::invalid_argument, for a number that is no signal, for SIGKILL and SIGSTOP,
    // which cannot be caught, and for SIGSEGV, SIGBUS, SIGFPE and SIGILL, whose faulty instruction would be repeated
    // for ever; and when there is no descriptor left. Thread-safe. Never suspends.
    signal_set(std::initializer_list<int> signals);
    signal_set(const signal_set&) = delete;
    signal_set& operator=(const signal_set&) = delete;
    ~signal_set();

    // wait: the number of a signal that has arrived; of several, the smallest. Two of the same kind that
    // arrive before anybody looks are one. Throws `cancelled` if the task is asked to stop.
    // The second form gives 0 with an error. One task at a time. Suspends.
    int wait();
    int wait(std::error_code& error);

    // try_wait: the same if one has arrived. Never suspends.
    [[nodiscard("the value is lost when the answer is dropped")]] std::optional<int>
    try_wait() noexcept;

    class iterator;
    // begin: waits for the first; so does ++ for the next. There is no last. Suspends.
    iterator begin();
    std::default_sentinel_t end() const noexcept { return {}; }

    struct state; // what the handler sees; defined in the source

  private:
    std::unique_ptr<state> state_;
};

class signal_set::iterator {
  public:
    using value_type = int;
    using difference_type = std::ptrdiff_t;

    iterator() noexcept = default;
    explicit iterator(signal_set& from) : set_{&from}, signal_{from.wait()} {}

    int operator*() const noexcept { return signal_; }
    iterator& operator++() {
        signal_ = set_->wait();
        return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t /*never*/) const noexcept { return false; }

  private:
    signal_set* set_ = nullptr;
    int signal_ = 0;
};

inline signal_set::iterator signal_set::begin() { return iterator{*this}; }

} // namespace pirn::io
