// SPDX-License-Identifier: MIT
//
// That no scheduler of a crew sleeps while there is work.
#include <pirn/sched/crew.hpp>
#include <pirn/sched/scheduler.hpp>

#include "support/account.hpp"
#include "support/helpers.hpp"
#include "support/sanitizers.hpp"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

using namespace std::chrono_literals;
using support::with_helpers;

namespace {

using crews_at_work = support::balanced<>;

// No worker sleeps while a task waits: each task keeps its worker until all tasks have begun. The pause after every other
// round lets the workers fall asleep, or nearly.
TEST_F(crews_at_work, are_all_busy_while_a_task_waits) {
    constexpr int workers = 8;
    const auto rounds = [](pirn::scheduler& tasks) {
        for (int round = 0; round < 300 / support::slowness; ++round) {
            std::atomic<int> begun{0};
            std::vector<pirn::join_handle<>> handles;
            for (int i = 0; i < workers; ++i) {
                handles.push_back(tasks.spawn([&begun] {
                    const auto patience = std::chrono::steady_clock::now() + 20s;
                    ++begun;
                    while (begun < workers && std::chrono::steady_clock::now() < patience) {
                        std::this_thread::sleep_for(50us);
                    }
                }));
            }
            const auto begin = std::chrono::steady_clock::now();
            tasks.run();
            ASSERT_LT(std::chrono::steady_clock::now() - begin, 20s) << "in round " << round;
            if (round % 2 != 0) {
                std::this_thread::sleep_for(std::chrono::microseconds{round});
            }
        }
    };
    // The watchdog for deadlocks would wake a worker, which then finds the task.
    with_helpers(workers - 1, rounds, {.report_deadlock_after = 0ns});
}

} // namespace
