// SPDX-License-Identifier: MIT
//
// What many tasks of one scheduler cost: see support/growth.hpp.
#include "support/growth.hpp"

#include <pirn/sched/park.hpp>
#include <pirn/sched/report.hpp>
#include <pirn/sched/scheduler.hpp>
#include <pirn/sched/task_local.hpp>

#include "support/account.hpp"
#include "support/helpers.hpp"
#include "support/tasks.hpp"
#include "support/warm_stacks.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

class growth : public support::balanced<> {};

void trim() { pirn::trim_default_stacks(); }

std::vector<pirn::join_handle<>> all_standing(pirn::scheduler& tasks, std::size_t n) {
    std::vector<pirn::join_handle<>> all;
    all.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
        all.push_back(tasks.spawn(support::on_warm_stack(), support::stand_still));
    }
    while (tasks.tick()) {
    }
    return all;
}

TEST_F(growth, tasks_stopped_in_random_order) {
    support::expect_linear(
        1000,
        [](std::size_t n) {
            pirn::scheduler tasks;
            auto all = all_standing(tasks, n);
            for (const std::size_t i : support::shuffled(n)) all[i].request_stop();
            tasks.run();
        },
        trim);
}

TEST_F(growth, stopping_all_tasks) {
    support::expect_linear(
        1000,
        [](std::size_t n) {
            pirn::scheduler tasks;
            const auto all = all_standing(tasks, n);
            tasks.request_stop_all();
            tasks.run();
        },
        trim);
}

TEST_F(growth, looking_at_all_tasks) {
    support::expect_linear(
        1000,
        [](std::size_t n) {
            pirn::scheduler tasks;
            const auto all = all_standing(tasks, n);
            const auto took = support::time_of([&] {
                EXPECT_EQ(pirn::live_tasks(tasks).size(), n);
                EXPECT_FALSE(pirn::task_tree(tasks).empty());
                EXPECT_FALSE(pirn::task_tree_json(tasks).empty());
            });
            tasks.request_stop_all();
            tasks.run();
            return took;
        },
        trim);
}

TEST_F(growth, joiners_of_one_task_stopped_in_random_order) {
    support::expect_linear(
        1000,
        [](std::size_t n) {
            pirn::scheduler tasks;
            auto awaited = tasks.spawn(support::stand_still);
            std::vector<pirn::join_handle<>> all;
            for (std::size_t i = 0; i < n; ++i) {
                all.push_back(tasks.spawn(support::on_warm_stack(), [&] { awaited.join(); }));
            }
            while (tasks.tick()) {
            }
            const auto order = support::shuffled(n);
            for (std::size_t i = 0; i < n / 2; ++i) all[order[i]].request_stop();
            while (tasks.tick()) {
            }
            awaited.request_stop();
            tasks.run();
        },
        trim);
}

// Each task spawns the next one, which sees the values of the one before, sets its own, and outlives it.
void succeed(pirn::scheduler& tasks, const pirn::task_local<std::size_t>& local, std::size_t left) {
    local.with(left, [&] {
        if (left > 0) {
            tasks.spawn(support::on_warm_stack(), [&, left] { succeed(tasks, local, left - 1); })
                .detach();
        }
    });
}

TEST_F(growth, successors_with_task_locals) {
    const pirn::task_local<std::size_t> local;
    support::expect_linear(
        10'000,
        [&](std::size_t n) {
            pirn::scheduler tasks;
            tasks.spawn([&] { succeed(tasks, local, n); }).detach();
            tasks.run();
        },
        trim);
}

TEST_F(growth, wakes_from_another_thread) {
    support::expect_linear(
        1000,
        [](std::size_t n) {
            pirn::scheduler tasks;
            std::vector<std::unique_ptr<pirn::waiter>> waiters(n);
            for (std::size_t i = 0; i < n; ++i) {
                tasks
                    .spawn(support::on_warm_stack(),
                           [&place = waiters[i]] {
                               place = std::make_unique<pirn::waiter>(nullptr);
                               pirn::park(*place);
                           })
                    .detach();
            }
            while (tasks.tick()) {
            }
            std::thread{[&] {
                for (const std::size_t i : support::shuffled(n)) pirn::unpark(*waiters[i]);
            }}.join();
            tasks.run();
        },
        trim);
}

// Where other threads may take them: begun tasks are counted and listed, and the queue of fresh ones is walked.
TEST_F(growth, tasks_of_a_crew) {
    support::expect_linear(
        1000,
        [](std::size_t n) {
            support::with_helpers(0, [n](pirn::scheduler& tasks) {
                std::vector<pirn::join_handle<>> all;
                for (std::size_t i = 0; i < n; ++i) {
                    all.push_back(tasks.spawn(support::on_warm_stack(), support::stand_still));
                }
                EXPECT_EQ(pirn::live_tasks(tasks).size(), n);
                while (tasks.tick()) {
                }
                for (const std::size_t i : support::shuffled(n)) all[i].request_stop();
                tasks.run();
            });
        },
        trim);
}

} // namespace
