// SPDX-License-Identifier: MIT
//
// How every rival is measured, so that none has an advantage: many slices of one length, warm, and the
// median of them, since a neighbour on the machine disturbs some slices and not all.
#pragma once

#include "../../examples/numbers.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <new>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

namespace rival {

// measure: calls body(count) for each slice and prints "key value", nanoseconds for each of the
// `per_count` things that one count does.
template <class Body>
void measure(const char* key, int per_count, Body body) {
    constexpr int slices = 100;
    constexpr long count = 50'000;
    using clock = std::chrono::steady_clock;

    body(count); // warm
    std::vector<double> times;
    times.reserve(slices);
    for (int i = 0; i < slices; ++i) {
        const auto begin = clock::now();
        body(count);
        const std::chrono::duration<double, std::nano> took = clock::now() - begin;
        times.push_back(took.count() / (static_cast<double>(count) * per_count));
    }
    std::nth_element(times.begin(), times.begin() + slices / 2, times.end());
    std::printf("%s %.4f\n", key, times[slices / 2]);
}

// ---- Many at a time, in turn: `rival_x --ncoros N`, the same work as pirn-bench --ncoros N

inline constexpr std::size_t slot_bytes = 4096;

// asked_for: N of --ncoros N, which may be 1_000_000 or 1M; or 0.
inline std::size_t asked_for(int argc, char** argv) {
    const bool asked = argc == 3 && std::strcmp(argv[1], "--ncoros") == 0;
    return asked ? example::parse_number(argv[2]).value_or(0) : 0;
}

// block: memory for all of them in one mapping, a slot of 4 KiB each.
class block {
  public:
    explicit block(std::size_t slots) : size_{slots * slot_bytes} {
        void* const mapped = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapped == MAP_FAILED) {
            throw std::bad_alloc{};
        }
        next_ = begin_ = static_cast<std::byte*>(mapped);
    }
    ~block() { ::munmap(begin_, size_); }
    block(const block&) = delete;
    block& operator=(const block&) = delete;

    std::byte* take() noexcept {
        std::byte* const taken = next_;
        next_ += slot_bytes;
        return taken;
    }

  private:
    std::size_t size_;
    std::byte* begin_;
    std::byte* next_;
};

struct footprint {
    double resident_bytes = 0;
    long mappings = 0;

    static footprint now() {
        footprint all;
        std::size_t total = 0;
        std::size_t resident = 0;
        std::ifstream{"/proc/self/statm"} >> total >> resident;
        all.resident_bytes =
            static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
        std::ifstream maps{"/proc/self/maps"};
        for (std::string line; std::getline(maps, line);) {
            ++all.mappings;
        }
        return all;
    }
};

// measure_many: create(i) makes the i-th and runs it to its first suspension; resume(i) runs it once more.
// `handle_bytes` is the size of the caller's handle, which is not counted.
template <class Create, class Resume>
void measure_many(const char* prefix, std::size_t count, std::size_t handle_bytes, Create create,
                  Resume resume) {
    constexpr int rounds = 20;
    constexpr int warm_rounds = 4;
    using clock = std::chrono::steady_clock;
    const auto nanoseconds_since = [](clock::time_point begin) {
        return std::chrono::duration<double, std::nano>(clock::now() - begin).count();
    };
    const auto n = static_cast<double>(count);
    const footprint before = footprint::now();
    auto begin = clock::now();
    for (std::size_t i = 0; i < count; ++i) {
        create(i);
    }
    const double create_ns = nanoseconds_since(begin) / n;
    const footprint after = footprint::now();
    std::vector<double> times;
    for (int round = 0; round < rounds; ++round) {
        begin = clock::now();
        for (std::size_t i = 0; i < count; ++i) {
            resume(i);
        }
        if (round >= warm_rounds) {
            times.push_back(nanoseconds_since(begin) / (2 * n));
        }
    }
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    std::printf("%sswitch_ns %.4f\n%screate_ns %.4f\n%srss_bytes %.1f\n%smappings %ld\n", prefix,
                *middle, prefix, create_ns, prefix,
                (after.resident_bytes - before.resident_bytes) / n -
                    static_cast<double>(handle_bytes),
                prefix, after.mappings - before.mappings);
    std::fflush(stdout);
}

} // namespace rival
