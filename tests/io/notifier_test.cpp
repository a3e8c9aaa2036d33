// SPDX-License-Identifier: MIT
//
// Waking a task from anywhere.
#include <pirn/io/notifier.hpp>

#include <pirn/base/error.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"
#include "support/misuse.hpp"

#include <atomic>
#include <csignal>
#include <system_error>
#include <thread>

#include <gtest/gtest.h>

namespace {

using notifiers = support::balanced<>;
using pirn::io::notifier;

TEST_F(notifiers, wake_a_task_from_another_thread) {
    pirn::run([] {
        notifier bell;
        int value = 0;
        std::thread other{[&] {
            value = 42;
            bell.notify();
        }};
        bell.wait();
        EXPECT_EQ(value, 42);
        other.join();
    });
}

TEST_F(notifiers, take_several_notifications_for_one) {
    pirn::run([] {
        notifier bell;
        EXPECT_FALSE(bell.try_wait());
        for (int i = 0; i < 5; ++i) bell.notify();
        bell.wait();
        EXPECT_FALSE(bell.try_wait());
        bell.notify();
        EXPECT_TRUE(bell.try_wait());
        auto waiting = pirn::spawn([&] { bell.wait(); });
        pirn::yield_now();
        pirn::sleep_for(std::chrono::milliseconds{1});
        EXPECT_FALSE(waiting.done()) << "a ring that was left over is none";
        bell.notify();
        waiting.get();
    });
}

notifier* in_handler = nullptr;

TEST_F(notifiers, may_be_rung_by_a_signal_handler) {
    pirn::run([] {
        notifier bell;
        in_handler = &bell;
        const auto before = ::signal(SIGUSR1, [](int) { in_handler->notify(); });
        auto sender = pirn::spawn([] { ::raise(SIGUSR1); });
        bell.wait();
        ::signal(SIGUSR1, before);
    });
}

TEST_F(notifiers, lose_none_whatever_the_order) {
    pirn::run([] {
        notifier there;
        notifier back;
        std::atomic<int> turn{0};
        constexpr int rounds = 20'000;
        std::thread other{[&] {
            for (int i = 0; i < rounds; ++i) {
                while (turn.load() != i) std::this_thread::yield();
                there.notify();
            }
        }};
        for (int i = 0; i < rounds; ++i) {
            there.wait();
            turn.store(i + 1);
        }
        other.join();
    });
}

TEST_F(notifiers, stop_being_waited_for_when_the_task_is_asked_to_stop) {
    pirn::run([] {
        notifier bell;
        auto waiting = pirn::spawn([&] {
            std::error_code error;
            bell.wait(error);
            EXPECT_EQ(error, std::errc::operation_canceled);
            bell.notify();
            EXPECT_THROW(bell.wait(), pirn::cancelled);
        });
        pirn::yield_now();
        waiting.request_stop();
        waiting.get();
        bell.wait(); // what had come is not lost
    });
}

TEST_F(notifiers, are_waited_for_by_one_task) {
    pirn::run([] {
        notifier bell;
        auto waiting = pirn::spawn([&] { bell.wait(); });
        pirn::yield_now();
        EXPECT_TRUE(
            support::complains([&] { bell.wait(); }, "two tasks wait for the same notifier"));
        bell.notify();
        waiting.get();
    });
}

} // namespace
