// SPDX-License-Identifier: MIT
//
// The account of live things, over threads that come and go.
#include <pirn/base/live.hpp>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using pirn::live;
using pirn::live_counts;

TEST(live, counts_each_kind_apart) {
    const live_counts before = live();
    pirn::detail::count_coroutines(1);
    pirn::detail::count_operations(2);
    pirn::detail::count_descriptors(3);
    pirn::detail::count_timers(4);
    const live_counts during = live();
    EXPECT_EQ(during.coroutines, before.coroutines + 1);
    EXPECT_EQ(during.operations, before.operations + 2);
    EXPECT_EQ(during.descriptors, before.descriptors + 3);
    EXPECT_EQ(during.timers, before.timers + 4);
    pirn::detail::count_coroutines(-1);
    pirn::detail::count_operations(-2);
    pirn::detail::count_descriptors(-3);
    pirn::detail::count_timers(-4);
    EXPECT_EQ(live(), before);
}

TEST(live, prints_the_account_on_one_line) {
    EXPECT_EQ(pirn::to_string(live_counts{1, 2, 3, 4}),
              "LIVE coroutines=1 operations=2 descriptors=3 timers=4");
    EXPECT_EQ(pirn::to_string(live_counts{}),
              "LIVE coroutines=0 operations=0 descriptors=0 timers=0");
}

TEST(live, keeps_what_a_thread_left_behind) {
    const live_counts before = live();
    std::thread{[] { pirn::detail::count_descriptors(5); }}.join();
    EXPECT_EQ(live().descriptors, before.descriptors + 5);
    // What began on one thread may end on another: this thread's part goes below zero.
    std::thread{[] { pirn::detail::count_descriptors(-5); }}.join();
    EXPECT_EQ(live(), before);
}

TEST(live, adds_up_threads_that_are_still_running) {
    const live_counts before = live();
    std::atomic<int> counted{0};
    std::atomic<bool> leave{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            pirn::detail::count_timers(1);
            counted.fetch_add(1, std::memory_order_release);
            counted.notify_all();
            leave.wait(false, std::memory_order_acquire);
            pirn::detail::count_timers(-1);
        });
    }
    for (int seen = counted.load(); seen != 4; seen = counted.load()) {
        counted.wait(seen);
    }
    EXPECT_EQ(live().timers, before.timers + 4);
    leave.store(true);
    leave.notify_all();
    for (std::thread& each : threads) {
        each.join();
    }
    EXPECT_EQ(live(), before);
}

TEST(live, may_be_read_while_others_count_and_end) {
    const live_counts before = live();
    std::atomic<bool> done{false};
    std::thread reader{[&] {
        while (!done.load(std::memory_order_relaxed)) {
            const auto now = live().operations - before.operations;
            // Four writers with at most one each in the air, seen one after the other.
            EXPECT_GE(now, -4);
            EXPECT_LE(now, 4);
        }
    }};
    for (int round = 0; round < 50; ++round) {
        std::array<std::thread, 4> writers;
        for (std::thread& each : writers) {
            each = std::thread{[] {
                for (int i = 0; i < 1000; ++i) {
                    pirn::detail::count_operations(1);
                    pirn::detail::count_operations(-1);
                }
            }};
        }
        for (std::thread& each : writers) {
            each.join();
        }
    }
    done.store(true, std::memory_order_relaxed);
    reader.join();
    EXPECT_EQ(live(), before);
}

// A thread_local that is destroyed after the thread's part of the account still counts.
struct late {
    ~late() { pirn::detail::count_descriptors(-1); }
};

TEST(live, counts_what_the_last_destructors_of_a_thread_do) {
    const live_counts before = live();
    std::thread{[] {
        thread_local const late destroyed_last; // made first, hence destroyed last
        pirn::detail::count_descriptors(1);
        static_cast<void>(destroyed_last);
    }}.join();
    EXPECT_EQ(live(), before);
}

} // namespace
