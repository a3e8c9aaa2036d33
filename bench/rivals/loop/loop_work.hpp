// SPDX-License-Identifier: MIT
//
// The work that the event loops do, in one place, so that it is the same for all.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

namespace rival {

inline constexpr long live_timers = 1'000'000;
inline constexpr int batch = 10'000;
inline long fired = 0;

// measure_few: the median of several runs of a body that does `things` things.
template <class Body>
void measure_few(const char* key, long things, Body body) {
    constexpr int runs = 5;
    using clock = std::chrono::steady_clock;
    std::vector<double> times;
    for (int i = 0; i < runs; ++i) {
        const auto begin = clock::now();
        body();
        const std::chrono::duration<double, std::nano> took = clock::now() - begin;
        times.push_back(took.count() / static_cast<double>(things));
    }
    std::ranges::nth_element(times, times.begin() + runs / 2);
    std::printf("%s %.1f\n", key, times[runs / 2]);
    std::fflush(stdout);
}

// pummel: so many threads call wake() as fast as they can, while the loop runs its turns until all are through.
template <class Wake, class Turn>
void pummel(const char* key, int threads, Wake wake, Turn turn) {
    constexpr int wakes = 200'000;
    measure_few(key, wakes, [&] {
        std::atomic<int> left{threads};
        std::vector<std::thread> all;
        for (int i = 0; i < threads; ++i) {
            all.emplace_back([&] {
                for (int each = 0; each < wakes / threads; ++each) {
                    wake();
                }
                left.fetch_sub(1);
                wake(); // the last one is never missed
            });
        }
        while (left.load() > 0) {
            turn();
        }
        for (std::thread& each : all) {
            each.join();
        }
    });
}

} // namespace rival
