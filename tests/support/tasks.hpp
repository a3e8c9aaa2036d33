// SPDX-License-Identifier: MIT
//
// What the suites of tasks share: tasks that stand still, and waiting for a thing instead of a time.
#pragma once

#include <pirn/sched/park.hpp>

namespace support {

// stand_still: sleeps until the task is asked to stop. Suspends.
inline void stand_still() {
    pirn::waiter here{[](pirn::waiter& on) noexcept { pirn::unpark(on); }};
    pirn::park(here);
    pirn::throw_if_stopped();
}

// leaving: counts the ends of what it is in.
struct leaving {
    ~leaving() { ++count; }
    int& count;
};

// yield_until: lets the others run until it holds; that is ctest's timeout if it never does. Suspends.
template <class Condition>
void yield_until(Condition holds) {
    while (!holds()) {
        pirn::yield_now();
    }
}

} // namespace support
