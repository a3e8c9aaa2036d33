// SPDX-License-Identifier: MIT
//
// The blocking pool as a whole: how many threads, for how long, shared by whom, and its end.
#include <pirn/loop/blocking_pool.hpp>

#include <pirn/loop/loop.hpp>
#include <pirn/loop/work.hpp>

#include "support/account.hpp"
#include "support/backends.hpp"
#include "support/child.hpp"
#include "support/forbid.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <deque>
#include <memory>
#include <thread>

#include <sys/syscall.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using function = pirn::work_operation::function;
using work = support::recorded<pirn::work_operation>;

class blocking_pool_test : public support::balanced<> {
  protected:
    static std::atomic<int> inside;
    static std::atomic<bool> open;

    void SetUp() override {
        inside = 0;
        open = false;
    }
    static int wait_inside(pirn::work_operation& /*what*/) noexcept {
        ++inside;
        inside.notify_all();
        open.wait(false);
        return 0;
    }
    static void lift() {
        open = true;
        open.notify_all();
    }
    static void wait_for(int count) {
        for (int seen = inside; seen < count; seen = inside) {
            inside.wait(seen);
        }
    }
};
std::atomic<int> blocking_pool_test::inside;
std::atomic<bool> blocking_pool_test::open;

TEST_F(blocking_pool_test, starts_no_thread_before_there_is_something_to_do) {
    const pirn::blocking_pool pool;
    EXPECT_EQ(pool.threads(), 0U);
    EXPECT_EQ(pool.queued(), 0U);
}

TEST_F(blocking_pool_test, has_as_many_threads_as_are_needed_but_no_more_than_allowed) {
    const auto pool =
        std::make_shared<pirn::blocking_pool>(pirn::blocking_pool_options{.threads_max = 3});
    pirn::loop loop{{.pool = pool}};
    std::deque<work> many;
    for (unsigned i = 1; i <= 5; ++i) {
        loop.submit(many.emplace_back(function{&wait_inside}));
        EXPECT_LE(pool->threads(), std::min(i, 3U)); // each that comes calls the next
    }
    wait_for(3);
    EXPECT_EQ(pool->threads(), 3U);
    EXPECT_EQ(pool->queued(), 2U);
    lift();
    EXPECT_EQ(loop.run(), 5U);
    EXPECT_EQ(pool->threads(), 3U);
}

TEST_F(blocking_pool_test, has_work_that_is_done_at_once_done_by_few) {
    const auto pool =
        std::make_shared<pirn::blocking_pool>(pirn::blocking_pool_options{.threads_max = 200});
    pirn::loop loop{{.pool = pool}};
    std::deque<work> many;
    for (int i = 0; i < 800; ++i) {
        loop.submit(many.emplace_back(function{[](pirn::work_operation&) noexcept { return 0; }}));
    }
    EXPECT_EQ(loop.run(), 800U);
    EXPECT_LT(pool->threads(), 50U);
}

TEST_F(blocking_pool_test, lets_threads_go_that_have_nothing_to_do) {
    const auto pool = std::make_shared<pirn::blocking_pool>(
        pirn::blocking_pool_options{.threads_max = 4, .idle_time = 5ms});
    pirn::loop loop{{.pool = pool}};
    for (int round = 0; round < 3; ++round) {
        std::deque<work> many;
        inside = 0;
        open = false;
        for (int i = 0; i < 4; ++i) {
            loop.submit(many.emplace_back(function{&wait_inside}));
        }
        wait_for(4);
        lift();
        loop.run();
        const auto patience = pirn::after(20s);
        while (pool->threads() > 0 && pirn::clock::now() < patience) {
            std::this_thread::yield();
        }
        EXPECT_EQ(pool->threads(), 0U);
    }
}

TEST_F(blocking_pool_test, is_shared_by_the_loops_that_name_it) {
    const auto pool =
        std::make_shared<pirn::blocking_pool>(pirn::blocking_pool_options{.threads_max = 2});
    pirn::loop first{{.pool = pool}};
    std::deque<work> many;
    for (int i = 0; i < 50; ++i) {
        first.submit(many.emplace_back(function{&wait_inside}));
    }
    std::thread other{[&] {
        pirn::loop second{{.pool = pool}};
        work small{function{&wait_inside}};
        second.submit(small);
        wait_for(2);
        lift();
        second.run();
        EXPECT_TRUE(small.completed_with(0));
    }};
    first.run();
    other.join();
    EXPECT_LE(pool->threads(), 2U);
}

TEST_F(blocking_pool_test, leaves_a_handler_of_the_program_alone_and_puts_the_default_back) {
    const auto handler_now = [] {
        struct sigaction now{};
        ::sigaction(SIGURG, nullptr, &now);
        return now.sa_handler;
    };
    const auto run_one = [] {
        pirn::loop loop;
        work one{function{[](pirn::work_operation&) noexcept { return 0; }}};
        loop.submit(one);
        loop.run();
    };
    ASSERT_EQ(handler_now(), SIG_DFL);
    run_one();
    EXPECT_EQ(handler_now(), SIG_DFL);

    struct sigaction ours{};
    ours.sa_handler = [](int) {};
    ASSERT_EQ(::sigaction(SIGURG, &ours, nullptr), 0);
    run_one();
    EXPECT_EQ(handler_now(), ours.sa_handler);
    ours.sa_handler = SIG_DFL;
    ::sigaction(SIGURG, &ours, nullptr);
}

TEST_F(blocking_pool_test, hides_the_signals_of_the_program_from_its_threads) {
    pirn::loop loop;
    work asks{function{[](pirn::work_operation&) noexcept {
        sigset_t hidden;
        ::pthread_sigmask(SIG_SETMASK, nullptr, &hidden);
        return ::sigismember(&hidden, SIGTERM) * 10 + ::sigismember(&hidden, SIGURG);
    }}};
    loop.submit(asks);
    loop.run();
    EXPECT_EQ(asks.result(), 10);
}

TEST_F(blocking_pool_test, says_so_when_not_one_thread_can_be_had) {
    const support::child_end end = support::in_child([] {
        pirn::loop loop{{.backend = pirn::backend_kind::epoll}};
        if (!support::forbid({SYS_clone, SYS_clone3}, support::fail_with(EAGAIN))) {
            ::_exit(0); // cannot be arranged here
        }
        work one{function{&wait_inside}};
        loop.submit(one);
        loop.run();
        ::_exit(one.result() == -EAGAIN ? 0 : 1);
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
}

TEST_F(blocking_pool_test, refuses_nonsense) {
    const support::child_end end =
        support::in_child([] { const pirn::blocking_pool none{{.threads_max = 0}}; });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("threads_max must be")) << end;
}

} // namespace
