// SPDX-License-Identifier: MIT
//
// Thread-local variables across a switch that comes back on another thread (hazard 2).
#include <pirn/arch/thread_local.hpp>

#include "arch/side.hpp"
#include "support/sanitizers.hpp"

#include <semaphore>
#include <thread>

#include <gtest/gtest.h>

#if PIRN_THREAD_LOCAL_INLINE

extern "C" {
PIRN_THREAD_LOCAL extern thread_local constinit int pirn_test_thread_number;
PIRN_THREAD_LOCAL thread_local constinit int pirn_test_thread_number = 0;
}

namespace {

PIRN_ALWAYS_INLINE int& thread_number() {
    return *PIRN_THREAD_LOCAL_ADDRESS(int, pirn_test_thread_number);
}

TEST(thread_local_address, is_the_variables) {
    EXPECT_EQ(&thread_number(), &pirn_test_thread_number);
    std::thread{[here = &thread_number()] {
        EXPECT_EQ(&thread_number(), &pirn_test_thread_number);
        EXPECT_NE(&thread_number(), here);
    }}.join();
}

TEST(thread_local_address, is_found_again_after_each_of_many_migrations) {
    constexpr int rounds = 20'000 / support::slowness;
    static int wrong = 0;
    wrong = 0;
    side wanderer{[](pirn::arch::context* own) {
        side& self = side::arrived(own);
        for (int round = 0;; ++round) {
            // Even rounds run on the first thread, odd ones on the second.
            wrong += thread_number() != 1 + round % 2 ? 1 : 0;
            self.back();
        }
    }};
    std::binary_semaphore turn_of_second{0};
    std::binary_semaphore turn_of_first{0};
    std::thread second{[&] {
        thread_number() = 2;
        for (int i = 0; i < rounds; ++i) {
            turn_of_second.acquire();
            wanderer.go();
            turn_of_first.release();
        }
    }};
    thread_number() = 1;
    for (int i = 0; i < rounds; ++i) {
        wanderer.go();
        turn_of_second.release();
        turn_of_first.acquire();
    }
    second.join();
    EXPECT_EQ(wrong, 0);
}

} // namespace

#endif
