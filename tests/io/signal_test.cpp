// SPDX-License-Identifier: MIT
//
// Signals, waited for by a task.
#include <pirn/io/signal.hpp>

#include <pirn/base/error.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"
#include "support/sanitizers.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <initializer_list>
#include <iterator>
#include <list>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

using signals = support::balanced<>;
using pirn::io::signal_set;
using namespace std::chrono_literals;

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
    handled = 0;
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

TEST_F(signals, named_twice_are_given_back_all_the_same) {
    struct sigaction mine{};
    mine.sa_handler = [](int) { ++handled; };
    mine.sa_flags = SA_NODEFER;
    sigaddset(&mine.sa_mask, SIGUSR2);
    struct sigaction before{};
    ::sigaction(SIGUSR1, &mine, &before);
    {
        const signal_set wanted{SIGUSR1, SIGUSR1};
    }
    struct sigaction left{};
    ::sigaction(SIGUSR1, &before, &left);
    EXPECT_EQ(left.sa_handler, mine.sa_handler);
    EXPECT_TRUE((left.sa_flags & SA_NODEFER) != 0) << "with its flags";
    EXPECT_EQ(sigismember(&left.sa_mask, SIGUSR2), 1) << "and its mask";
}

TEST_F(signals, that_have_come_do_not_outlast_a_request_to_stop) {
    pirn::run([] {
        signal_set wanted{SIGUSR1};
        ::raise(SIGUSR1);
        auto waiting = pirn::spawn([&] { wanted.wait(); });
        waiting.request_stop();
        EXPECT_THROW(waiting.get(), pirn::cancelled);
        EXPECT_EQ(wanted.wait(), SIGUSR1) << "and are not lost either";
    });
}

TEST_F(signals, of_the_same_kind_are_one_until_somebody_looks) {
    pirn::run([] {
        signal_set wanted{SIGUSR1, SIGUSR2};
        for (int i = 0; i < 5; ++i) ::raise(SIGUSR1);
        EXPECT_EQ(wanted.wait(), SIGUSR1);
        ::raise(SIGUSR2);
        EXPECT_EQ(wanted.wait(), SIGUSR2);
    });
}

TEST_F(signals, are_waited_for_again_and_again_without_a_ring_that_is_left_over) {
    pirn::run([] {
        signal_set wanted{SIGUSR1};
        for (int round = 0; round < 100; ++round) {
            if (round % 2 == 0) ::raise(SIGUSR1);
            auto waiting = pirn::spawn([&] { EXPECT_EQ(wanted.wait(), SIGUSR1); });
            pirn::yield_now();
            if (round % 2 != 0) ::raise(SIGUSR1);
            waiting.get();
        }
        EXPECT_EQ(pirn::live().operations, 0);
    });
}

TEST_F(signals, reach_every_set_however_many_there_are) {
    pirn::run([] {
        std::list<signal_set> sets;
        for (int i = 0; i < 100; ++i) sets.emplace_back(std::initializer_list{SIGUSR1});
        ::raise(SIGUSR1);
        for (signal_set& each : sets) EXPECT_EQ(each.wait(), SIGUSR1);
        sets.pop_front();
        sets.pop_back();
        sets.erase(std::next(sets.begin(), 40));
        sets.emplace_back(std::initializer_list{SIGUSR1});
        ::raise(SIGUSR1);
        for (signal_set& each : sets) EXPECT_EQ(each.wait(), SIGUSR1);
    });
}

