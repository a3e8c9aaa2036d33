// SPDX-License-Identifier: MIT
//
// The account, kept per thread and added up by whoever asks. A thing may begin on one thread and end
// on another: then one part goes below zero and the sum is still right.
//
// Shared state:
//   part::counts    written by its thread only (relaxed), read by live() (relaxed)
//   registry        every thread's part, and the sum left behind by threads that ended; under a mutex
#include <pirn/base/live.hpp>

#include <pirn/base/config.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>

namespace pirn {
namespace {

enum kind : std::size_t { coroutines, operations, descriptors, timers, kinds };

struct part {
    std::array<std::atomic<std::int64_t>, kinds> counts{};
    part* next = nullptr;
};

struct registry {
    std::mutex mutex;
    part* first = nullptr;
    std::array<std::int64_t, kinds> retired{};
};

registry& parts() {
    // Never destroyed: threads may end after the static destructors of the main one have run.
    static registry* const instance = new registry;
    return *instance;
}

// The part of a thread: registered on first use, folded into the retired sum at the thread's end.
struct registration {
    registration() {
        registry& all = parts();
        const std::scoped_lock lock{all.mutex};
        mine.next = all.first;
        all.first = &mine;
    }
    ~registration();
    part mine;
};

// The pointer has no constructor, so reading it is one instruction without a guard.
constinit thread_local part* current = nullptr;
constinit thread_local bool ended = false;

registration::~registration() {
    registry& all = parts();
    const std::scoped_lock lock{all.mutex};
    for (std::size_t i = 0; i < kinds; ++i) {
        all.retired[i] += mine.counts[i].load(std::memory_order_relaxed);
    }
    part** link = &all.first;
    while (*link != &mine) {
        link = &(*link)->next;
    }
    *link = mine.next;
    current = nullptr;
    ended = true;
}

PIRN_COLD void count_slowly(kind what, int change) {
    if (ended) {
        // Another thread_local destructor still counts after ours ran.
        registry& all = parts();
        const std::scoped_lock lock{all.mutex};
        all.retired[what] += change;
        return;
    }
    thread_local registration here;
    current = &here.mine;
    here.mine.counts[what].store(here.mine.counts[what].load(std::memory_order_relaxed) + change,
                                 std::memory_order_relaxed);
}

void count(kind what, int change) noexcept {
    part* here = current;
    if (PIRN_UNLIKELY(here == nullptr)) {
        count_slowly(what, change);
        return;
    }
    std::atomic<std::int64_t>& counter = here->counts[what];
    counter.store(counter.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
}

} // namespace

live_counts live() noexcept {
    registry& all = parts();
    const std::scoped_lock lock{all.mutex};
    std::array<std::int64_t, kinds> sum = all.retired;
    for (const part* at = all.first; at != nullptr; at = at->next) {
        for (std::size_t i = 0; i < kinds; ++i) {
            sum[i] += at->counts[i].load(std::memory_order_relaxed);
        }
    }
    return {sum[coroutines], sum[operations], sum[descriptors], sum[timers]};
}

std::string to_string(const live_counts& counts) {
    return "LIVE coroutines=" + std::to_string(counts.coroutines) +
           " operations=" + std::to_string(counts.operations) +
           " descriptors=" + std::to_string(counts.descriptors) +
           " timers=" + std::to_string(counts.timers);
}

namespace detail {

void count_coroutines(int change) noexcept { count(coroutines, change); }
void count_operations(int change) noexcept { count(operations, change); }
void count_descriptors(int change) noexcept { count(descriptors, change); }
void count_timers(int change) noexcept { count(timers, change); }

} // namespace detail
} // namespace pirn
