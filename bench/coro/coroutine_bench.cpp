// SPDX-License-Identifier: MIT
//
// What a coroutine costs: switching, flat and from three calls deep; values both ways; a whole life.
// A bounce is two switches.
#include <pirn/coro/coroutine.hpp>

#include <pirn/coro/generator.hpp>
#include <pirn/stack/sources.hpp>

#include <optional>

#include <benchmark/benchmark.h>

namespace {

void bounce(benchmark::State& state) {
    pirn::coroutine<> partner{[](auto& self) {
        for (;;) self.suspend();
    }};
    for (auto _ : state) partner.resume();
    state.SetItemsProcessed(state.iterations() * 2);
}
BENCHMARK(bounce);

// The return from each of the three calls is predicted wrongly, in any design.
[[gnu::noinline]] void third(pirn::yielder<>& self) {
    self.suspend();
    asm volatile("");
}
[[gnu::noinline]] void second(pirn::yielder<>& self) {
    third(self);
    asm volatile("");
}
[[gnu::noinline]] void first(pirn::yielder<>& self) {
    second(self);
    asm volatile("");
}

void bounce_three_calls_deep(benchmark::State& state) {
    pirn::coroutine<> partner{[](pirn::yielder<>& self) {
        for (;;) first(self);
    }};
    for (auto _ : state) partner.resume();
    state.SetItemsProcessed(state.iterations() * 2);
}
BENCHMARK(bounce_three_calls_deep);

// The same way by one switch instead of two: a bounce is one round between the two, and two switches.
void transfer(benchmark::State& state) {
    std::optional<pirn::coroutine<>> ping;
    std::optional<pirn::coroutine<>> pong;
    ping.emplace([&](auto& self) {
        for (auto _ : state) self.transfer_to(*pong);
    });
    pong.emplace([&](auto& self) {
        for (;;) self.transfer_to(*ping);
    });
    ping->resume();
    state.SetItemsProcessed(state.iterations() * 2);
}
BENCHMARK(transfer);

void values_both_ways(benchmark::State& state) {
    pirn::coroutine<int, int> adder{[](auto& self) {
        int sum = 0;
        for (;;) sum += self.yield(sum);
    }};
    adder.resume();
    for (auto _ : state) benchmark::DoNotOptimize(adder.next(1));
}
BENCHMARK(values_both_ways);

void generator_step(benchmark::State& state) {
    pirn::generator<long> numbers{[](auto& yield) {
        for (long i = 0;; ++i) yield(i);
    }};
    auto at = numbers.begin();
    for (auto _ : state) benchmark::DoNotOptimize(*++at);
}
BENCHMARK(generator_step);

void create_run_destroy(benchmark::State& state) {
    pirn::mapped_stack_source mapped;
    pirn::pooled_stack_source pool{mapped};
    int ran = 0;
    for (auto _ : state) {
        pirn::coroutine<> one{{.stacks = &pool}, [&ran](auto&) { ++ran; }};
        one.resume();
    }
    benchmark::DoNotOptimize(ran);
}
BENCHMARK(create_run_destroy);

void create_and_unwind(benchmark::State& state) {
    for (auto _ : state) {
        pirn::coroutine<> one{[](auto& self) { self.suspend(); }};
        one.resume();
    }
}
BENCHMARK(create_and_unwind);

} // namespace
