// SPDX-License-Identifier: MIT
//
// pirn-bench: the two command lines of zigcoro's benchmark, doing the same work, so that the figures
// can stand side by side; and the floor that no switch goes below, measured in the same run.
//
//   pirn-bench --context_switch   main and one coroutine bounce 20 million times
//   pirn-bench --ncoros N         N coroutines on 4 KiB stacks in one block of the caller's memory,
//                                 resumed in turn; ns a switch = time / (2 · rounds · N)
//   --guarded                     the same on the stacks of a slab, a guard below each
//   --plain                       lines "key value" instead of prose
//   --help                        the options
//
// N may be written 1_000_000, as zigcoro's README does, or 1M. A run of some seconds says on stderr how far it is.
//
// The bounce is measured in slices, and in between them, as often, the bare switch: two loops that do
// nothing but exchange three registers (floor/x86_64). Both numbers are the medians of their slices.
#include <pirn/arch/context.hpp>
#include <pirn/coro/batch.hpp>
#include <pirn/coro/coroutine.hpp>
#include <pirn/stack/slab.hpp>

#include "../examples/numbers.hpp"
#include "floor.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

namespace {

using clock_type = std::chrono::steady_clock;

double nanoseconds_since(clock_type::time_point begin) {
    return std::chrono::duration<double, std::nano>(clock_type::now() - begin).count();
}

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

// progress: says on stderr, about once a second, how far a long run is. Looks at the clock outside of what is measured.
class progress {
  public:
    explicit progress(const char* doing) : doing_{doing} {}

    void at(std::size_t done, std::size_t all) {
        const auto now = clock_type::now();
        if (now < next_) {
            return;
        }
        next_ = now + std::chrono::seconds{1};
        std::fprintf(stderr, "pirn-bench: %s: %zu of %zu\n", doing_, done, all);
    }

