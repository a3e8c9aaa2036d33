// SPDX-License-Identifier: MIT
//
// What wide and deep trees of tasks cost, and many limits of time: see support/growth.hpp.
#include "support/growth.hpp"

#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/sched/report.hpp>
#include <pirn/scope/all_any.hpp>
#include <pirn/scope/as_completed.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/task_group.hpp>
#include <pirn/scope/timeout.hpp>

#include "support/account.hpp"
#include "support/tasks.hpp"
#include "support/warm_stacks.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;

class growth : public support::balanced<> {};

void trim() { pirn::trim_default_stacks(); }

template <class Function>
void expect_linear_in_run(std::size_t n, Function function) {
    support::expect_linear(
        n, [&](std::size_t size) { return pirn::run([&] { return function(size); }); }, trim);
}

TEST_F(growth, cancelling_a_group) {
    expect_linear_in_run(1000, [](std::size_t n) {
        pirn::task_group group;
        for (std::size_t i = 0; i < n; ++i)
            group.spawn(support::on_warm_stack(), support::stand_still);
        pirn::yield_now();
        group.cancel();
        group.wait();
    });
}

TEST_F(growth, tasks_of_a_group_that_end_in_random_order) {
    expect_linear_in_run(1000, [](std::size_t n) {
        const auto order = support::shuffled(n);
        pirn::task_group group;
        for (std::size_t i = 0; i < n; ++i) {
            group.spawn(support::on_warm_stack(), [&, i] {
                pirn::sleep_until(pirn::after(1ms) + std::chrono::microseconds{order[i] / 16});
            });
        }
        group.wait();
    });
}

// deepen: a group in a task of a group, and so on; `at_the_bottom` runs in the innermost.
void deepen(std::size_t depth, const std::function<void()>& at_the_bottom) {
    if (depth == 0) {
        at_the_bottom();
        return;
    }
    pirn::task_group group;
    group.spawn(support::on_warm_stack(), [&, depth] { deepen(depth - 1, at_the_bottom); });
    group.wait();
}

TEST_F(growth, cancelling_a_deep_tree) {
    expect_linear_in_run(1000, [](std::size_t n) {
        bool at_the_bottom = false;
        pirn::task_group group;
        group.spawn(support::on_warm_stack(), [&] {
            deepen(n, [&] {
                at_the_bottom = true;
                support::stand_still();
            });
        });
        support::yield_until([&] { return at_the_bottom; });
        group.cancel();
        group.wait();
    });
}

// What is printed is cut, and why each task is asked to stop is found without a walk to the root for each.
TEST_F(growth, looking_at_a_deep_tree_that_is_cancelled) {
    expect_linear_in_run(1000, [](std::size_t n) {
        bool at_the_bottom = false;
        bool may_end = false;
        pirn::task_group group;
        group.spawn(support::on_warm_stack(), [&] {
            deepen(n, [&] {
                at_the_bottom = true;
                while (!may_end) {
                    try {
                        pirn::yield_now();
                    } catch (const pirn::cancelled&) { // NOLINT(bugprone-empty-catch): not yet
                    }
                }
            });
        });
        support::yield_until([&] { return at_the_bottom; });
        group.cancel();
        const auto took = support::time_of([&] {
            EXPECT_EQ(pirn::live_tasks(*pirn::scheduler::current()).size(), n + 2);
            EXPECT_LT(pirn::task_tree().size(), std::size_t{1} << 20);
            EXPECT_GT(pirn::task_tree_json().size(), n);
        });
        may_end = true;
        group.wait();
        return took;
    });
}

TEST_F(growth, looking_at_a_wide_tree) {
    expect_linear_in_run(1000, [](std::size_t n) {
        pirn::task_group group;
        for (std::size_t i = 0; i < n; ++i)
            group.spawn(support::on_warm_stack(), support::stand_still);
        pirn::yield_now();
        const auto took = support::time_of([&] {
            EXPECT_EQ(pirn::live_tasks(*pirn::scheduler::current()).size(), n + 1);
            EXPECT_LT(pirn::task_tree().size(), std::size_t{1} << 20);
            EXPECT_GT(pirn::task_tree_json().size(), n);
        });
        group.cancel();
        group.wait();
        return took;
    });
}

TEST_F(growth, scopes_in_scopes_of_one_task) {
    expect_linear_in_run(500, [](std::size_t n) {
        const std::function<void(std::size_t)> nest = [&](std::size_t left) {
            if (left == 0) return;
            pirn::cancel_scope scope{pirn::after(1h)};
            static_cast<void>(scope.run([&] { nest(left - 1); }));
        };
        pirn::spawn({.stack_size = std::size_t{16} << 20}, [&] { nest(n); }).join();
    });
}

TEST_F(growth, limits_of_time_left_in_random_order) {
    expect_linear_in_run(1000, [](std::size_t n) {
        std::vector<pirn::join_handle<>> all;
        for (std::size_t i = 0; i < n; ++i) {
            all.push_back(pirn::spawn(support::on_warm_stack(), [i] {
                pirn::with_timeout(1h + std::chrono::milliseconds{i}, support::stand_still);
            }));
        }
        pirn::yield_now();
        for (const std::size_t i : support::shuffled(n)) all[i].request_stop();
        for (auto& each : all) each.join();
    });
}

TEST_F(growth, limits_of_time_that_pass) {
    expect_linear_in_run(1000, [](std::size_t n) {
        pirn::task_group group;
        for (std::size_t i = 0; i < n; ++i) {
            group.spawn(support::on_warm_stack(), [i] {
                static_cast<void>(
                    pirn::try_with_timeout(1ms + std::chrono::microseconds{i % 1000}, [] {
                        support::stand_still();
                        return 0;
                    }));
            });
        }
        group.wait();
    });
}

// Not more than the stacks that a thread keeps for reuse.
TEST_F(growth, results_of_many_functions) {
    expect_linear_in_run(120, [](std::size_t n) {
        std::vector<std::function<std::size_t()>> functions;
        for (std::size_t i = 0; i < n; ++i) {
            functions.emplace_back([i] {
                pirn::yield_now();
                return i;
            });
        }
        EXPECT_EQ(pirn::all(functions).size(), n);
        std::size_t completed = 0;
        for (auto& each : pirn::as_completed(functions)) completed += each.get() < n ? 1U : 0U;
        EXPECT_EQ(completed, n);
    });
}

} // namespace
