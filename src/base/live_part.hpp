// SPDX-License-Identifier: MIT
//
// One thread's part of the account, and how to count without a call: creating a coroutine is short
// enough for two calls to be seen.
#pragma once

#include <pirn/base/config.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace pirn::detail {

enum class live_kind : std::size_t { coroutines, operations, descriptors, timers };
inline constexpr std::size_t live_kinds = 4;

struct live_part {
    std::array<std::atomic<std::int64_t>, live_kinds> counts{};
    live_part* next = nullptr;
};

// The calling thread's part; null before its first count and after its last.
extern constinit thread_local live_part* current_live_part
    __attribute__((tls_model("initial-exec")));

PIRN_COLD void count_live_slowly(live_kind what, int change) noexcept;

// live_is_counted_here: whether the next count_live will be short.
inline bool live_is_counted_here() noexcept { return current_live_part != nullptr; }

// count_live: a load and a store. Only this thread writes the counter, so it needs no atomic addition,
// which would cost more than all the rest of creating a coroutine.
inline void count_live(live_kind what, int change) noexcept {
    live_part* here = current_live_part;
    if (PIRN_UNLIKELY(here == nullptr)) {
        count_live_slowly(what, change);
        return;
    }
    std::atomic<std::int64_t>& counter = here->counts[static_cast<std::size_t>(what)];
    counter.store(counter.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
}

} // namespace pirn::detail
