// SPDX-License-Identifier: MIT
//
// Waves of tasks that end in random order, on default stacks: after the second wave nothing grows, neither mappings nor
// memory. With stacks of several sizes, on several threads, and beside blocking calls and threads of the program. Of the
// width that exhausted the kernel's table of mappings; a narrow form is in tests/stack/waves_test.cpp.
#include <pirn/runtime/blocking.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/stack/stack.hpp>

#include "support/memory.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

constexpr std::size_t width = 400'000;
constexpr std::size_t mebibyte = std::size_t{1} << 20;

// One wave: all begin, and then end in random order.
void wave(std::mt19937& random, bool of_all_sizes, std::size_t& most_mappings) {
    std::vector<pirn::join_handle<>> tasks(width);
    std::atomic<std::size_t> begun{0};
    for (pirn::join_handle<>& each : tasks) {
        const std::size_t size =
            of_all_sizes ? std::size_t{16 * 1024} << (random() % 6) : pirn::default_stack_size;
        each = pirn::spawn({.stack_size = size}, [&begun] {
            ++begun;
            pirn::sleep_for(std::chrono::hours{1});
        });
    }
    while (begun < width) pirn::sleep_for(std::chrono::milliseconds{1});
    most_mappings = std::max(most_mappings, support::mappings());
    std::shuffle(tasks.begin(), tasks.end(), random);
    for (std::size_t i = 0; i < width; ++i) {
        tasks[i].request_stop();
        tasks[i].join();
        if (i % (width / 8) == 0) most_mappings = std::max(most_mappings, support::mappings());
    }
}

// What is resident between two waves beyond what there was before the first: the stacks that are kept for reuse, each with
// the pages that a task touches here, and little else.
void expect_flat(int waves, unsigned threads, bool of_all_sizes, bool beside_others) {
    constexpr std::size_t touched = 4 * std::size_t{4096};
    std::atomic<bool> over{false};
    std::thread others{[&] {
        while (beside_others && !over) std::thread{[] {}}.join();
    }};
    pirn::run({.threads = threads}, [&] {
        std::mt19937 random{1}; // NOLINT: the same each time
        std::size_t most_mappings = 0;
        const std::size_t before = support::resident_memory();
        std::printf("%u threads: MiB after each wave (stacks kept):", threads);
        for (int i = 0; i < waves; ++i) {
            auto calls = pirn::spawn([&] {
                for (int call = 0; beside_others && call < 100; ++call) pirn::blocking([] {});
            });
            wave(random, of_all_sizes, most_mappings);
            calls.join();
            const std::size_t resident = support::resident_memory();
            const pirn::default_stack_report report = pirn::report_default_stacks();
            const std::size_t kept = report.lent + report.warm;
            std::printf(" %zu (%zu)", resident / mebibyte, kept);
            EXPECT_LE(report.lent, 1024 * threads + 8);
            EXPECT_LT(resident, before + kept * touched + 16 * mebibyte) << "wave " << i;
        }
        std::printf("; %zu mappings at most, page tables %zu MiB\n", most_mappings,
                    support::page_tables() / mebibyte);
        EXPECT_LT(most_mappings, 1000U);
        pirn::trim_default_stacks();
        std::printf("given back: page tables %zu MiB\n", support::page_tables() / mebibyte);
    });
    over = true;
    others.join();
}

TEST(wide_waves, of_tasks_leave_nothing) { expect_flat(10, 1, false, false); }
TEST(wide_waves, of_tasks_with_stacks_of_all_sizes_leave_nothing) {
    expect_flat(4, 1, true, false);
}
TEST(wide_waves, of_tasks_on_four_threads_leave_nothing) { expect_flat(4, 4, false, true); }
TEST(wide_waves, of_tasks_with_stacks_of_all_sizes_on_four_threads_leave_nothing) {
    expect_flat(4, 4, true, true);
}

} // namespace
