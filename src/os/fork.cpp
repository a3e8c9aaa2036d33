// SPDX-License-Identifier: MIT
//
// Counting forks.
#include "os/fork.hpp"

#include <mutex>
#include <new>
#include <vector>

#include <pthread.h>

namespace pirn::os {

namespace detail {
std::atomic<unsigned> generation{0};
}

void watch_forks() {
    // Once in a process and all its descendants, which inherit the handler.
    static const int error = ::pthread_atfork(
        nullptr, nullptr, [] { detail::generation.fetch_add(1, std::memory_order_relaxed); });
    if (error != 0) {
        throw std::bad_alloc{};
    }
}

void leave_for_good(void* what) noexcept {
    static std::mutex mutex;
    static auto& left = *new std::vector<void*>; // outlives all statics
    const std::scoped_lock lock{mutex};
    try {
        left.push_back(what);
    } catch (const std::bad_alloc&) {
        return; // a leak, then
    }
}

} // namespace pirn::os
