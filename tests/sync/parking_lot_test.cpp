// SPDX-License-Identifier: MIT
//
// The queue under all primitives: a wait is ended once, whichever side is faster.
#include <pirn/sync/parking_lot.hpp>

#include <pirn/base/time.hpp>

#include "support/account.hpp"

#include <atomic>
#include <chrono>
#include <ctime>
#include <thread>

#include <gtest/gtest.h>
#include <pthread.h>

namespace {

using parking_lot = support::balanced<>;
using namespace std::chrono_literals;
namespace detail = pirn::detail;

// time_of: what a thread has used of a processor so far.
std::chrono::nanoseconds time_of(std::thread& thread) {
    clockid_t clock{};
    timespec used{};
    EXPECT_EQ(::pthread_getcpuclockid(thread.native_handle(), &clock), 0);
    EXPECT_EQ(::clock_gettime(clock, &used), 0);
    return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

// The request to stop has seen the place in the queue, and waits for the lock; meanwhile the place is taken, and its
// sleeper is owed an unpark. The request finds that when it looks again, and does nothing.
TEST_F(parking_lot, lets_a_request_to_stop_look_again_under_the_lock) {
    detail::spin_lock guard;
    detail::wait_queue queue;
    std::atomic<int> step{0};
    detail::lone_wait sleeper{guard, queue};
    detail::lone_wait behind{guard, queue};
    std::thread asks{[&] {
        step = 1;
        while (step != 2) {
            std::this_thread::yield();
        }
        detail::lone_wait::leave(sleeper);
    }};
    while (step != 1) {
        std::this_thread::yield();
    }
    detail::holding held{guard};
    queue.push(sleeper);
    queue.push(behind);
    const auto before = time_of(asks);
    step = 2;
    // It is a few instructions from there to the lock, at which it spins. Were it not there, it would come too late.
    const auto patience = pirn::after(10s);
    while (time_of(asks) - before < 2ms && pirn::clock::now() < patience) {
        std::this_thread::sleep_for(1ms);
    }
    ASSERT_EQ(queue.take(), &sleeper);
    held.release();
    asks.join();
    EXPECT_FALSE(sleeper.over) << "it was unparked by who came second";
    EXPECT_EQ(queue.front(), &behind);
    EXPECT_EQ(queue.take(), &behind);
    EXPECT_EQ(queue.take(), nullptr);
}

// The same with tasks' own primitives: see storm_test.cpp.
TEST_F(parking_lot, ends_a_wait_that_is_still_in_the_queue_when_asked_to) {
    detail::spin_lock guard;
    detail::wait_queue queue;
    detail::lone_wait sleeper{guard, queue};
    queue.push(sleeper);
    detail::lone_wait::leave(sleeper);
    EXPECT_TRUE(sleeper.over);
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(sleeper.result, detail::outcome::none);
}

} // namespace
