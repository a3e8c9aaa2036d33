// SPDX-License-Identifier: MIT
//
// Signals, waited for by a task.
#include <pirn/io/signal.hpp>

#include <pirn/base/error.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"

#include <atomic>
#include <csignal>
#include <system_error>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

using signals = support::balanced<>;
using pirn::io::signal_set;

TEST_F(signals, wake_the_task_that_waits_for_them) {
    pirn::run([] {
        signal_set wanted{SIGUSR1, SIGUSR2};
        auto sender = pirn::spawn([] { ::kill(::getpid(), SIGUSR2); });
        EXPECT_EQ(wanted.wait(), SIGUSR2);
    });
}

TEST_F(signals, that_come_before_the_wait_are_not_lost) {
    pirn::run([] {
        signal_set wanted{SIGUSR1, SIGUSR2};
        ::raise(SIGUSR2);
        ::raise(SIGUSR1);
        EXPECT_EQ(wanted.wait(), SIGUSR1);
        EXPECT_EQ(wanted.wait(), SIGUSR2);
    });
}

TEST_F(signals, are_seen_by_each_set_that_wants_them) {
    pirn::run([] {
        signal_set one{SIGUSR1};
        signal_set other{SIGUSR1, SIGUSR2};
        ::raise(SIGUSR1);
        EXPECT_EQ(one.wait(), SIGUSR1);
        EXPECT_EQ(other.wait(), SIGUSR1);
    });
}

std::atomic<int> handled{0};

TEST_F(signals, do_again_afterwards_what_they_did_before) {
    struct sigaction mine{};
    mine.sa_handler = [](int) { ++handled; };
    struct sigaction before{};
    ::sigaction(SIGUSR1, &mine, &before);
    {
        const signal_set wanted{SIGUSR1};
        const signal_set another{SIGUSR1};
        ::raise(SIGUSR1);
        EXPECT_EQ(handled, 0);
    }
    ::raise(SIGUSR1);
    EXPECT_EQ(handled, 1);
    ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_F(signals, stop_being_waited_for_when_the_task_is_asked_to_stop) {
    pirn::run([] {
        signal_set wanted{SIGUSR1};
        auto waiting = pirn::spawn([&] { EXPECT_THROW(wanted.wait(), pirn::cancelled); });
        pirn::yield_now();
        waiting.request_stop();
        waiting.get();
        ::raise(SIGUSR1);
        EXPECT_EQ(wanted.wait(), SIGUSR1) << "the set is as good as before";
    });
}

TEST_F(signals, that_do_not_exist_or_cannot_be_caught_are_refused) {
    for (const int bad : {0, -1, 65, SIGKILL, SIGSTOP}) {
        EXPECT_THROW((signal_set{SIGUSR1, bad}), std::system_error) << bad;
    }
    struct sigaction left{};
    ::sigaction(SIGUSR1, nullptr, &left);
    EXPECT_EQ(left.sa_handler, SIG_DFL) << "what was begun before the refusal is undone";
}

TEST_F(signals, from_another_thread_arrive_however_many_there_are) {
    pirn::run([] {
        signal_set wanted{SIGUSR1, SIGUSR2};
        std::thread storm{[] {
            for (int i = 0; i < 2000; ++i) ::kill(::getpid(), SIGUSR1);
            ::kill(::getpid(), SIGUSR2);
        }};
        while (wanted.wait() != SIGUSR2) {
        }
        storm.join();
    });
}

} // namespace
