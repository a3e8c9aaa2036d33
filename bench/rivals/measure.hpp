// SPDX-License-Identifier: MIT
//
// How every rival is measured, so that none has an advantage: many slices of one length, warm, and the
// median of them, since a neighbour on the machine disturbs some slices and not all.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

namespace rival {

// measure: calls body(count) for each slice and prints "key value", nanoseconds for each of the
// `per_count` things that one count does.
template <class Body>
void measure(const char* key, int per_count, Body body) {
    constexpr int slices = 100;
    constexpr long count = 50'000;
    using clock = std::chrono::steady_clock;

    body(count); // warm
    std::vector<double> times;
    times.reserve(slices);
    for (int i = 0; i < slices; ++i) {
        const auto begin = clock::now();
        body(count);
        const std::chrono::duration<double, std::nano> took = clock::now() - begin;
        times.push_back(took.count() / (static_cast<double>(count) * per_count));
    }
    std::nth_element(times.begin(), times.begin() + slices / 2, times.end());
    std::printf("%s %.4f\n", key, times[slices / 2]);
}

} // namespace rival
