// SPDX-License-Identifier: MIT
//
// The tour's stops without IO: coroutines alone, floor 2 of the house.
#include <pirn/coro/coroutine.hpp>

#include "tour_stops.hpp"

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

namespace tour {
namespace {

using steady = std::chrono::steady_clock;

double nanoseconds_since(steady::time_point begin) {
    return std::chrono::duration<double, std::nano>(steady::now() - begin).count();
}

// How many of these pages are in memory.
std::size_t resident_pages(std::span<std::byte> memory) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    std::vector<unsigned char> flags(memory.size() / page);
    if (::mincore(memory.data(), memory.size(), flags.data()) != 0) return 0;
    std::size_t count = 0;
    for (const unsigned char flag : flags) count += flag & 1U;
    return count;
}

} // namespace

void progress(double share) {
    static const bool terminal = ::isatty(STDOUT_FILENO) == 1;
    if (!terminal) return;
    std::printf(share < 1 ? "      %3.0f %%\r" : "           \r", share * 100);
    std::fflush(stdout);
}

finding bounce() {
    constexpr int parts = 20;
    constexpr long per_part = 1'000'000;
    long counted = 0;
    pirn::coroutine<> partner{[&counted](auto& self) {
        for (;;) {
            ++counted;
            self.suspend();
        }
    }};
    double best = 1e9;
    for (int part = 0; part < parts; ++part) {
        const auto begin = steady::now();
        for (long i = 0; i < per_part; ++i) partner.resume();
        best = std::min(best, nanoseconds_since(begin) / (2.0 * per_part));
        progress((part + 1.0) / parts);
    }
    char measured[64];
    std::snprintf(measured, sizeof measured, "%.2f ns a switch", best);
    const bool right = counted == parts * per_part;
    return {measured, right ? "20,000,000 bounces" : "bounces were lost", right};
}

finding million() {
    constexpr std::size_t count = 1'000'000;
    constexpr std::size_t stack_bytes = 4096;
    constexpr int rounds = 10;
    void* mapped = ::mmap(nullptr, count * stack_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return {"no memory", "not run", false};
    const std::span memory{static_cast<std::byte*>(mapped), count * stack_bytes};

    std::vector<pirn::coroutine<std::size_t>> all;
    all.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        all.emplace_back(
            pirn::coroutine_options{.memory = memory.subspan(i * stack_bytes, stack_bytes)},
            [](auto& self, std::size_t sum) {
                for (;; ++sum) self.yield(sum);
            },
            i);
        if (i % 50'000 == 0) progress(0.5 * static_cast<double>(i) / count);
    }
    const auto begin = steady::now();
    bool right = true;
    for (std::size_t round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < count; ++i) right = all[i].next() == i + round && right;
        progress(0.5 + 0.4 * static_cast<double>(round) / rounds);
    }
    const double ns = nanoseconds_since(begin) / (2.0 * rounds * count);
    const double bytes = static_cast<double>(resident_pages(memory)) * 4096 / count;
    all.clear(); // unwinds a million coroutines
    ::munmap(mapped, memory.size());
    progress(1);
    char measured[64];
    std::snprintf(measured, sizeof measured, "%.1f ns a switch, %.0f bytes each", ns, bytes);
    return {measured, right ? "every sum" : "wrong sums", right};
}

} // namespace tour
