// SPDX-License-Identifier: MIT
//
// Looking at many tasks from another thread while others begin, move and end.
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/sched/report.hpp>
#include <pirn/scope/task_group.hpp>

#include "support/account.hpp"
#include "support/sanitizers.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;

class live_tasks : public support::balanced<testing::TestWithParam<std::size_t>> {};

INSTANTIATE_TEST_SUITE_P(on, live_tasks, testing::Values(std::size_t{2}, std::size_t{4}),
                         [](const auto& threads) { return std::to_string(threads.param); });

// Those of a report that stay, each once, and parents before their children.
std::size_t count_staying(const std::vector<pirn::task_report>& all) {
    std::size_t staying = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_TRUE(i == 0 || all[i - 1].id < all[i].id) << i;
        if (all[i].parent) {
            EXPECT_LT(*all[i].parent, i);
            EXPECT_EQ(all[*all[i].parent].name, "parent") << all[i].name;
        }
        if (all[i].name == "stays") ++staying;
    }
    return staying;
}

TEST_P(live_tasks, that_stay_are_in_each_report_once_whatever_the_others_do) {
    constexpr std::size_t staying = 2000 / support::slowness;
    pirn::run({.threads = GetParam()}, [&] {
        std::atomic<bool> over{false};
        std::atomic<std::size_t> begun{0};
        std::vector<pirn::join_handle<>> stay;
        for (std::size_t i = 0; i < staying; ++i) {
            stay.push_back(pirn::spawn({.name = "stays", .stack_size = 16 * 1024}, [&begun] {
                ++begun;
                pirn::sleep_for(1h);
            }));
        }
        // From now on they stay on their threads. One that is taken by another thread is for a moment in no list, and
        // that may last where the thread has no processor.
        while (begun < staying) pirn::sleep_for(1ms);
        std::vector<pirn::join_handle<>> come_and_go;
        for (int i = 0; i < 4; ++i) {
            come_and_go.push_back(pirn::spawn({.name = "parent"}, [&] {
                while (!over) {
                    pirn::task_group group;
                    group.run([&] {
                        for (int child = 0; child < 50; ++child) {
                            group.spawn({.stack_size = 16 * 1024, .migratable = true},
                                        [] { pirn::yield_now(); });
                        }
                    });
                }
            }));
        }
        const pirn::scheduler& here = *pirn::scheduler::current();
        std::thread looks{[&] {
            for (int i = 0; i < 200 / support::slowness; ++i) {
                EXPECT_EQ(count_staying(pirn::live_tasks(here)), staying) << "look " << i;
            }
            over = true;
        }};
        while (!over) pirn::sleep_for(1ms);
        looks.join();
        for (auto& each : come_and_go) each.join();
        for (auto& each : stay) each.request_stop();
        for (auto& each : stay) each.join();
    });
}

} // namespace
