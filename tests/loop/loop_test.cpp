// SPDX-License-Identifier: MIT
//
// The loop itself: its modes, its fairness, the wake, what it gives back. What operations do is in
// operations_test.cpp and the files beside it.
#include <pirn/loop/loop.hpp>

#include "support/backends.hpp"
#include "support/child.hpp"
#include "support/misuse.hpp"
#include "support/sanitizers.hpp"
#include "support/sockets.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <deque>
#include <filesystem>
#include <iterator>
#include <thread>
#include <vector>

#include <poll.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using support::connection;

class loop_test : public support::on_each_backend {};
INSTANTIATE_TEST_SUITE_P(loop, loop_test, support::every_backend(), support::name_of_backend);

TEST_P(loop_test, names_the_backend_that_serves) {
    EXPECT_STREQ(loop().backend_name(), by_uring() ? "uring" : "epoll");
}

TEST_P(loop_test, asks_for_sockets_that_are_closed_on_exec) {
    EXPECT_NE(loop().socket_flags() & SOCK_CLOEXEC, 0);
}

// ---- run ------------------------------------------------------------------------------------------

TEST_P(loop_test, until_idle_comes_back_at_once_when_nothing_is_in_flight) {
    EXPECT_EQ(loop().run(), 0U);
}

TEST_P(loop_test, until_idle_runs_everything_and_what_that_submits) {
    support::nop first;
    support::nop second;
    support::timer third{pirn::after(1ms)};
    first.then = [&](auto&) { loop().submit(second); };
    second.then = [&](auto&) { loop().submit(third); };
    loop().submit(first);
    EXPECT_EQ(loop().pending(), 1U);
    EXPECT_EQ(loop().run(), 3U);
    EXPECT_EQ(loop().pending(), 0U);
    EXPECT_TRUE(third.completed_with(0));
}

TEST_P(loop_test, until_idle_gives_up_at_its_deadline_with_operations_still_in_flight) {
    support::timer late{pirn::never};
    loop().submit(late);
    const auto until = pirn::after(2ms);
    EXPECT_EQ(loop().run(run_mode::until_idle, until), 0U);
    EXPECT_GE(pirn::clock::now(), until);
    EXPECT_EQ(loop().pending(), 1U);
    loop().cancel(late);
    EXPECT_EQ(loop().run(), 1U);
}

TEST_P(loop_test, once_waits_for_a_completion) {
    support::timer soon{pirn::after(2ms)};
    loop().submit(soon);
    EXPECT_EQ(loop().run(run_mode::once), 1U);
    EXPECT_GE(pirn::clock::now(), soon.deadline);
}

TEST_P(loop_test, once_gives_up_at_its_deadline_and_not_before) {
    const auto until = pirn::after(3ms);
    EXPECT_EQ(loop().run(run_mode::once, until), 0U);
    EXPECT_GE(pirn::clock::now(), until);
}

TEST_P(loop_test, once_with_a_deadline_in_the_past_looks_and_comes_back) {
    support::nop ready;
    loop().submit(ready);
    EXPECT_EQ(loop().run(run_mode::once, pirn::time_point{}), 1U);
    EXPECT_EQ(loop().run(run_mode::once, pirn::time_point{}), 0U);
}

TEST_P(loop_test, nowait_does_not_wait) {
    connection pair = connection::unix_stream(loop());
    std::array<std::byte, 4> space{};
    support::receive pending{pair.near(), space};
    loop().submit(pending);
    EXPECT_EQ(loop().run(run_mode::nowait), 0U);
    EXPECT_EQ(loop().run(run_mode::nowait), 0U);
    support::say(pair.far(), "warp");
    EXPECT_EQ(loop().run(run_mode::nowait), 1U);
    EXPECT_TRUE(pending.completed_with(4));
}

TEST_P(loop_test, delivers_in_one_turn_all_that_is_ready) {
    std::deque<support::nop> many(100);
    for (support::nop& each : many) {
        loop().submit(each);
    }
    EXPECT_EQ(loop().run(run_mode::once), 100U);
}

