// SPDX-License-Identifier: MIT
//
// The tour's stop with timers: ten thousand tasks asleep on one thread.
#include <pirn/pirn.hpp>

#include "tour_stops.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <vector>

using namespace std::chrono_literals;

namespace tour {

finding timers() {
    constexpr int count = 10'000;
    std::mt19937 random{20260101};
    std::uniform_int_distribution<int> microseconds{0, 1'000'000};
    int early = 0;
    int woken = 0;
    bool in_order = true;
    std::vector<pirn::duration> late;
    pirn::time_point last{};
    pirn::run([&] {
        const auto begin = pirn::clock::now();
        for (int i = 0; i < count; ++i) {
            const auto deadline = begin + std::chrono::microseconds{microseconds(random)} + 500ms;
            pirn::spawn([&, deadline] {
                pirn::sleep_until(deadline);
                const auto now = pirn::clock::now();
                early += now < deadline;
                in_order = in_order && deadline >= last;
                last = deadline;
                late.push_back(now - deadline);
                if (++woken % 500 == 0) progress(static_cast<double>(woken) / count);
            }).detach();
        }
    });
    std::ranges::sort(late);
    char measured[64];
    std::snprintf(measured, sizeof measured, "late by %.0f us at the median, %.0f at p99",
                  static_cast<double>(late[count / 2].count()) / 1e3,
                  static_cast<double>(late[count * 99 / 100].count()) / 1e3);
    const bool right = early == 0 && in_order && woken == count;
    return {measured, right ? "none early, in order" : "early, or out of order", right};
}

} // namespace tour
