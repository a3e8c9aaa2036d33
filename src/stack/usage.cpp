// SPDX-License-Identifier: MIT
//
// How much of a stack was used, by the page and by the byte. What is then counted by place: sites.cpp.
//
//   low                                                          high
//   ┌──────────────────────────┬──────────────┬────────────────────┐
//   │ never touched            │ used once    │ in use             │      bytes = high − lowest
//   └──────────────────────────┴──────────────┴────────────────────┘
//                              ▲ lowest: where the first run of touched pages begins,
//                                or the first word that does not have the paint any more
#include <pirn/stack/usage.hpp>

#include <pirn/base/assert.hpp>

#include "base/valgrind.hpp"
#include "os/memory.hpp"
#include "os/residency.hpp"
#include "stack/measure.hpp"
#include "stack/overflow.hpp"

#include <algorithm>
#include <cstdint>

// The stacks of others are read here, in whatever state the sanitizers know them to be.
#define PIRN_READS_FOREIGN_STACKS [[gnu::no_sanitize_address, gnu::no_sanitize_thread]]

namespace pirn {
namespace {

using word = std::uint64_t;

// How far apart stacks may be to be one question; see give_back.cpp.
constexpr std::ptrdiff_t near = std::ptrdiff_t{128} * 1024;

std::byte* end_of(const stack& which) noexcept { return which.memory.data() + which.memory.size(); }

// How many words from the low end on have this value. `memory` is aligned to words.
PIRN_READS_FOREIGN_STACKS PIRN_NOINLINE std::size_t
words_equal_to(std::span<const std::byte> memory, word value) noexcept {
    const detail::reading_dead_memory on_purpose;
    const auto* words = static_cast<const volatile word*>(static_cast<const void*>(memory.data()));
    const std::size_t count = memory.size() / sizeof(word);
    std::size_t equal = 0;
    while (equal < count && words[equal] == value) {
        ++equal;
    }
    return equal;
}

// The lowest page of an unguarded stack was touched by the canary, if by nobody else. Where the use of the
// stack begins, when its lowest page is there.
std::byte* beyond_canary(const stack& which) noexcept {
    const std::span<std::byte> rest =
        which.memory.first(std::min(os::page_size(), which.memory.size()))
            .subspan(sizeof detail::canary);
    return rest.data() + words_equal_to(rest, 0) * sizeof(word);
}

// From what one run of touched pages tells: where the stack's use begins. The end of the stack: not in this run.
std::byte* lowest_in(std::span<std::byte> run, const stack& which) noexcept {
    std::byte* run_end = run.data() + run.size();
    std::byte* low = std::max(run.data(), which.memory.data());
    if (low == which.memory.data() && which.guard_size == 0) {
        low = beyond_canary(which);
    }
    return low < run_end ? std::min(low, end_of(which)) : end_of(which);
}

std::span<std::byte> pages_around(const stack& first, const stack& last) noexcept {
    const std::size_t size =
        os::round_to_pages(static_cast<std::size_t>(end_of(last) - first.memory.data()));
    return {first.memory.data(), size};
}

} // namespace

std::optional<stack_usage> stack_usage_of(const stack& which) noexcept {
    stack_usage used;
    return stack_usage_of({&which, 1}, {&used, 1}) ? std::optional{used} : std::nullopt;
}

bool stack_usage_of(std::span<const stack> which, std::span<stack_usage> used) {
    PIRN_REQUIRE(which.size() == used.size(), "there is to be one place for each stack's usage",
                 {"stacks", which.size()}, {"places", used.size()});
    os::touched_runs runs;
    for (std::size_t first = 0; first < which.size();) {
        std::size_t last = first;
        while (last + 1 < which.size() && which[last + 1].memory.data() >= end_of(which[last]) &&
               which[last + 1].memory.data() - end_of(which[last]) <= near) {
            ++last;
        }
        for (std::size_t i = first; i <= last; ++i) {
            if (!detail::can_be_measured_by_page(which[i])) {
                return false;
            }
            used[i] = {};
        }
        // A stack is done with when a touched page of it was found, or when the runs are beyond it.
        std::size_t at = first;
        runs.begin(pages_around(which[first], which[last]),
                   first == last ? 2 : os::touched_runs::buffered_max);
        while (at <= last && runs.next()) {
            const std::span<std::byte> run = runs.run();
            while (at <= last && which[at].memory.data() < run.data() + run.size()) {
                if (end_of(which[at]) > run.data()) {
                    const std::byte* lowest = lowest_in(run, which[at]);
                    used[at].bytes = static_cast<std::size_t>(end_of(which[at]) - lowest);
                }
                if (used[at].bytes == 0 && end_of(which[at]) > run.data() + run.size()) {
                    break; // its use may begin in a later run
                }
                ++at;
            }
        }
        if (runs.refused()) {
            return false;
        }
        first = last + 1;
    }
    return true;
}

namespace detail {

constinit std::atomic<measuring> measured_stacks{measuring::off};

bool can_be_measured_by_page(const stack& which) noexcept {
    return reinterpret_cast<std::uintptr_t>(which.memory.data()) % os::page_size() == 0 &&
           which.memory.size() >= os::page_size() &&
           os::way_to_page_map() != os::page_map_way::none;
}

bool pages_are_fine_enough(const stack& which) noexcept {
    return can_be_measured_by_page(which) && which.memory.size() >= 4 * os::page_size();
}

namespace {
constexpr word pattern =
    0x7061696e745f7069; // nothing that a program would write to all of its stack
}

PIRN_READS_FOREIGN_STACKS PIRN_NOINLINE void paint(std::span<std::byte> memory) noexcept {
    os::forget_marks(memory);
    auto* words = static_cast<volatile word*>(static_cast<void*>(memory.data()));
    for (std::size_t i = 0; i < memory.size() / sizeof(word); ++i) {
        words[i] = pattern;
    }
}

std::size_t painted(std::span<const std::byte> memory) noexcept {
    return words_equal_to(memory, pattern) * sizeof(word);
}

} // namespace detail

void measure_stacks(bool on, stack_precision by) noexcept {
    using detail::measuring;
    const measuring how = by == stack_precision::page ? measuring::by_page : measuring::by_byte;
    detail::measured_stacks.store(on ? how : measuring::off, std::memory_order_relaxed);
}

} // namespace pirn