// A completion that submits an operation which is done at once must not keep run from returning: the
// next one waits for the next turn.
TEST_P(loop_test, does_not_deliver_in_a_turn_what_that_turn_submits) {
    support::nop again;
    again.then = [&](auto& self) { loop().submit(self); };
    loop().submit(again);
    for (int turn = 1; turn <= 5; ++turn) {
        EXPECT_EQ(loop().run(turn % 2 == 0 ? run_mode::once : run_mode::nowait), 1U);
        EXPECT_EQ(again.completions, turn);
    }
    again.then = nullptr;
    loop().run();
}

// The same with operations that the kernel answers at once.
TEST_P(loop_test, lets_everybody_have_a_turn_while_one_never_has_to_wait) {
    connection busy = connection::unix_stream(loop());
    connection idle = connection::unix_stream(loop());
    std::array<std::byte, 1> space{};
    support::receive patient{idle.near(), space};
    loop().submit(patient);

    support::poll always_ready{busy.near(), POLLOUT};
    always_ready.then = [&](auto& self) { loop().submit(self); };
    loop().submit(always_ready);
    for (int turn = 0; turn < 10; ++turn) {
        EXPECT_LE(loop().run(run_mode::nowait), 1U);
    }
    support::say(idle.far(), "!");
    support::timer due{pirn::after(0s)};
    loop().submit(due);
    EXPECT_TRUE(run_until([&] { return patient.completions == 1 && due.completions == 1; }));
    always_ready.then = nullptr;
    loop().run();
}

TEST_P(loop_test, counts_what_is_in_flight) {
    const auto before = pirn::live();
    support::nop nop;
    support::timer timer{pirn::never};
    loop().submit(nop);
    loop().submit(timer);
    EXPECT_EQ(loop().pending(), 2U);
    EXPECT_EQ(pirn::live().operations, before.operations + 1);
    EXPECT_EQ(pirn::live().timers, before.timers + 1);
    loop().cancel(timer);
    loop().run();
    EXPECT_EQ(loop().pending(), 0U);
    EXPECT_EQ(pirn::live(), before);
}

// ---- wake -----------------------------------------------------------------------------------------

TEST_P(loop_test, is_woken_by_another_thread_while_it_waits) {
    for (int round = 0; round < 100; ++round) {
        std::thread waker{[&] { loop().wake(); }};
        EXPECT_EQ(loop().run(run_mode::once), 0U);
        waker.join();
    }
}

TEST_P(loop_test, does_not_wait_when_it_was_woken_before) {
    loop().wake();
    EXPECT_EQ(loop().run(run_mode::once), 0U);
    loop().wake();
    loop().wake(); // two are one
    EXPECT_EQ(loop().run(run_mode::once), 0U);
    const auto until = pirn::after(1ms);
    EXPECT_EQ(loop().run(run_mode::once, until), 0U);
    EXPECT_GE(pirn::clock::now(), until) << "a wake was delivered twice";
}

TEST_P(loop_test, comes_back_from_until_idle_when_woken) {
    support::timer late{pirn::never};
    loop().submit(late);
    std::thread waker{[&] { loop().wake(); }};
    EXPECT_EQ(loop().run(), 0U);
    waker.join();
    EXPECT_EQ(loop().pending(), 1U);
    loop().cancel(late);
    loop().run();
}

TEST_P(loop_test, may_be_woken_by_its_own_completions) {
    support::nop nop;
    support::timer late{pirn::never};
    nop.then = [&](auto&) { loop().wake(); };
    loop().submit(nop);
    loop().submit(late);
    EXPECT_EQ(loop().run(run_mode::once), 1U);
    EXPECT_EQ(loop().run(run_mode::once), 0U);
    loop().cancel(late);
    loop().run();
}

pirn::loop* signalled = nullptr;

TEST_P(loop_test, is_woken_by_a_signal_handler_while_it_waits) {
    if (support::under_thread_sanitizer && by_uring()) {
        GTEST_SKIP() << "ThreadSanitizer holds a handler back until the thread comes by one of its "
                        "interceptors, and liburing enters the kernel past them";
    }
    signalled = &loop();
    struct sigaction wake{};
    wake.sa_handler = [](int) { signalled->wake(); };
    struct sigaction before{};
    ASSERT_EQ(::sigaction(SIGUSR1, &wake, &before), 0);
    const pthread_t self = ::pthread_self();
    for (int round = 0; round < 100; ++round) {
        std::thread sender{[&] { ::pthread_kill(self, SIGUSR1); }};
        EXPECT_EQ(loop().run(run_mode::once), 0U);
        sender.join();
    }
    ::sigaction(SIGUSR1, &before, nullptr);
}

