// SPDX-License-Identifier: MIT
//
// Signals that arrive on coroutine stacks, and in the middle of a switch (hazards 12 and 13).
#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/generator.hpp>

#include "support/sanitizers.hpp"
#include "support/stacks.hpp"
#include "support/unwinding.hpp"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>
#include <sys/time.h>

namespace {

volatile std::sig_atomic_t arrived = 0;

// Raises SIGPROF many thousand times a second of processor time, while it lives.
class signal_storm {
  public:
    signal_storm(void (*handler)(int), int flags) {
        arrived = 0;
        struct sigaction action{};
        action.sa_handler = handler;
        action.sa_flags = SA_RESTART | flags;
        ::sigaction(SIGPROF, &action, nullptr);
        const itimerval often{{0, 50}, {0, 50}};
        ::setitimer(ITIMER_PROF, &often, nullptr);
    }
    ~signal_storm() {
        const itimerval never{};
        ::setitimer(ITIMER_PROF, &never, nullptr);
        // Not back to its default: under valgrind one may still come, later than the timer's end.
        ::signal(SIGPROF, SIG_IGN);
    }
    signal_storm(const signal_storm&) = delete;
    signal_storm& operator=(const signal_storm&) = delete;
};

// Much time: the signals count processor time, of which a busy machine has little to give.
constexpr std::chrono::seconds much_time{40};

// Switches among coroutines until so many signals have come, or much time has passed.
void switch_until(int signals, std::vector<pirn::coroutine<std::uint64_t>>& all) {
    const auto late = std::chrono::steady_clock::now() + much_time;
    std::uint64_t round = 0;
    while (arrived < signals && std::chrono::steady_clock::now() < late) {
        for (int i = 0; i < 1000; ++i) {
            for (auto& one : all) {
                ASSERT_EQ(one.next(), round);
            }
            ++round;
        }
    }
    EXPECT_GE(arrived, signals) << "the timer is slower than the test expects";
}

class signals : public support::on_each_stack {
  protected:
    std::vector<pirn::coroutine<std::uint64_t>> some(std::size_t count) {
        std::vector<pirn::coroutine<std::uint64_t>> all;
        for (std::size_t i = 0; i < count; ++i) {
            all.emplace_back(stack(), [](auto& self) {
                for (std::uint64_t n = 0;; ++n) {
                    self.yield(n);
                }
            });
        }
        return all;
    }
};
INSTANTIATE_TEST_SUITE_P(on, signals, support::every_stack_kind(), support::name_of);

TEST_P(signals, may_arrive_at_any_moment_of_a_switch) {
    auto all = some(3);
    const signal_storm prof{[](int) { arrived = arrived + 1; }, 0};
    switch_until(200 / support::slowness, all);
}

TEST_P(signals, may_use_the_alternate_stack) {
    SKIP_WHEN(
        support::under_thread_sanitizer,
        "ThreadSanitizer calls a handler later, when the thread comes by one of its interceptors, "
        "and on the stack that it finds there");
    auto all = some(3);
    // The thread has an alternate stack from its first resume on.
    all[0].resume();
    for (std::size_t i = 1; i < all.size(); ++i) {
        all[i].resume();
    }
    static bool on_alternate = false;
    on_alternate = false;
    {
        const signal_storm prof{[](int) {
                                    stack_t now{};
                                    ::sigaltstack(nullptr, &now);
                                    on_alternate = (now.ss_flags & SS_ONSTACK) != 0;
                                    arrived = arrived + 1;
                                },
                                SA_ONSTACK};
        const auto late = std::chrono::steady_clock::now() + much_time;
        while (arrived < 50 && std::chrono::steady_clock::now() < late) {
            for (auto& one : all) {
                one.resume();
            }
        }
    }
    EXPECT_GE(arrived, 50);
    EXPECT_TRUE(on_alternate);
}

TEST_P(signals, handlers_may_walk_the_stack_in_the_middle_of_a_switch) {
    SKIP_WHEN(support::under_sanitizer, "unwinding from a signal handler is not theirs to bear");
    auto all = some(3);
    const signal_storm prof{[](int) {
                                int frames = 0;
                                _Unwind_Backtrace(
                                    [](_Unwind_Context*, void* count) {
                                        return ++*static_cast<int*>(count) < 50
                                                   ? _URC_NO_REASON
                                                   : support::stop_walking;
                                    },
                                    &frames);
                                arrived = arrived + 1;
                            },
                            0};
    switch_until(200 / support::slowness, all);
}

TEST_P(signals, handlers_may_run_coroutines_of_their_own) {
    auto all = some(2);
    // A thread's first stack is mapped, which is nothing for a handler: here it has one already.
    pirn::generator<int>{[](auto& yield) { yield(0); }}.begin();
    // Not in the middle of a switch, where the thread is in two places: raised between two of them.
    static bool right = false;
    right = false;
    struct sigaction before{};
    struct sigaction action{};
    action.sa_handler = [](int) {
        int sum = 0;
        for (const int i : pirn::generator<int>{[](auto& yield) {
                 yield(1);
                 yield(2);
             }}) {
            sum += i;
        }
        right = sum == 3;
    };
    ::sigaction(SIGUSR1, &action, &before);
    pirn::coroutine<> raises{stack(), [&] {
                                 EXPECT_EQ(all[0].next(), 0U);
                                 std::raise(SIGUSR1);
                                 EXPECT_EQ(all[0].next(), 1U);
                             }};
    raises.resume();
    ::sigaction(SIGUSR1, &before, nullptr);
    EXPECT_TRUE(right);
}

} // namespace
