// SPDX-License-Identifier: MIT
//
// pirn's tasks; what is measured is in sched_work.hpp.
#include <pirn/pirn.hpp>

#include "../usage.h"
#include "sched_work.hpp"

#include <array>
#include <cstddef>
#include <mutex>
#include <vector>

namespace {

int fib(int n) {
    if (n < 2) {
        return n;
    }
    auto one = pirn::spawn([n] { return fib(n - 1); });
    const int other = fib(n - 2);
    return one.get() + other;
}

long sky(long first, long size) {
    if (size == 1) {
        return first;
    }
    std::array<pirn::join_handle<long>, 10> parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const long begin = first + static_cast<long>(i) * (size / 10);
        parts[i] = pirn::spawn([begin, size] { return sky(begin, size / 10); });
    }
    long sum = 0;
    for (auto& each : parts) {
        sum += each.get();
    }
    return sum;
}

void hand_over(std::size_t threads, int count) {
    pirn::run({.threads = threads}, [count, threads] {
        pirn::channel<int> values;
        pirn::task_group both;
        both.spawn({.worker = 0}, [&] {
            for (int i = 0; i < count; ++i) {
                values.send(i);
            }
            values.close();
        });
        both.spawn({.worker = static_cast<int>(threads) - 1}, [&] {
            while (values.receive()) {
            }
        });
        both.wait();
    });
}

template <std::size_t Count>
void select_of(int count) {
    pirn::run([count] {
        std::array<pirn::channel<int>, Count> channels;
        pirn::task_group both;
        both.spawn([&] {
            for (int i = 0; i < count; ++i) {
                channels[static_cast<std::size_t>(i) % Count].send(i);
            }
        });
        both.spawn(
            [&]<std::size_t... I>(std::index_sequence<I...>) {
                for (int i = 0; i < count; ++i) {
                    pirn::select(pirn::on(channels[I].receiving(), [](auto&&...) {})...);
                }
            },
            std::make_index_sequence<Count>{});
        both.wait();
    });
}

// A million asleep at the same time, and what each has cost when all are up again.
void sleep_all() {
    constexpr std::size_t stack = std::size_t{16} * 1024;
    pirn::slab_stack_source stacks{{.stack_size = stack, .max_stacks = rival::sleepers}};
    const double memory = rival::resident_bytes();
    const double begin = rival::cpu_ns();
    pirn::run([&] {
        pirn::task_group all;
        for (int i = 0; i < rival::sleepers; ++i) {
            all.spawn({.stack_size = stack, .stacks = &stacks},
                      [] { pirn::sleep_for(rival::nap); });
            if (i % 1024 == 1023) {
                pirn::yield_now(); // lets them begin
            }
        }
        pirn::yield_now();
        std::printf("sleep_bytes %.0f\n", (rival::resident_bytes() - memory) / rival::sleepers);
        all.wait();
    });
    std::printf("sleep_ns %.1f\n", (rival::cpu_ns() - begin) / rival::sleepers);
}

} // namespace

int main(int argc, char** argv) {
    answer_help(argc, argv, "", "Nanoseconds of what tasks do with each other: pirn.");
    using rival::handoffs;
    rival::once("yield_ns", 2L * handoffs, [] {
        pirn::run([] {
            pirn::task_group both;
            for (int k = 0; k < 2; ++k) {
                both.spawn([] {
                    for (int i = 0; i < handoffs; ++i) {
                        pirn::yield_now();
                    }
                });
            }
            both.wait();
        });
    });
    rival::once("spawn_join_ns", handoffs, [] {
        pirn::run([] {
            for (int i = 0; i < handoffs; ++i) {
                pirn::spawn([] {}).join();
            }
        });
    });
    rival::once("channel_ns", handoffs, [] { hand_over(1, handoffs); });
    rival::once("cross_ns", rival::cross_handoffs, [] { hand_over(2, rival::cross_handoffs); });
    rival::once("mutex_ns", 2L * handoffs, [] {
        pirn::run([] {
            pirn::mutex guard;
            pirn::task_group both;
            for (int k = 0; k < 2; ++k) {
                both.spawn([&guard] {
                    for (int i = 0; i < handoffs; ++i) {
                        const std::scoped_lock held{guard};
                        pirn::yield_now();
                    }
                });
            }
            both.wait();
        });
    });
    rival::once("select_2_ns", handoffs, [] { select_of<2>(handoffs); });
    rival::once("select_10_ns", handoffs, [] { select_of<10>(handoffs); });
    for (const std::size_t threads : {1U, 2U}) {
        const auto key = [threads](const char* one, const char* two) {
            return threads == 1 ? one : two;
        };
        rival::once(key("fib_1_ns", "fib_2_ns"), rival::fib_tasks, [threads] {
            pirn::run({.threads = threads}, [] { return fib(rival::fib_of); });
        });
        rival::once(key("sky_1_ns", "sky_2_ns"), rival::sky_tasks, [threads] {
            pirn::run({.threads = threads}, [] { return sky(0, rival::sky_leaves); });
        });
    }
    sleep_all();
}
