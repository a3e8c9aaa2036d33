// SPDX-License-Identifier: MIT
//
// The small lock: one at a time, with threads and without.
#include <pirn/base/spin_lock.hpp>

#include <thread>
#include <vector>

#include <gtest/gtest.h>

using pirn::detail::holding;
using pirn::detail::spin_lock;

namespace {

TEST(spin_lock, lets_one_thread_in_at_a_time) {
    spin_lock guard;
    long count = 0; // plain: a race would lose some, and ThreadSanitizer would say so
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                for (int k = 0; k < 20'000; ++k) {
                    const holding held{guard};
                    ++count;
                }
            });
        }
    }
    EXPECT_EQ(count, 80'000);
}

TEST(spin_lock, is_released_early_once) {
    spin_lock guard;
    {
        holding first{guard};
        first.release();
        const holding second{guard}; // would wait for ever
        first.release();             // of what it does not have any more
    }
    const holding third{guard};
}

TEST(spin_lock, is_left_alone_where_nothing_is_shared) {
    spin_lock guard;
    const holding held{guard};
    const holding nothing{guard, false}; // would wait for ever
}

} // namespace
