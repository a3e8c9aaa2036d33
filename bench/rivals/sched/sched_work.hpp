// SPDX-License-Identifier: MIT
//
// What the schedulers are measured by; sched.go does the same. Each line is a key and nanoseconds for one of:
//
//   yield_ns       a turn of one of two tasks that yield to each other
//   spawn_join_ns  a task's whole life: spawned, run, joined
//   channel_ns     a value handed from task to task without a buffer, on one thread
//   mutex_ns       a lock and unlock under which the other task waits, handed from one to the other
//   select_2_ns    a value received by a select of two channels; select_10_ns: of ten
//   fib_1_ns       a task of fib(25) by spawn and join, on one thread; fib_2_ns: on two
//   sky_1_ns       a task of a tree of 111,111, ten below each, summed up by joins, on one thread; sky_2_ns: on two
//   cross_ns       a value handed from thread to thread without a buffer
//   sleep_ns       the processor time of a task that sleeps for eight seconds while a million do; sleep_bytes: what each
//                  has resident then; in one run, on one thread
#pragma once

#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>

#include <unistd.h>

namespace rival {

inline constexpr int handoffs = 300'000;
inline constexpr int fib_of = 25;
inline constexpr int fib_tasks = 242'785; // calls of fib(25)
inline constexpr long sky_leaves = 100'000;
inline constexpr int sky_tasks = 111'111;
inline constexpr int cross_handoffs = 50'000;
inline constexpr int sleepers = 1'000'000;
inline constexpr std::chrono::seconds nap{
    8}; // long enough for the last to lie down before the first wakes

// once: the better of three runs, as the first one also gets the memory.
template <class Body>
void once(const char* key, long count, Body body) {
    double best = 1e300;
    for (int i = 0; i < 3; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        body();
        const std::chrono::duration<double, std::nano> took =
            std::chrono::steady_clock::now() - begin;
        best = took.count() < best ? took.count() : best;
    }
    std::printf("%s %.2f\n", key, best / static_cast<double>(count));
}

// cpu_ns: what the process has used of all processors.
inline double cpu_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

inline double resident_bytes() {
    double total = 0;
    double pages = 0;
    std::ifstream{"/proc/self/statm"} >> total >> pages;
    return pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

} // namespace rival
