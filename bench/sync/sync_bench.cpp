// SPDX-License-Identifier: MIT
//
// What waiting for each other costs, on one thread and without an event loop. `two_turns` is the floor: two tasks
// that yield to each other, as every hand-over here includes one turn of the scheduler.
#include <pirn/sched/scheduler.hpp>
#include <pirn/sync/channel.hpp>
#include <pirn/sync/mutex.hpp>
#include <pirn/sync/select.hpp>
#include <pirn/sync/semaphore.hpp>

#include <array>
#include <chrono>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include <benchmark/benchmark.h>

namespace {

using pirn::on;

constexpr auto ignore = [](auto&&) {};

// against: `counted` runs once per iteration in one task, `other` runs in a second task until `end` has made it
// leave.
template <class Counted, class Other, class End>
void against(benchmark::State& state, Counted counted, Other other, End end) {
    pirn::scheduler tasks;
    auto partner = tasks.spawn([&] { other(); });
    tasks
        .spawn([&] {
            pirn::yield_now();
            for (auto _ : state) counted();
            end();
        })
        .join();
    partner.join();
}

void two_turns(benchmark::State& state) {
    bool stop = false;
    against(
        state, [] { pirn::yield_now(); },
        [&] {
            while (!stop) pirn::yield_now();
        },
        [&] { stop = true; });
    state.SetItemsProcessed(state.iterations() * 2);
}
BENCHMARK(two_turns);

// To and fro: two hand-overs an iteration.
void channel_ping_pong(benchmark::State& state) {
    pirn::channel<int> ping;
    pirn::channel<int> pong;
    against(
        state,
        [&] {
            ping.send(1);
            benchmark::DoNotOptimize(pong.receive());
        },
        [&] {
            while (const auto got = ping.receive()) pong.send(*got);
        },
        [&] { ping.close(); });
    state.SetItemsProcessed(state.iterations() * 2);
}
BENCHMARK(channel_ping_pong);

void channel_stream(benchmark::State& state) {
    pirn::channel<int> between{static_cast<std::size_t>(state.range(0))};
    against(
        state, [&] { between.send(1); },
        [&] {
            while (between.receive()) {
            }
        },
        [&] { between.close(); });
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(channel_stream)->Arg(0)->Arg(1)->Arg(64);

// Nobody waits: what the calls themselves cost.
void channel_send_and_receive(benchmark::State& state) {
    pirn::channel<int> between{1};
    for (auto _ : state) {
        between.send(1);
        benchmark::DoNotOptimize(between.receive());
    }
}
BENCHMARK(channel_send_and_receive);

void mutex_uncontended(benchmark::State& state) {
    pirn::mutex door;
    for (auto _ : state) {
        door.lock();
        door.unlock();
    }
}
BENCHMARK(mutex_uncontended);

// Each finds it locked by the other: one hand-over an unlock.
void mutex_hand_over(benchmark::State& state) {
    pirn::mutex door;
    bool stop = false;
    const auto turn = [&] {
        const std::scoped_lock lock{door};
        pirn::yield_now();
    };
    against(
        state, turn,
        [&] {
            while (!stop) turn();
        },
        [&] { stop = true; });
    state.SetItemsProcessed(state.iterations() * 2);
}
BENCHMARK(mutex_hand_over);

void semaphore_ping_pong(benchmark::State& state) {
    pirn::semaphore ping{0};
    pirn::semaphore pong{0};
    bool stop = false;
    against(
        state,
        [&] {
            ping.release();
            pong.acquire();
        },
        [&] {
            for (;;) {
                ping.acquire();
                if (stop) return;
                pong.release();
            }
        },
        [&] {
            stop = true;
            ping.release();
        });
    state.SetItemsProcessed(state.iterations() * 2);
}
BENCHMARK(semaphore_ping_pong);

// One of several channels is ready.
template <std::size_t... Index>
void ready(benchmark::State& state, std::index_sequence<Index...> /*cases*/) {
    std::array<pirn::channel<int>, sizeof...(Index)> channels{
        (static_cast<void>(Index), pirn::channel<int>{1})...};
    std::size_t next = 0;
    for (auto _ : state) {
        channels[next].send(1);
        next = (next + 1) % sizeof...(Index);
        benchmark::DoNotOptimize(pirn::select(on(channels[Index].receiving(), ignore)...));
    }
}
void select_ready_of_2(benchmark::State& state) { ready(state, std::make_index_sequence<2>{}); }
void select_ready_of_10(benchmark::State& state) { ready(state, std::make_index_sequence<10>{}); }
BENCHMARK(select_ready_of_2);
BENCHMARK(select_ready_of_10);

// A select waits, and another task sends to one of its channels: one hand-over an iteration.
template <std::size_t... Index>
void waiting(benchmark::State& state, std::index_sequence<Index...> /*cases*/) {
    std::array<pirn::channel<int>, sizeof...(Index)> channels{
        (static_cast<void>(Index), pirn::channel<int>{0})...};
    std::size_t next = 0;
    bool more = true;
    against(
        state,
        [&] {
            channels[next].send(1);
            next = (next + 1) % sizeof...(Index);
            pirn::yield_now();
        },
        [&] {
            const auto note = [&](std::optional<int> got) { more = got.has_value(); };
            while (more) pirn::select(on(channels[Index].receiving(), note)...);
        },
        [&] { channels[0].close(); });
    state.SetItemsProcessed(state.iterations());
}
void select_waits_of_2(benchmark::State& state) { waiting(state, std::make_index_sequence<2>{}); }
void select_waits_of_10(benchmark::State& state) { waiting(state, std::make_index_sequence<10>{}); }
BENCHMARK(select_waits_of_2);
BENCHMARK(select_waits_of_10);

// From here on the process has two threads, and locks are atomic.
void channel_ping_pong_with_threads_about(benchmark::State& state) {
    std::jthread idle{[](const std::stop_token& stop) {
        while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }};
    channel_ping_pong(state);
}
BENCHMARK(channel_ping_pong_with_threads_about);

// A task here, a plain thread there.
void channel_ping_pong_with_a_thread(benchmark::State& state) {
    pirn::channel<int> ping;
    pirn::channel<int> pong;
    std::jthread partner{[&] {
        while (const auto got = ping.receive()) pong.send(*got);
    }};
    pirn::scheduler tasks;
    tasks
        .spawn([&] {
            for (auto _ : state) {
                ping.send(1);
                benchmark::DoNotOptimize(pong.receive());
            }
            ping.close();
        })
        .join();
    state.SetItemsProcessed(state.iterations() * 2);
}
BENCHMARK(channel_ping_pong_with_a_thread)->UseRealTime();

} // namespace
