// SPDX-License-Identifier: MIT
//
// Looking into a program that runs: a signal prints the tree of tasks on stderr.
//
//   pirn::run([] {
//       const pirn::io::task_signal shows{SIGUSR1};       // kill -USR1 …
//       serve();
//   });
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/runtime/spawn.hpp>

#include <csignal>

namespace pirn::io {

// task_signal: while it lives, a task of its own waits for the signal and prints task_tree() whenever it comes. As that
// task waits for something that may come, a deadlock of all others is not reported by itself any more: the signal shows
// it.
class PIRN_EXPORT task_signal {
  public:
    // Made inside a task. Throws std::system_error as signal_set does. Never suspends.
    explicit task_signal(int signal = SIGUSR1);
    task_signal(const task_signal&) = delete;
    task_signal& operator=(const task_signal&) = delete;
    // Stops its task, and waits for that. Suspends.
    ~task_signal() = default;

  private:
    join_handle<> prints_;
};

} // namespace pirn::io
