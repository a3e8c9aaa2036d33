// SPDX-License-Identifier: MIT
//
// What a task costs, on one thread and without an event loop.
#include <pirn/sched/scheduler.hpp>

#include <benchmark/benchmark.h>

namespace {

// Two tasks take turns; an iteration is one turn of each.
void yield_between_two(benchmark::State& state) {
    pirn::scheduler tasks;
    bool stop = false;
    const auto yields = [&stop] {
        while (!stop) pirn::yield_now();
    };
    auto one = tasks.spawn(yields);
    auto other = tasks.spawn(yields);
    for (auto _ : state) tasks.tick();
    stop = true;
    tasks.run();
    state.SetItemsProcessed(state.iterations() * 2);
}
BENCHMARK(yield_between_two);

void spawn_and_join(benchmark::State& state) {
    pirn::scheduler tasks;
    tasks
        .spawn([&] {
            for (auto _ : state) tasks.spawn([] {}).join();
        })
        .join();
}
BENCHMARK(spawn_and_join);

void park_and_unpark(benchmark::State& state) {
    pirn::scheduler tasks;
    pirn::waiter* asleep = nullptr;
    bool stop = false;
    auto sleeper = tasks.spawn([&] {
        while (!stop) {
            pirn::waiter on;
            asleep = &on;
            pirn::park(on);
        }
    });
    tasks
        .spawn([&] {
            pirn::yield_now();
            for (auto _ : state) {
                pirn::unpark(*asleep);
                pirn::yield_now();
            }
            stop = true;
            pirn::unpark(*asleep);
        })
        .join();
}
BENCHMARK(park_and_unpark);

} // namespace