TEST_F(signals, without_descriptors_for_a_set_are_an_error_that_the_caller_can_handle) {
    struct rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    pirn::run([&] {
        const struct rlimit few{64, before.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &few);
        std::list<signal_set> sets;
        std::error_code error;
        while (!error) {
            try {
                sets.emplace_back(std::initializer_list{SIGUSR1});
            } catch (const std::system_error& refused) {
                error = refused.code();
            }
        }
        EXPECT_EQ(error, std::errc::too_many_files_open);
        ::raise(SIGUSR1);
        for (signal_set& each : sets) EXPECT_EQ(each.wait(), SIGUSR1);
        sets.clear();
    });
    ::setrlimit(RLIMIT_NOFILE, &before);
    struct sigaction left{};
    ::sigaction(SIGUSR1, nullptr, &left);
    EXPECT_EQ(left.sa_handler, SIG_DFL);
}

// blocked_everywhere: signals that no thread of the process lets through while it lives. Threads that there are
// already have their own mask: the pool's block everything.
class blocked_everywhere {
  public:
    explicit blocked_everywhere(std::initializer_list<int> signals) {
        ::sigemptyset(&mine_);
        for (const int signal : signals) ::sigaddset(&mine_, signal);
        ::pthread_sigmask(SIG_BLOCK, &mine_, &before_);
    }
    blocked_everywhere(const blocked_everywhere&) = delete;
    blocked_everywhere& operator=(const blocked_everywhere&) = delete;
    ~blocked_everywhere() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  private:
    sigset_t mine_{};
    sigset_t before_{};
};

TEST_F(signals, that_all_threads_block_arrive_too) {
    const blocked_everywhere blocked{SIGUSR1, SIGUSR2};
    for (const std::size_t threads : {1U, 4U}) {
        pirn::run({.threads = threads}, [] {
            signal_set one{SIGUSR1, SIGUSR2};
            signal_set other{SIGUSR2};
            auto sender = pirn::spawn([] { ::kill(::getpid(), SIGUSR2); });
            EXPECT_EQ(one.wait(), SIGUSR2);
            EXPECT_EQ(other.wait(), SIGUSR2) << "each set sees it";
            sender.get();
            ::kill(::getpid(), SIGUSR1);
            EXPECT_EQ(one.try_wait(), SIGUSR1);
            EXPECT_EQ(one.try_wait(), std::nullopt);
            EXPECT_EQ(other.try_wait(), std::nullopt);
            std::thread outside{[] { ::kill(::getpid(), SIGUSR1); }};
            EXPECT_EQ(one.wait(), SIGUSR1);
            outside.join();
            auto waiting = pirn::spawn({.worker = pirn::this_worker}, [&] { one.wait(); });
            pirn::yield_now();
            waiting.request_stop();
            EXPECT_THROW(waiting.get(), pirn::cancelled);
        });
    }
    sigset_t left;
    ::sigpending(&left);
    EXPECT_EQ(sigismember(&left, SIGUSR1), 0);
    sigset_t mask;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    EXPECT_EQ(sigismember(&mask, SIGUSR1), 1) << "the thread's mask is as it was";
}

TEST_F(signals, that_were_pending_before_the_set_was_made_are_seen) {
    const blocked_everywhere blocked{SIGUSR1};
    ::kill(::getpid(), SIGUSR1);
    pirn::run([] {
        signal_set wanted{SIGUSR1};
        EXPECT_EQ(wanted.wait(), SIGUSR1);
    });
}

TEST_F(signals, that_one_thread_blocks_are_seen_once_each) {
    const blocked_everywhere blocked{SIGUSR1};
    std::atomic<bool> stop{false};
    std::thread lets_them_through{[&stop] {
        sigset_t none;
        ::sigemptyset(&none);
        ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
        while (!stop) std::this_thread::yield();
    }};
    pirn::run([] {
        signal_set wanted{SIGUSR1};
        for (int round = 0; round < 200; ++round) {
            ::kill(::getpid(), SIGUSR1);
            ASSERT_EQ(wanted.wait(), SIGUSR1);
            ASSERT_EQ(wanted.try_wait(), std::nullopt);
        }
    });
    stop = true;
    lets_them_through.join();
}

