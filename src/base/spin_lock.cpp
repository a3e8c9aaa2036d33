// SPDX-License-Identifier: MIT
//
// Waiting for the lock of a few instructions.
#include <pirn/base/spin_lock.hpp>

#include <thread>

namespace pirn::detail {
namespace {

// How often to look at a lock before letting another thread run: the holder needs some tens of cycles, unless
// the kernel has taken its processor away.
constexpr int looks_before_yield = 64;

} // namespace

void spin_lock::lock_slowly() noexcept {
    int looks = 0;
    do {
        // Looking does not take the line from the holder; only the exchange does.
        while (held_.load(std::memory_order_relaxed) != 0) {
            if (++looks >= looks_before_yield) {
                looks = 0;
                std::this_thread::yield();
            }
        }
    } while (held_.exchange(1, std::memory_order_acquire) != 0); // pairs with the release in unlock
}

} // namespace pirn::detail
