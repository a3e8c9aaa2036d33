// SPDX-License-Identifier: MIT
//
// Signals, waited for by a task instead of handled in an interrupt: how a server learns that it is to
// shut down.
//
//   pirn::io::signal_set stop{SIGINT, SIGTERM};
//   stop.wait();
//
// Linux and other POSIX systems. Not for the signals of faults (SIGSEGV and its kin).
#pragma once

#include <pirn/base/export.hpp>

#include <csignal>
#include <initializer_list>
#include <memory>

namespace pirn::io {

// signal_set: while it lives, these signals are collected for its waiter instead of doing what they
// did; afterwards they do that again. Several sets may wait for the same signal, each sees it. At most
// 16 sets live at a time in a process.
class PIRN_EXPORT signal_set {
  public:
    // Takes effect at once: a signal that arrives before wait() is not lost. Throws std::system_error
    // for a number that is no signal or cannot be caught. Thread-safe. Never suspends.
    signal_set(std::initializer_list<int> signals);
    signal_set(const signal_set&) = delete;
    signal_set& operator=(const signal_set&) = delete;
    ~signal_set();

    // wait: the number of a signal that has arrived; of several, the smallest. Two of the same kind that
    // arrive before anybody looks are one. Throws `cancelled` if the task is asked to stop. Suspends.
    int wait();

    struct state; // what the handler sees; defined in the source

  private:
    std::unique_ptr<state> state_;
};

} // namespace pirn::io