// A handler on one thread looks at the sets while another thread destroys them.
TEST_F(signals, may_come_while_sets_come_and_go) {
    const signal_set keeps_the_handler{SIGUSR1};
    std::atomic<bool> stop{false};
    std::thread storm{[&] {
        while (!stop) ::raise(SIGUSR1);
    }};
    for (int round = 0; round < 1'000; ++round) {
        const signal_set one{SIGUSR1};
        const signal_set other{SIGUSR1, SIGUSR2};
    }
    stop = true;
    storm.join();
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
    const std::pair<int, std::string> refused[]{
        {0, "no signal 0"},      {-1, "no signal -1"},        {65, "no signal 65"},
        {1 << 30, "no signal"},  {SIGKILL, "SIGKILL cannot"}, {SIGSTOP, "SIGSTOP cannot"},
        {SIGSEGV, "SIGSEGV is"}, {SIGBUS, "SIGBUS is"},       {SIGFPE, "SIGFPE is"},
        {SIGILL, "SIGILL is"},
    };
    struct sigaction segv{};
    ::sigaction(SIGSEGV, nullptr, &segv);
    for (const auto& [bad, words] : refused) {
        try {
            signal_set{SIGUSR1, bad};
            ADD_FAILURE() << bad;
        } catch (const std::system_error& thrown) {
            EXPECT_EQ(thrown.code(), std::errc::invalid_argument) << bad;
            EXPECT_NE(std::string{thrown.what()}.find(words), std::string::npos) << thrown.what();
        }
    }
    EXPECT_THROW((signal_set{SIGUSR1, 32}), std::system_error) << "the C library's own";
    struct sigaction segv_now{};
    ::sigaction(SIGSEGV, nullptr, &segv_now);
    EXPECT_EQ(segv_now.sa_handler, segv.sa_handler);
    struct sigaction left{};
    ::sigaction(SIGUSR1, nullptr, &left);
    EXPECT_EQ(left.sa_handler, SIG_DFL) << "what was begun before the refusal is undone";
}

TEST_F(signals, are_a_range_and_can_be_looked_for) {
    pirn::run([] {
        signal_set wanted{SIGUSR1, SIGUSR2};
        EXPECT_EQ(wanted.try_wait(), std::nullopt);
        ::raise(SIGUSR2);
        EXPECT_EQ(wanted.try_wait(), SIGUSR2);
        EXPECT_EQ(wanted.try_wait(), std::nullopt);
        int count = 0;
        auto sender = pirn::spawn([&count] {
            for (int i = 0; i < 3; ++i) {
                ::raise(SIGUSR1);
                // Two that come before the task looks would be one.
                while (count == i) pirn::sleep_for(1ms);
            }
            ::raise(SIGUSR2);
        });
        for (const int signal : wanted) {
            if (signal == SIGUSR2) break;
            ++count;
        }
        EXPECT_EQ(count, 3);
        sender.get();
        auto stopped = pirn::spawn([&] {
            std::error_code error;
            EXPECT_EQ(wanted.wait(error), 0);
            EXPECT_EQ(error, std::errc::operation_canceled);
        });
        pirn::yield_now();
        stopped.request_stop();
        stopped.get();
    });
}

TEST_F(signals, from_another_thread_arrive_however_many_there_are) {
    pirn::run([] {
        signal_set wanted{SIGUSR1, SIGWINCH};
        std::atomic<bool> arrived{false};
        std::thread storm{[&arrived] {
            for (int i = 0; i < 2000; ++i) ::kill(::getpid(), SIGUSR1);
            ::kill(::getpid(), SIGWINCH);
            // ThreadSanitizer loses a signal with the fiber in which it arrived (docs/debugging.md).
            while (support::under_thread_sanitizer && !arrived.load()) {
                std::this_thread::sleep_for(20ms);
                ::kill(::getpid(), SIGWINCH);
            }
        }};
        while (wanted.wait() != SIGWINCH) {
        }
        arrived.store(true);
        storm.join();
    });
}

} // namespace
