// SPDX-License-Identifier: MIT
//
// How many tasks fit: spawns N of them, lets all of them live and sleep at the same time, and says what each costs in
// resident memory and in mappings of the kernel. `spawn_many --count 1000000` needs about 4.5 GB.
#include <pirn/pirn.hpp>

#include "command_line.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>

#include <unistd.h>

using namespace std::chrono_literals;

namespace {

std::size_t resident_bytes() {
    std::size_t total = 0;
    std::size_t resident = 0;
    std::ifstream{"/proc/self/statm"} >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t mappings() {
    std::ifstream maps{"/proc/self/maps"};
    std::size_t count = 0;
    for (std::string line; std::getline(maps, line);) ++count;
    return count;
}

} // namespace

int main(int argc, char** argv) try {
    example::command_line line{argc, argv, "[--count N] [--stack BYTES]",
                               "Has N tasks asleep at the same time, and prints what one costs."};
    const auto stack = line.number<std::size_t>("--stack", 16 * 1024, 4096, std::size_t{1} << 30);
    const auto count = line.number<std::size_t>("--count", 10'000, 1, 100'000'000);
    line.done();

    // All stacks in one mapping, each with a guard below it.
    pirn::slab_stack_source stacks{{.stack_size = stack, .max_stacks = count}};
    const std::size_t bytes_before = resident_bytes();
    const std::size_t mappings_before = mappings();
    pirn::run([&] {
        pirn::event over;
        pirn::task_group group;
        const auto begin = pirn::clock::now();
        for (std::size_t i = 0; i < count; ++i) {
            group.spawn({.stack_size = stack, .stacks = &stacks}, [&over] { over.wait(); });
            if (i % 1024 == 1023) pirn::yield_now(); // lets them begin
            if ((i + 1) % 100'000 == 0) std::fprintf(stderr, "%zu spawned\r", i + 1);
        }
        while (pirn::live().coroutines < static_cast<std::int64_t>(count)) pirn::yield_now();
        pirn::yield_now();
        const std::chrono::duration<double> spent = pirn::clock::now() - begin;
        const std::size_t more_mappings = mappings() - std::min(mappings_before, mappings());
        std::printf("%zu tasks alive after %.2f s\n", group.size(), spent.count());
        std::printf("%.0f bytes each, %zu mappings more for all\n",
                    static_cast<double>(resident_bytes() - bytes_before) /
                        static_cast<double>(count),
                    more_mappings);
        over.set();
        group.wait();
    });
    std::puts(pirn::to_string(pirn::live()).c_str());
} catch (const std::exception& error) {
    std::fprintf(stderr, "spawn_many: %s\n", error.what());
    return 1;
}
