// SPDX-License-Identifier: MIT
//
// Getting a thread out of a system call: a signal whose handler does nothing and lets the call end with
// EINTR. A process has one handler per signal, so that the users of one signal are counted.
//
// Shared state: the count and the handler that was there before, under a mutex.
#pragma once

#include <csignal>

#include <pthread.h>

namespace pirn::os {

class interruption {
  public:
    // Handles the signal while this lives. `possible` is false when the number is 0 or no signal, or
    // when the program has a handler of its own, which stays.
    explicit interruption(int signal) noexcept;
    interruption(const interruption&) = delete;
    interruption& operator=(const interruption&) = delete;
    ~interruption();

    bool possible() const noexcept { return signal_ != 0; }

    // hit: interrupts a thread that exists. A call that it begins only afterwards is not interrupted:
    // hit again. Thread-safe. Never suspends.
    void hit(pthread_t thread) const noexcept;

    // hide_signals: blocks in this thread, and in those that it starts from now on, every signal that is
    // meant for the process, but this one; gives back what was blocked before. Never suspends.
    sigset_t hide_signals() const noexcept;

  private:
    int signal_ = 0;
};

} // namespace pirn::os
