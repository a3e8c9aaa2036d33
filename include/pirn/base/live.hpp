// SPDX-License-Identifier: MIT
//
// The account: how many things of each kind are alive in this process, counted where they begin and
// end. Every program of ours prints it as its last line and every test fixture ends on zeros, so that
// a leak is a failure and not a surprise.
#pragma once

#include <pirn/base/export.hpp>

#include <cstdint>
#include <string>

namespace pirn {

// live_counts: a reading of the account.
struct live_counts {
    std::int64_t coroutines = 0;  // created and not destroyed, tasks included
    std::int64_t operations = 0;  // submitted to an event loop and not completed
    std::int64_t descriptors = 0; // file descriptors that pirn owns
    std::int64_t timers = 0;      // armed and neither expired nor cancelled

    bool operator==(const live_counts&) const = default;
};

// live: the account of the whole process. Exact when the other threads are quiet; while they run, a
// reading that each thread's part had at some moment during the call. Thread-safe. Never suspends.
PIRN_EXPORT live_counts live() noexcept;

// to_string: "LIVE coroutines=0 operations=0 descriptors=0 timers=0". Never suspends.
PIRN_EXPORT std::string to_string(const live_counts& counts);

namespace detail {

// What the rooms above report.
PIRN_EXPORT void count_coroutines(int change) noexcept;
PIRN_EXPORT void count_operations(int change) noexcept;
PIRN_EXPORT void count_descriptors(int change) noexcept;
PIRN_EXPORT void count_timers(int change) noexcept;

} // namespace detail
} // namespace pirn
