// SPDX-License-Identifier: MIT
//
// libuv: uv_timer_start and uv_timer_stop, uv_async_send. Its timers count milliseconds.
#include "../usage.h"
#include "loop_work.hpp"

#include <cstdint>
#include <vector>

#include <uv.h>

namespace {

void on_time(uv_timer_t*) { ++rival::fired; }

std::vector<uv_timer_t> made(uv_loop_t* loop, long count) {
    std::vector<uv_timer_t> all(static_cast<std::size_t>(count));
    for (uv_timer_t& each : all) {
        uv_timer_init(loop, &each);
    }
    return all;
}

void measure_timers(uv_loop_t* loop) {
    // Handles that are not closed belong to the loop to the end.
    static std::vector<uv_timer_t> live = made(loop, rival::live_timers);
    static std::vector<uv_timer_t> more = made(loop, rival::batch);
    for (std::size_t i = 0; i < live.size(); ++i) {
        uv_timer_start(&live[i], &on_time, 3'600'000 + i * 37 % 3'600'000 / 1000, 0);
    }
    rival::measure_few("timer_ns", rival::batch, [&] {
        for (std::size_t i = 0; i < more.size(); ++i) {
            uv_timer_start(&more[i], &on_time, 30'000 + i * 7 % 1000, 0);
        }
        for (uv_timer_t& each : more) {
            uv_timer_stop(&each);
        }
        uv_run(loop, UV_RUN_NOWAIT);
    });
    for (uv_timer_t& each : live) {
        uv_timer_stop(&each);
    }
    rival::measure_few("fire_ns", rival::live_timers, [&] {
        uv_update_time(loop);
        for (std::size_t i = 0; i < live.size(); ++i) {
            uv_timer_start(&live[i], &on_time, i * 7919 % 1'000'000 / 20'000, 0);
        }
        uv_run(loop, UV_RUN_DEFAULT);
    });
}

void measure_wakes(uv_loop_t* loop) {
    uv_async_t bell;
    uv_async_init(loop, &bell, [](uv_async_t*) {});
    const auto wake = [&] { uv_async_send(&bell); };
    const auto turn = [&] { uv_run(loop, UV_RUN_ONCE); };
    rival::pummel("wake_ns", 1, wake, turn);
    rival::pummel("wake_8_ns", 8, wake, turn);
    uv_close(reinterpret_cast<uv_handle_t*>(&bell), nullptr);
    uv_run(loop, UV_RUN_DEFAULT);
}

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "Nanoseconds of timers and wakes: libuv.");
    uv_loop_t* const loop = uv_default_loop();
    measure_timers(loop);
    measure_wakes(loop);
}
