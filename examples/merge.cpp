// SPDX-License-Identifier: MIT
//
// Streams of values that take time to come: a generator may wait for IO and for timers in its body, and whoever goes
// through it waits with it. Two such streams merged, as their values come; and two in pairs, each pair with a limit.
#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

using namespace std::chrono_literals;

namespace {

// Counts up, with a pause before each value.
pirn::generator<int> ticks(int first, int last, std::chrono::milliseconds pause) {
    return pirn::generator<int>{[=](auto& yield) {
        for (int i = first; i <= last; ++i) {
            pirn::sleep_for(pause);
            yield(i);
        }
    }};
}

// Whatever comes first. Ends when both have ended.
template <class Each>
void merge(pirn::generator<int> one, pirn::generator<int> other, Each each) {
    pirn::channel<int> values;
    pirn::task_group sources;
    pirn::latch ended{2};
    for (auto* from : {&one, &other}) {
        sources.spawn([&, from] {
            for (const int value : *from) values.send(value);
            ended.count_down();
        });
    }
    sources.spawn([&] {
        ended.wait();
        values.close();
    });
    for (const int value : values) each(value);
}

// In pairs. Ends with the shorter one, or when a pair takes too long: then false.
template <class Each>
bool zip_for(std::chrono::milliseconds limit, pirn::generator<int> one, pirn::generator<int> other,
             Each each) {
    std::optional<decltype(one.begin())> left;
    std::optional<decltype(other.begin())> right;
    for (;;) {
        const bool in_time = pirn::try_with_timeout(limit, [&] {
            left ? static_cast<void>(++*left) : static_cast<void>(left.emplace(one.begin()));
            right ? static_cast<void>(++*right) : static_cast<void>(right.emplace(other.begin()));
        });
        if (!in_time) return false;
        if (*left == one.end() || *right == other.end()) return true;
        each(**left, **right);
    }
}

} // namespace

int main(int argc, char** argv) {
    example::no_options(argc, argv, "Two generators that wait for time, merged and in pairs.");
    pirn::run([] {
        long sum = 0;
        int count = 0;
        merge(ticks(1, 10, 1ms), ticks(101, 105, 3ms), [&](int value) {
            sum += value;
            ++count;
        });
        std::printf("%d values, in all %ld\n", count, sum);

        zip_for(1s, ticks(1, 3, 1ms), ticks(11, 20, 2ms),
                [](int a, int b) { std::printf("%d with %d\n", a, b); });
        const bool done = zip_for(20ms, ticks(1, 3, 1ms), ticks(11, 20, 1h), [](int, int) {});
        std::puts(done ? "all in time" : "too slow");
    });
    std::puts(pirn::to_string(pirn::live()).c_str());
}
