// SPDX-License-Identifier: MIT
//
// Waits for a group, or for the start of a task, that end because a scope around the wait is cancelled, though the group
// was made outside of that scope.
#include <pirn/coro/generator.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/sched/report.hpp>
#include <pirn/scope/all_any.hpp>
#include <pirn/scope/as_completed.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/task_group.hpp>
#include <pirn/scope/timeout.hpp>
#include <pirn/sync/event.hpp>

#include "support/account.hpp"
#include "support/child.hpp"
#include "support/misuse.hpp"
#include "support/tasks.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using support::stand_still;

// On one thread and on four.
class group_waits : public support::balanced<testing::TestWithParam<std::size_t>> {
  protected:
    static void in_runtime(const std::function<void()>& main) {
        pirn::run({.threads = GetParam()}, main);
    }
};

INSTANTIATE_TEST_SUITE_P(threads, group_waits, testing::Values(std::size_t{1}, std::size_t{4}),
                         testing::PrintToStringParamName());

// ends: whether the function returns, or throws, long before the tests' patience is over.
bool ends(const std::function<void()>& function) {
    const auto begin = pirn::now();
    function();
    return pirn::now() - begin < 10s;
}

TEST_P(group_waits, deadline_around_wait_ends_tasks_of_a_group_made_outside) {
    in_runtime([] {
        pirn::task_group group;
        int ended = 0;
        for (int i = 0; i < 3; ++i) {
            group.spawn([&] {
                try {
                    pirn::sleep_for(1h);
                } catch (const pirn::cancelled&) {
                    EXPECT_EQ(pirn::cancel_cause(), "the wait for its group was cancelled");
                    static_cast<void>(std::atomic_ref<int>{ended}.fetch_add(1));
                    throw;
                }
            });
        }
        EXPECT_TRUE(
            ends([&] { EXPECT_FALSE(pirn::try_with_timeout(5ms, [&] { group.wait(); })); }));
        EXPECT_EQ(ended, 3) << "all have ended before wait is left";
        EXPECT_EQ(group.size(), 0U);
        EXPECT_TRUE(group.cancel_requested());
        pirn::yield_now();
    });
}

TEST_P(group_waits, cancelled_wait_still_delivers_an_error_first) {
    in_runtime([] {
        pirn::task_group group;
        group.spawn([] {
            try {
                stand_still();
            } catch (const pirn::cancelled&) {
                throw std::runtime_error{"on the way out"};
            }
        });
        EXPECT_THROW(static_cast<void>(pirn::try_with_timeout(5ms, [&] { group.wait(); })),
                     std::runtime_error);
    });
}

TEST_P(group_waits, scope_and_request_end_a_wait_and_a_start_alike) {
    in_runtime([] {
        const auto waits = std::vector<std::function<void(pirn::task_group&)>>{
            [](pirn::task_group& group) {
                group.spawn(stand_still);
                group.wait();
            },
            [](pirn::task_group& group) { group.start([](pirn::started<>&) { stand_still(); }); },
            [](pirn::task_group& group) {
                static_cast<void>(group.start<int>([](pirn::started<int>& ready) {
                    try {
                        stand_still();
                    } catch (const pirn::cancelled&) {
                        ready(1); // too late
                        throw;
                    }
                }));
            },
            [](pirn::task_group& group) { group.run([&] { group.spawn(stand_still); }); },
        };
        for (const auto& wait : waits) {
            pirn::task_group outside;
            pirn::cancel_scope scope;
            auto canceller = pirn::spawn({.worker = pirn::this_worker}, [&] {
                pirn::sleep_for(2ms);
                scope.cancel();
            });
            EXPECT_TRUE(ends([&] { EXPECT_FALSE(scope.run([&] { wait(outside); })); }));
            EXPECT_TRUE(ends([&] {
                EXPECT_FALSE(scope.run([&] { wait(outside); }))
                    << "a scope that is cancelled already";
            }));
            canceller.join();
            auto task = pirn::spawn([&] {
                pirn::task_group group;
                wait(group);
                pirn::
                    throw_if_stopped(); // on several threads the child may be ready before we are told
            });
            pirn::sleep_for(2ms);
            task.request_stop();
            EXPECT_TRUE(ends([&] { EXPECT_THROW(task.get(), pirn::cancelled); }));
        }
    });
}

TEST_P(group_waits, start_that_is_cancelled_ends_only_the_task_that_it_started) {
    in_runtime([] {
        pirn::task_group group;
        bool other_ended = false;
        group.spawn([&] {
            try {
                stand_still();
            } catch (const pirn::cancelled&) {
                other_ended = true;
                throw;
            }
        });
        EXPECT_FALSE(pirn::try_with_timeout(
            3ms, [&] { group.start([](pirn::started<>&) { stand_still(); }); }));
        while (group.size() > 1) pirn::yield_now();
        EXPECT_FALSE(other_ended);
        EXPECT_FALSE(group.cancel_requested());
        group.cancel();
        group.wait();
    });
}

} // namespace
