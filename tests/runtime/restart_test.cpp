// SPDX-License-Identifier: MIT
//
// hazard: 14. A thousand runtimes made and ended: descriptors, threads, mappings and memory are afterwards what they
// were before.
#include <pirn/base/error.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"
#include "support/memory.hpp"
#include "support/sanitizers.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using restart = support::balanced<>;

constexpr int runtimes = support::under_sanitizer ? 200 : 1000;

std::size_t entries_of(const char* folder) {
    const std::filesystem::directory_iterator all{folder};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// What the process has, as the kernel counts it.
struct belongings {
    std::size_t descriptors = entries_of("/proc/self/fd");
    std::size_t threads = entries_of("/proc/self/task");
    std::size_t mappings = support::mappings();
    std::size_t resident = support::resident_memory();
};

// Each in a manner of its own: it ends, with detached tasks at work; it is left by an exception, while another task
// sleeps; it is destroyed by an exception that goes through its owner.
void start_and_stop(int number) {
    switch (number % 3) {
    case 0: {
        int ended = 0;
        pirn::run([&] {
            for (int i = 0; i < 3; ++i) {
                pirn::spawn([&] {
                    pirn::yield_now();
                    ++ended;
                }).detach();
            }
            pirn::sleep_for(1us);
        });
        ASSERT_EQ(ended, 3);
        break;
    }
    case 1: {
        bool cancelled = false;
        const auto fails = [&] {
            pirn::spawn([&] {
                try {
                    pirn::sleep_for(1h);
                } catch (const pirn::cancelled&) {
                    cancelled = true;
                    throw;
                }
            }).detach();
            pirn::yield_now();
            throw std::runtime_error{"main"};
        };
        ASSERT_THROW(pirn::run(fails), std::runtime_error);
        ASSERT_TRUE(cancelled);
        break;
    }
    default:
        const auto owns_one_and_fails = [] {
            pirn::runtime here;
            here.run([] { pirn::yield_now(); });
            throw std::out_of_range{"owner"};
        };
        ASSERT_THROW(owns_one_and_fails(), std::out_of_range);
    }
}

// The first ones make what a process keeps: the heap's arenas, a pool of stacks for the thread.
template <class Body>
void expect_nothing_left_by(Body body) {
    body(runtimes / 10);
    const belongings before;
    body(runtimes);
    const belongings after;
    EXPECT_EQ(after.descriptors, before.descriptors);
    EXPECT_EQ(after.threads, before.threads);
    if (!support::under_sanitizer) { // they keep a history, and what was freed
        EXPECT_LE(after.mappings, before.mappings + 8);
        EXPECT_LE(after.resident, before.resident + (std::size_t{1} << 20));
    }
}

TEST_F(restart, of_a_thousand_runtimes_on_one_thread_leaves_nothing_behind) {
    expect_nothing_left_by([](int count) {
        for (int i = 0; i < count; ++i) {
            start_and_stop(i);
        }
    });
}

TEST_F(restart, of_a_thousand_runtimes_on_two_threads_leaves_nothing_behind) {
    expect_nothing_left_by([](int count) {
        const auto half = [count] {
            for (int i = 0; i < count / 2; ++i) {
                start_and_stop(i);
            }
        };
        std::thread other{half};
        half();
        other.join();
    });
}

TEST_F(restart, of_a_runtime_on_each_of_a_thousand_threads_leaves_nothing_behind) {
    expect_nothing_left_by([](int count) {
        for (int i = 0; i < count; ++i) {
            std::thread{[i] { start_and_stop(i); }}.join();
        }
    });
}

} // namespace
