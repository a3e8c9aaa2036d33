// SPDX-License-Identifier: MIT
//
// A crew for a test: its own scheduler, and others that help it out.
#pragma once

#include <pirn/sched/crew.hpp>
#include <pirn/sched/scheduler.hpp>

#include <cstddef>
#include <functional>
#include <latch>
#include <thread>
#include <vector>

namespace support {

// with_helpers: serves with so many threads beside this one while the function runs here, outside of any task.
inline void with_helpers(std::size_t helpers, const std::function<void(pirn::scheduler&)>& does,
                         pirn::scheduler_options options = {}) {
    pirn::crew all;
    options.crew = &all;
    std::latch made{static_cast<std::ptrdiff_t>(helpers + 1)};
    std::latch stopped{static_cast<std::ptrdiff_t>(helpers + 1)};
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < helpers; ++i) {
        threads.emplace_back([&] {
            pirn::scheduler tasks{options};
            made.arrive_and_wait();
            tasks.serve();
            stopped.arrive_and_wait();
        });
    }
    pirn::scheduler tasks{options};
    made.arrive_and_wait();
    does(tasks);
    all.close();
    stopped.arrive_and_wait();
}

} // namespace support
