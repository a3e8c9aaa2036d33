// SPDX-License-Identifier: MIT
//
// Ours, measured as the rivals are: timers among a million live ones, and wakes from other threads.
#include <pirn/loop/loop.hpp>

#include "../measure.hpp"
#include "../usage.h"
#include "loop_work.hpp"

#include <deque>

namespace {

struct timer : pirn::timer_operation {
    explicit timer(pirn::time_point until) : timer_operation{until, &done} {}
    static void done(pirn::operation&) noexcept { ++rival::fired; }
};

void measure_timers() {
    pirn::loop loop;
    std::deque<timer> live;
    const auto now = pirn::clock::now();
    for (long i = 0; i < rival::live_timers; ++i) {
        live.emplace_back(now + std::chrono::hours{1} +
                          std::chrono::microseconds{i * 37 % 3'600'000});
        loop.submit(live.back());
    }
    std::deque<timer> more;
    for (int i = 0; i < rival::batch; ++i) {
        more.emplace_back(now + std::chrono::seconds{30} + std::chrono::milliseconds{i * 7 % 1000});
    }
    rival::measure_few("timer_ns", rival::batch, [&] {
        for (timer& each : more) {
            loop.submit(each);
        }
        for (timer& each : more) {
            loop.cancel(each);
        }
        loop.run(pirn::run_mode::nowait); // its completion says that it was cancelled
    });
    for (timer& each : live) {
        loop.cancel(each);
    }
    loop.run();

    rival::measure_few("fire_ns", rival::live_timers, [&] {
        const auto begin = pirn::clock::now();
        for (long i = 0; i < rival::live_timers; ++i) {
            live[static_cast<std::size_t>(i)].deadline =
                begin + std::chrono::nanoseconds{i * 7919 % 1'000'000 * 50};
            loop.submit(live[static_cast<std::size_t>(i)]);
        }
        loop.run();
    });
}

void measure_wakes() {
    pirn::loop loop;
    rival::pummel("wake_ns", 1, [&] { loop.wake(); }, [&] { loop.run(pirn::run_mode::once); });
    rival::pummel("wake_8_ns", 8, [&] { loop.wake(); }, [&] { loop.run(pirn::run_mode::once); });
}

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "Nanoseconds of timers and wakes: pirn.");
    measure_timers();
    measure_wakes();
}
