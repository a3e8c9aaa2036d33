// SPDX-License-Identifier: MIT
//
// Growth: twice the work costs at most 2.2 times as much, in processor time and in memory, over three doublings; and
// when it is over, memory, mappings, descriptors and threads are where they were.
//
// Of the three doublings of time their product counts, and one of them may leave a level of the caches, which makes each
// element up to twice as slow: 8n cost at most 21 times what n cost, where 64 times is the square.
//
// Processor time and not time on the wall, so that a busy machine does not matter. Of each size the least of several
// rounds counts, because everything that disturbs a measurement makes it longer. A test passes with the first two
// rounds that are good enough, and fails only when six were not: noise does not last for six rounds, and work that
// grows with the square fails each of them. The same holds for what is left: some is kept for reuse, and it is not
// more after each round.
//
// Sanitizers, valgrind and emulators add costs of their own, so the work is only done once there, in a small size.
#pragma once

#include <pirn/base/config.hpp>

#include "support/memory.hpp"
#include "support/sanitizers.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

namespace support {

// processor: whose time is measured. Of the process where threads of a pool do the work.
enum class processor { of_thread = CLOCK_THREAD_CPUTIME_ID, of_process = CLOCK_PROCESS_CPUTIME_ID };

inline std::chrono::nanoseconds processor_time(processor whose = processor::of_thread) {
    timespec time{};
    ::clock_gettime(static_cast<clockid_t>(whose), &time);
    return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

// time_of: what a function takes. For work of which only a part is to be measured.
template <class Function>
std::chrono::nanoseconds time_of(Function function, processor whose = processor::of_thread) {
    const auto before = processor_time(whose);
    function();
    return processor_time(whose) - before;
}

// footprint: what the process has of the system. Threads that the kernel has made for io_uring are not counted: they
// go when the kernel finds that they are idle.
struct footprint {
    std::size_t memory = 0; // bytes
    std::size_t mappings = 0;
    std::size_t descriptors = 0;
    std::size_t threads = 0;

    static footprint now() {
        ::malloc_trim(0);
        footprint found{resident_memory(), support::mappings(), 0, 0};
        for (const auto& each : std::filesystem::directory_iterator{"/proc/self/fd"}) {
            found.descriptors += each.path().empty() ? 0U : 1U;
        }
        for (const auto& each : std::filesystem::directory_iterator{"/proc/self/task"}) {
            std::ifstream file{each.path() / "comm"};
            std::string name;
            file >> name;
            found.threads += name.starts_with("iou-") ? 0U : 1U;
        }
        return found;
    }

    // is_within: not more than before; a little memory and a few mappings come and go with the heap.
    bool is_within(const footprint& before) const {
        constexpr std::size_t some_memory = std::size_t{1} << 20;
        constexpr std::size_t some_mappings = 8;
        const bool system = descriptors <= before.descriptors && threads <= before.threads;
        return system && (under_sanitizer || under_valgrind ||
                          (memory <= before.memory + some_memory &&
                           mappings <= before.mappings + some_mappings));
    }
    friend std::ostream& operator<<(std::ostream& to, const footprint& what) {
        return to << what.memory / 1024 << " KiB, " << what.mappings << " mappings, "
                  << what.descriptors << " descriptors, " << what.threads << " threads";
    }
};

// peak_memory: the most that was resident since the peak was forgotten; 0 where the kernel does not forget.
inline bool forget_peak_memory() {
    std::ofstream file{"/proc/self/clear_refs"};
    file << "5" << std::flush;
    return file.good();
}
inline std::size_t peak_memory() { return status_of("VmHWM:"); }

// descriptors_available: as many as can be opened beside those that are open, once the limit is as high as it may be.
inline std::size_t descriptors_available() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    const std::size_t open = footprint::now().descriptors + 16;
    return limit.rlim_cur > open ? static_cast<std::size_t>(limit.rlim_cur) - open : 0;
}

// shuffled: 0 to n - 1 in random order, the same each time.
inline std::vector<std::size_t> shuffled(std::size_t n) {
    std::vector<std::size_t> order(n);
    for (std::size_t i = 0; i < n; ++i) order[i] = i;
    std::mt19937 random{1}; // NOLINT: the same each time
    std::shuffle(order.begin(), order.end(), random);
    return order;
}

namespace detail {

constexpr double most_growth = 2.2;
constexpr std::size_t sizes = 4; // n, 2n, 4n and 8n
constexpr int rounds_least = 2;
constexpr int rounds_most = 6;

// What is too small to be measured: the clock and the counters of the kernel are that coarse.
constexpr std::chrono::nanoseconds time_grain = std::chrono::microseconds{100};
constexpr std::size_t memory_grain = std::size_t{2} << 20;

// cool: gives back stacks that are kept warm (support/warm_stacks.hpp), before memory is measured.
inline void (*cool)() = nullptr;

using work_function = std::function<std::chrono::nanoseconds(std::size_t)>;

inline bool all_grow_linearly(const std::array<std::chrono::nanoseconds, sizes>& least) {
    constexpr double slower_caches = 2;
    constexpr double most = most_growth * most_growth * most_growth * slower_caches;
    const std::chrono::duration<double, std::nano> allowed = most * least.front();
    return least.back() <= allowed + time_grain;
}

inline void expect_linear_memory(std::size_t n, const work_function& work, void (*trim)()) {
    if (!forget_peak_memory()) return;
    std::array<std::size_t, sizes> used{};
    for (std::size_t i = 0; i < sizes; ++i) {
        if (trim != nullptr) trim();
        if (cool != nullptr) cool();
        ::malloc_trim(0);
        forget_peak_memory();
        const std::size_t before = peak_memory();
        work(n << i);
        used[i] = peak_memory() - std::min(before, peak_memory());
    }
    for (std::size_t i = 1; i < sizes; ++i) {
        EXPECT_LE(static_cast<double>(used[i]),
                  most_growth * static_cast<double>(used[i - 1]) + double{memory_grain})
            << "bytes of memory for " << (n << i) << ", twice as many as before";
    }
}

inline void expect_linear(std::size_t n, const work_function& work, void (*trim)()) {
    expect_linear_memory(n, work, trim);
    std::array<std::chrono::nanoseconds, sizes> least{};
    least.fill(std::chrono::nanoseconds::max());
    footprint before = footprint::now();
    footprint after;
    for (int round = 0; round < rounds_most; ++round) {
        for (std::size_t i = 0; i < sizes; ++i) least[i] = std::min(least[i], work(n << i));
        if (trim != nullptr) trim();
        after = footprint::now();
        const bool nothing_left = after.is_within(before);
        if (round + 1 >= rounds_least && nothing_left && all_grow_linearly(least)) return;
        if (!nothing_left && round + 1 < rounds_most) before = after;
    }
    EXPECT_TRUE(all_grow_linearly(least)) << "twice the work costs more than twice the time";
    for (std::size_t i = 0; i < sizes; ++i) {
        ADD_FAILURE() << (n << i) << " cost " << least[i].count() / 1000 << " us";
    }
    EXPECT_TRUE(after.is_within(before)) << before << " before, " << after << " after";
}

} // namespace detail

// expect_linear: calls work(n), work(2n), work(4n) and work(8n) several times. The work returns what it took, if only a
// part of it counts (time_of), or nothing. `trim` gives back to the system what is kept for reuse.
template <class Work>
void expect_linear(std::size_t n, Work work, void (*trim)() = nullptr,
                   processor whose = processor::of_thread) {
    const detail::work_function timed = [&](std::size_t size) {
        if constexpr (std::is_void_v<std::invoke_result_t<Work&, std::size_t>>) {
            return time_of([&] { work(size); }, whose);
        } else {
            return std::chrono::nanoseconds{work(size)};
        }
    };
    if constexpr (under_sanitizer || under_valgrind || under_emulator) {
        timed(std::clamp<std::size_t>(n / slowness_of_lives, 16, 64));
        const footprint before = footprint::now();
        timed(16);
        const footprint after = footprint::now();
        EXPECT_TRUE(after.is_within(before)) << before << " before, " << after << " after";
    } else {
        detail::expect_linear(n, timed, trim);
    }
}

} // namespace support
