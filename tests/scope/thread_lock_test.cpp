// SPDX-License-Identifier: MIT
//
// Locks of threads, held by tasks that must not suspend meanwhile.
#include <pirn/scope/thread_lock.hpp>

#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/task_group.hpp>

#include "support/account.hpp"
#include "support/child.hpp"
#include "support/misuse.hpp"

#include <csignal>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

namespace {

using thread_lock = support::balanced<>;

TEST_F(thread_lock, holds_its_mutex_until_its_end) {
    std::mutex mutex;
    pirn::run([&] {
        {
            const pirn::thread_lock held{mutex};
            std::thread{[&] { EXPECT_FALSE(mutex.try_lock()); }}.join();
        }
        EXPECT_TRUE(mutex.try_lock());
        mutex.unlock();
        pirn::yield_now();
    });
}

TEST_F(thread_lock, refuses_each_suspension_meanwhile) {
    std::mutex mutex;
    std::recursive_mutex recursive;
    std::shared_mutex shared;
    pirn::run([&] {
        const auto refused = [](auto call) {
            return support::complains(call, "suspended where it had said that it does not");
        };
        {
            const pirn::thread_lock held{mutex};
            EXPECT_TRUE(refused([] { pirn::yield_now(); }));
        }
        {
            const pirn::thread_lock held{recursive};
            const pirn::thread_lock again{recursive};
            EXPECT_TRUE(refused([] { pirn::yield_now(); }));
        }
        {
            const pirn::thread_lock held{shared};
            EXPECT_TRUE(refused([] { pirn::yield_now(); }));
        }
        pirn::yield_now();
    });
}

TEST_F(thread_lock, names_the_task_that_suspends) {
    const auto end = support::in_child([] {
        std::mutex mutex;
        pirn::run([&] {
            pirn::spawn({.name = "holder"}, [&] {
                const pirn::thread_lock held{mutex};
                pirn::yield_now();
            }).join();
        });
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said(R"(name="holder")")) << end;
}

TEST_F(thread_lock, unlocks_when_an_exception_passes) {
    std::mutex mutex;
    pirn::run([&] {
        EXPECT_THROW(
            {
                const pirn::thread_lock held{mutex};
                throw std::runtime_error{"inside"};
            },
            std::runtime_error);
        EXPECT_TRUE(mutex.try_lock());
        mutex.unlock();
        pirn::yield_now();
    });
}

TEST_F(thread_lock, is_a_lock_guard_outside_of_any_task) {
    std::mutex mutex;
    const pirn::thread_lock held{mutex};
}

TEST_F(thread_lock, excludes_the_other_threads_of_a_runtime) {
    std::mutex mutex;
    long count = 0;
    pirn::run({.threads = 4}, [&] {
        pirn::task_group all;
        for (int i = 0; i < 16; ++i) {
            all.spawn([&] {
                for (int round = 0; round < 100; ++round) {
                    {
                        const pirn::thread_lock held{mutex};
                        ++count;
                    }
                    pirn::yield_now();
                }
            });
        }
        all.wait();
    });
    EXPECT_EQ(count, 1600);
}

} // namespace
