// SPDX-License-Identifier: MIT
//
// The account, kept per thread and added up by whoever asks. A thing may begin on one thread and end
// on another: then one part goes below zero and the sum is still right.
//
// Shared state:
//   live_part::counts    written by its thread only (relaxed), read by live() (relaxed)
//   registry        every thread's part, and the sum left behind by threads that ended; under a mutex
#include <pirn/base/live.hpp>

#include "base/live_part.hpp"

#include <array>
#include <mutex>

namespace pirn {

namespace detail {

constinit thread_local live_part* current_live_part = nullptr;

namespace {

struct registry {
    std::mutex mutex;
    live_part* first = nullptr;
    std::array<std::int64_t, live_kinds> retired{};
};

registry& parts() {
    // Never destroyed: threads may end after the static destructors of the main one have run.
    static registry* const instance = new registry;
    return *instance;
}

constinit thread_local bool ended = false;

// The part of a thread: registered on first use, folded into the retired sum at the thread's end.
struct registration {
    registration() {
        registry& all = parts();
        const std::scoped_lock lock{all.mutex};
        mine.next = all.first;
        all.first = &mine;
    }
    ~registration() {
        registry& all = parts();
        const std::scoped_lock lock{all.mutex};
        for (std::size_t i = 0; i < live_kinds; ++i) {
            all.retired[i] += mine.counts[i].load(std::memory_order_relaxed);
        }
        live_part** link = &all.first;
        while (*link != &mine) {
            link = &(*link)->next;
        }
        *link = mine.next;
        current_live_part = nullptr;
        ended = true;
    }
    registration(const registration&) = delete;
    registration& operator=(const registration&) = delete;

    live_part mine;
};

} // namespace

void count_live_slowly(live_kind what, int change) noexcept {
    if (ended) {
        // Another thread_local destructor still counts after ours ran.
        registry& all = parts();
        const std::scoped_lock lock{all.mutex};
        all.retired[static_cast<std::size_t>(what)] += change;
        return;
    }
    thread_local registration here;
    current_live_part = &here.mine;
    count_live(what, change);
}

void count_coroutines(int change) noexcept { count_live(live_kind::coroutines, change); }
void count_operations(int change) noexcept { count_live(live_kind::operations, change); }
void count_descriptors(int change) noexcept { count_live(live_kind::descriptors, change); }
void count_timers(int change) noexcept { count_live(live_kind::timers, change); }

} // namespace detail

live_counts live() noexcept {
    detail::registry& all = detail::parts();
    const std::scoped_lock lock{all.mutex};
    std::array<std::int64_t, detail::live_kinds> sum = all.retired;
    for (const detail::live_part* at = all.first; at != nullptr; at = at->next) {
        for (std::size_t i = 0; i < detail::live_kinds; ++i) {
            sum[i] += at->counts[i].load(std::memory_order_relaxed);
        }
    }
    return {sum[0], sum[1], sum[2], sum[3]};
}

std::string to_string(const live_counts& counts) {
    return "LIVE coroutines=" + std::to_string(counts.coroutines) +
           " operations=" + std::to_string(counts.operations) +
           " descriptors=" + std::to_string(counts.descriptors) +
           " timers=" + std::to_string(counts.timers);
}

} // namespace pirn
