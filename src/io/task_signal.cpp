// SPDX-License-Identifier: MIT
//
// A task that waits for a signal and prints all tasks.
#include <pirn/io/task_signal.hpp>

#include <pirn/io/signal.hpp>
#include <pirn/runtime/report.hpp>
#include <pirn/runtime/spawn.hpp>

#include <cstdio>
#include <memory>

namespace pirn::io {

task_signal::task_signal(int signal) {
    auto arrivals = std::make_unique<signal_set>(std::initializer_list<int>{signal});
    prints_ = pirn::spawn({.name = "task_signal", .where = pirn::detail::place_of_current_task()},
                          [arrivals = std::move(arrivals)] {
                              for (;;) {
                                  arrivals->wait();
                                  std::fputs(task_tree().c_str(), stderr);
                              }
                          });
}

} // namespace pirn::io