// Each waker leaves a mark and wakes; the loop's thread sleeps until it has seen every mark. A lost
// wake would be a deadlock, hence the deadline.
TEST_P(loop_test, loses_no_wake_of_three_threads) {
    constexpr int wakers = 3;
    constexpr int rounds = 2'000;
    std::atomic<int> round{0};
    std::atomic<int> marks{0};
    std::array<std::thread, wakers> threads;
    for (std::thread& each : threads) {
        each = std::thread{[&] {
            for (int mine = 1; mine <= rounds; ++mine) {
                for (int now = round.load(); now < mine; now = round.load()) {
                    round.wait(now);
                }
                marks.fetch_add(1, std::memory_order_relaxed); // the wake carries it over
                loop().wake();
            }
        }};
    }
    bool lost = false;
    for (int now = 1; now <= rounds; ++now) {
        round.store(now);
        round.notify_all();
        while (!lost && marks.load(std::memory_order_relaxed) != now * wakers) {
            const auto until = pirn::after(10s);
            loop().run(run_mode::once, until);
            lost = pirn::clock::now() >= until;
        }
    }
    for (std::thread& each : threads) {
        each.join();
    }
    EXPECT_FALSE(lost);
    loop().run(run_mode::nowait);
}

// ---- what it owns ---------------------------------------------------------------------------------

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST_P(loop_test, gives_back_every_descriptor_when_destroyed) {
    const std::size_t before = open_descriptors();
    const auto counted = pirn::live();
    for (int round = 0; round < 10; ++round) {
        pirn::loop_options options;
        options.backend = GetParam();
        pirn::loop another{options};
        EXPECT_GT(open_descriptors(), before);
        EXPECT_EQ(pirn::live().descriptors - counted.descriptors,
                  static_cast<std::int64_t>(open_descriptors() - before));
        another.wake();
        another.run(run_mode::once);
        another.run(run_mode::once, pirn::after(1ns));
    }
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_EQ(pirn::live(), counted);
}

TEST_P(loop_test, is_one_of_many_and_each_is_its_own) {
    pirn::loop_options options;
    options.backend = GetParam();
    pirn::loop other{options};
    support::nop here;
    support::nop there;
    loop().submit(here);
    other.submit(there);
    EXPECT_EQ(loop().run(), 1U);
    EXPECT_EQ(there.completions, 0);
    EXPECT_EQ(other.run(), 1U);
    EXPECT_EQ(there.completions, 1);
}

TEST_P(loop_test, lives_on_the_thread_that_made_it) {
    std::thread elsewhere{[] {
        pirn::loop_options options;
        options.backend = GetParam();
        pirn::loop other{options};
        connection pair = connection::unix_stream(other);
        std::array<std::byte, 4> space{};
        support::receive receive{pair.near(), space};
        support::send send{pair.far(), pirn::bytes{"weft"}};
        other.submit(receive);
        other.submit(send);
        EXPECT_EQ(other.run(), 2U);
        EXPECT_TRUE(receive.completed_with(4));
    }};
    elsewhere.join();
}

// ---- programmer errors ----------------------------------------------------------------------------

TEST_P(loop_test, is_not_destroyed_with_operations_in_flight) {
    const support::child_end end = support::in_child([] {
        pirn::loop_options options;
        options.backend = GetParam();
        auto* const late = new support::timer{pirn::never};
        pirn::loop doomed{options};
        doomed.submit(*late);
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("destroyed with operations in flight")) << end;
    EXPECT_TRUE(end.said("pending=1")) << end;
}

TEST_P(loop_test, is_not_run_by_its_own_completions) {
    const support::child_end end = support::in_child([this] {
        support::nop nop;
        make_loop(); // the parent's is of no use here
        nop.then = [this](auto&) { loop().run(); };
        loop().submit(nop);
        loop().run();
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("loop::run was called by a completion")) << end;
}

#if PIRN_ASSERTIONS
TEST_P(loop_test, is_not_used_by_another_thread) {
    bool complained = false;
    std::thread stranger{[&] {
        const support::throwing_hook hook;
        try {
            loop().run(run_mode::nowait);
        } catch (const support::complaint&) {
            complained = true;
        }
    }};
    stranger.join();
    EXPECT_TRUE(complained);
}
#endif

} // namespace
