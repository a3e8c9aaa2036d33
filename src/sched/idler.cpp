// SPDX-License-Identifier: MIT
//
// The idler for a life without IO: a condition variable.
//
// Shared state: `woken`, under the mutex.
#include "sched/condition_idler.hpp"

namespace pirn {

idler::~idler() = default;

namespace detail {

void condition_idler::poll() {
    const std::scoped_lock lock{mutex_};
    woken_ = false;
}

void condition_idler::wait() {
    std::unique_lock lock{mutex_};
    condition_.wait(lock, [this] { return woken_; });
    woken_ = false;
}

void condition_idler::wait_until(time_point deadline) {
    std::unique_lock lock{mutex_};
    condition_.wait_until(lock, deadline, [this] { return woken_; });
    woken_ = false;
}

void condition_idler::wake() noexcept {
    {
        const std::scoped_lock lock{mutex_};
        woken_ = true;
    }
    condition_.notify_one();
}

} // namespace detail
} // namespace pirn