  private:
    const char* doing_;
    clock_type::time_point next_ = clock_type::now() + std::chrono::seconds{1};
};

int context_switch(bool plain) {
    constexpr long bounces = 20'000'000;
    constexpr long slices = 200;
    constexpr long per_slice = bounces / slices;

    pirn::coroutine<> partner{[](auto& self) {
        for (;;) {
            self.suspend();
        }
    }};
    alignas(64) static std::byte bare_stack[65536];
    rival::bare_bounce::prepare(bare_stack);

    std::vector<double> ours;
    std::vector<double> floor;
    partner.resume();
    progress far{"bouncing, slice"};
    for (long slice = 0; slice < slices; ++slice) {
        far.at(static_cast<std::size_t>(slice), slices);
        auto begin = clock_type::now();
        for (long i = 0; i < per_slice; ++i) {
            partner.resume();
        }
        ours.push_back(nanoseconds_since(begin) / (2.0 * per_slice));
        begin = clock_type::now();
        for (long i = 0; i < per_slice; ++i) {
            rival::bare_bounce::go_and_come_back();
        }
        floor.push_back(nanoseconds_since(begin) / (2.0 * per_slice));
    }
    const double ns = median(ours);
    const double floor_ns = median(floor);
    if (plain) {
        std::printf("ns %.4f\nfloor_ns %.4f\nratio %.4f\n", ns, floor_ns, ns / floor_ns);
    } else {
        std::printf("ns/ctxswitch: %.2f\n", ns);
        std::printf("bare switch, same run: %.2f (ratio %.2f)\n", floor_ns, ns / floor_ns);
    }
    return 0;
}

long mappings() {
    std::ifstream maps{"/proc/self/maps"};
    return std::count(std::istreambuf_iterator<char>{maps}, std::istreambuf_iterator<char>{}, '\n');
}

std::size_t resident_bytes() {
    std::ifstream file{"/proc/self/statm"};
    std::size_t total = 0;
    std::size_t resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

int many_coroutines(std::size_t count, bool guarded, bool plain) {
    constexpr std::size_t stack_bytes = 4096;
    constexpr int rounds = 20;
    constexpr int warm_rounds = 4;

    std::vector<pirn::coroutine<>> coroutines;
    coroutines.reserve(count);
    const std::size_t resident_before = resident_bytes();
    const long mappings_before = mappings();

    std::span<std::byte> memory;
    std::optional<pirn::slab_stack_source> slab;
    if (guarded) {
        slab.emplace(pirn::slab_options{.stack_size = stack_bytes, .max_stacks = count});
    } else {
        const std::size_t bytes = count * stack_bytes;
        void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapped == MAP_FAILED) {
            std::perror("pirn-bench: mmap");
            return 1;
        }
        memory = {static_cast<std::byte*>(mapped), bytes};
    }

    auto begin = clock_type::now();
    progress created{"creating, coroutine"};
    for (std::size_t i = 0; i < count; ++i) {
        if (i % 65'536 == 0) {
            created.at(i, count);
        }
        pirn::coroutine_options options{.stack_size = stack_bytes};
        if (guarded) {
            options.stacks = &*slab;
        } else {
            options.memory = memory.subspan(i * stack_bytes, stack_bytes);
        }
        coroutines.emplace_back(options, [](auto& self) {
            for (;;) {
                self.suspend();
            }
        });
        coroutines.back().resume();
    }
    const auto n = static_cast<double>(count);
    const double create_ns = nanoseconds_since(begin) / n;
    // Without the handles, the caller's vector, which was reserved but not touched.
    const double resident =
        static_cast<double>(resident_bytes() - resident_before) / n - sizeof(coroutines[0]);
    const long more_mappings = mappings() - mappings_before;

    std::vector<double> times;
    std::vector<double> batch_times;
    progress resumed{"resuming all, round"};
    for (int round = 0; round < rounds; ++round) {
        resumed.at(static_cast<std::size_t>(round), rounds);
        begin = clock_type::now();
        for (pirn::coroutine<>& one : coroutines) {
            one.resume();
        }
        if (round >= warm_rounds) {
            times.push_back(nanoseconds_since(begin) / (2.0 * n));
        }
        begin = clock_type::now();
        pirn::resume_all(coroutines);
        if (round >= warm_rounds) {
            batch_times.push_back(nanoseconds_since(begin) / (2.0 * n));
        }
    }
    if (plain) {
        std::printf("switch_ns %.4f\nbatch_ns %.4f\ncreate_ns %.4f\nrss_bytes %.1f\nmappings %ld\n",
                    median(times), median(batch_times), create_ns, resident, more_mappings);
    } else {
        std::printf("ncoros: %zu\nns/create: %.2f\nbytes/coro: %.1f\nns/ctxswitch: %.2f\n"
                    "ns/ctxswitch, by resume_all: %.2f\nmappings: %ld\n",
                    count, create_ns, resident, median(times), median(batch_times), more_mappings);
    }
    std::fflush(stdout);
    // A million unwindings would measure the exception machinery; the process's end frees it all.
    std::_Exit(0);
}

int usage(std::FILE* to) {
    std::fputs(
        "usage: pirn-bench --context_switch | --ncoros N [--guarded] [--plain]\n\n"
        "  --context_switch  main and one coroutine bounce 20 million times\n"
        "  --ncoros N        N coroutines on 4 KiB stacks, resumed in turn; N may be 1_000_000 or 1M\n"
        "  --guarded         with --ncoros: a guard below each stack\n"
        "  --plain           lines \"key value\" instead of prose\n"
        "  --help            this text\n\n"
        "Figures go to stdout. A run of some seconds says on stderr how far it is.\n",
        to);
    return to == stdout ? 0 : 2;
}

} // namespace

int main(int argc, char** argv) {
    bool plain = false;
    bool bounce = false;
    bool guarded = false;
    std::optional<std::size_t> count;
    for (int i = 1; i < argc; ++i) {
        const std::string_view option{argv[i]};
        if (option == "--plain") {
            plain = true;
        } else if (option == "--guarded") {
            guarded = true;
        } else if (option == "--context_switch") {
            bounce = true;
        } else if (option == "--ncoros" && i + 1 < argc) {
            const auto number = example::parse_number(argv[++i]);
            if (!number || *number == 0 || *number > std::size_t{1} << 40) {
                std::fprintf(stderr, "pirn-bench: --ncoros %s: not a number in range\n", argv[i]);
                return usage(stderr);
            }
            count = *number;
        } else if (option == "--help") {
            return usage(stdout);
        } else {
            std::fprintf(stderr, "pirn-bench: unknown option %s\n", argv[i]);
            return usage(stderr);
        }
    }
    if (bounce == count.has_value() || (bounce && guarded)) {
        return usage(stderr);
    }
    return bounce ? context_switch(plain) : many_coroutines(*count, guarded, plain);
}
