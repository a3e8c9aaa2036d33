// SPDX-License-Identifier: MIT
//
// How much of a stack was used: of one stack, and of all coroutines by the place where they were created.
// docs/stacks.md says how to choose stack sizes with it.
//
//   pirn::measure_stacks(true);
//   run_the_server_under_load();
//   std::cout << pirn::stack_report();
//
//   p99 of 12,000 coroutines from server.cpp:40 used 8 KiB of 256 KiB, the most 12 KiB; 32 KiB would do
//
// Two ways, and what each costs:
//
//   by the page   the kernel tells which pages were touched; nothing is written. One stack takes some
//                 microseconds, a fraction of one where many are asked for at once. Needs memory that the
//                 stack source has mapped itself (stack_source::owns_pages).
//   by the byte   the stack is painted when the coroutine is created, and what has changed is looked for. Exact,
//                 on any memory; every byte of the stack is written, and takes memory from then on. Words that
//                 a function has skipped at its deepest point are not seen.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/stack/stack.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pirn {

enum class stack_precision : std::uint8_t { page, byte };

// stack_usage: how much of a stack was used at most, from its high end, so far.
struct stack_usage {
    std::size_t bytes = 0;
    stack_precision precision = stack_precision::page;

    bool operator==(const stack_usage&) const = default;
};

// stack_usage_of: by the page. `which` is from a source that owns its pages. Pages that were touched by an
// earlier tenant of a reused stack count too, so that it is never less than the truth, unless pages were
// given back since (reclaim, trim, wipe). Of an unguarded stack, the page of the canary counts if anything but
// zeros stands in it. Nothing when the kernel does not tell, or the stack does not begin at a page.
// Thread-safe. Never suspends.
PIRN_EXPORT std::optional<stack_usage> stack_usage_of(const stack& which) noexcept;

// The same for many, best sorted by address: those near each other are one question to the kernel. `used` has
// the same size. False when the kernel does not tell, or one of them does not begin at a page.
PIRN_EXPORT bool stack_usage_of(std::span<const stack> which, std::span<stack_usage> used);

// measure_stacks: whether coroutines created from now on, on any thread, are measured when they end, and
// counted by the place where they were created. Off at the beginning; then all that it costs is one branch at
// the creation and one at the end of a coroutine.
//
// By the page: the pages that earlier tenants of a reused stack have left behind are given back first, so that
// each coroutine counts its own; that takes some microseconds for each. One whose memory cannot be
// told by the page (the caller's) or that has less than four pages is measured by the byte. Thread-safe. Never
// suspends.
PIRN_EXPORT void measure_stacks(bool on, stack_precision by = stack_precision::page) noexcept;

// stack_site: what was measured of the coroutines from one place.
struct stack_site {
    std::string file;             // empty when the place is not known; see coroutine_options::where
    unsigned line = 0;            // and then 0
    std::uint64_t coroutines = 0; // that have ended
    std::size_t median = 0;       // bytes, at most an eighth and 64 more than the truth
    std::size_t p99 = 0;          // the same; of 100 coroutines, 99 used no more
    std::size_t most = 0;         // bytes, exact to the precision
    std::size_t stack_size = 0;   // bytes, of the largest stack
    // A stack size that would do: `most` and half of it again, rounded up to a power of two, 4 KiB at least.
    // The half is for what has not happened yet: a signal handler, an error path, another compiler.
    std::size_t recommended = 0;
    stack_precision precision = stack_precision::page; // the coarsest that was met
};

// stack_sites: what was measured so far, the place with the most coroutines first. At most 1,024 places are
// kept apart, in 2 KiB each; further ones are counted together, under no file. Thread-safe. Never suspends.
PIRN_EXPORT std::vector<stack_site> stack_sites();

// stack_report: the same as text, one line for each place. Thread-safe. Never suspends.
PIRN_EXPORT std::string stack_report();

// forget_stack_sites: begins anew. Thread-safe. Never suspends.
PIRN_EXPORT void forget_stack_sites() noexcept;

} // namespace pirn
