// SPDX-License-Identifier: MIT
//
// Boost.Asio: steady_timer, which is armed by async_wait and disarmed by cancel, and post.
#include "../usage.h"
#include "loop_work.hpp"

#include <chrono>
#include <cstddef>
#include <deque>

#include <boost/asio.hpp>

namespace {

namespace asio = boost::asio;
using clock_type = std::chrono::steady_clock;

void on_time(const boost::system::error_code&) { ++rival::fired; }

void measure_timers() {
    asio::io_context context{1};
    std::deque<asio::steady_timer> live;
    std::deque<asio::steady_timer> more;
    const auto now = clock_type::now();
    for (long i = 0; i < rival::live_timers; ++i) {
        live.emplace_back(context, now + std::chrono::hours{1} +
                                       std::chrono::microseconds{i * 37 % 3'600'000});
        live.back().async_wait(&on_time);
    }
    for (int i = 0; i < rival::batch; ++i) {
        more.emplace_back(context,
                          now + std::chrono::seconds{30} + std::chrono::milliseconds{i * 7 % 1000});
    }
    rival::measure_few("timer_ns", rival::batch, [&] {
        for (asio::steady_timer& each : more) {
            each.async_wait(&on_time);
        }
        for (asio::steady_timer& each : more) {
            each.cancel();
        }
        context.poll();
    });
    for (asio::steady_timer& each : live) {
        each.cancel();
    }
    context.run();
    rival::measure_few("fire_ns", rival::live_timers, [&] {
        context.restart();
        const auto begin = clock_type::now();
        for (std::size_t i = 0; i < live.size(); ++i) {
            live[i].expires_at(begin + std::chrono::nanoseconds{i * 7919 % 1'000'000 * 50});
            live[i].async_wait(&on_time);
        }
        context.run();
    });
}

void measure_wakes() {
    asio::io_context context;
    const auto kept = asio::make_work_guard(context);
    const auto wake = [&] { asio::post(context, [] {}); };
    const auto turn = [&] { context.run_one(); };
    rival::pummel("wake_ns", 1, wake, turn);
    rival::pummel("wake_8_ns", 8, wake, turn);
}

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "Nanoseconds of timers and wakes: Asio.");
    measure_timers();
    measure_wakes();
}
