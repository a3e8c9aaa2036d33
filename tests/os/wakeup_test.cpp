// SPDX-License-Identifier: MIT
//
// The wakeup: no wake is lost, many are one, and a signal handler may wake.
#include "os/wakeup.hpp"

#include <pirn/base/live.hpp>

#include "support/edges.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <thread>

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace {

using pirn::os::handle;
using pirn::os::wakeup;

// The sleeper's side: an edge-triggered watch on the wakeup.
class sleeper {
  public:
    explicit sleeper(const wakeup& bell) {
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        EXPECT_EQ(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, bell.descriptor(), &event), 0);
    }
    // edges: 1 when the wakeup was written since the last call.
    int edges(int milliseconds_max) {
        return support::wait_for_edges(epoll_.get(), milliseconds_max);
    }

  private:
    handle epoll_{::epoll_create1(EPOLL_CLOEXEC)};
};

TEST(os_wakeup, is_quiet_until_somebody_wakes) {
    wakeup bell;
    sleeper asleep{bell};
    EXPECT_FALSE(bell.consume());
    EXPECT_EQ(asleep.edges(0), 0);
}

TEST(os_wakeup, makes_an_edge_for_each_wake_after_the_one_before_was_consumed) {
    wakeup bell;
    sleeper asleep{bell};
    for (int round = 0; round < 3; ++round) {
        bell.wake();
        EXPECT_EQ(asleep.edges(0), 1);
        EXPECT_TRUE(bell.consume());
        EXPECT_FALSE(bell.consume());
        EXPECT_EQ(asleep.edges(0), 0);
    }
}

TEST(os_wakeup, makes_one_of_many_wakes) {
    wakeup bell;
    sleeper asleep{bell};
    bell.wake();
    EXPECT_EQ(asleep.edges(0), 1);
    bell.wake(); // not consumed yet: no second write, hence no second edge
    EXPECT_EQ(asleep.edges(0), 0);
    EXPECT_TRUE(bell.consume());
    EXPECT_FALSE(bell.consume());
}

TEST(os_wakeup, rings_a_second_bell_for_who_waits_elsewhere) {
    wakeup bell;
    bell.wake();
    EXPECT_TRUE(bell.asked());
    const handle other{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    bell.ring_also(other.get());
    EXPECT_TRUE(bell.asked()) << "the wake of before is told by the flag alone";
    eventfd_t rung = 0;
    EXPECT_EQ(::eventfd_read(other.get(), &rung), -1);
    EXPECT_TRUE(bell.consume());
    EXPECT_FALSE(bell.asked());
    bell.wake();
    bell.wake();
    EXPECT_EQ(::eventfd_read(other.get(), &rung), 0);
    EXPECT_EQ(rung, 1U) << "many wakes are one";
    EXPECT_TRUE(bell.consume());
}

TEST(os_wakeup, leaves_errno_alone) {
    wakeup bell;
    errno = ENOTTY;
    bell.wake();
    EXPECT_EQ(errno, ENOTTY);
    bell.wake();
    EXPECT_EQ(errno, ENOTTY);
    EXPECT_TRUE(bell.consume());
}

wakeup* in_handler = nullptr;

TEST(os_wakeup, can_be_rung_by_a_signal_handler) {
    wakeup bell;
    sleeper asleep{bell};
    in_handler = &bell;
    struct sigaction ring{};
    ring.sa_handler = [](int) { in_handler->wake(); };
    struct sigaction before{};
    ASSERT_EQ(::sigaction(SIGUSR1, &ring, &before), 0);
    ::raise(SIGUSR1);
    ::sigaction(SIGUSR1, &before, nullptr);
    EXPECT_EQ(asleep.edges(0), 1);
    EXPECT_TRUE(bell.consume());
}

// Each round, every waker leaves a mark and wakes once; the sleeper goes on only when it has seen all
// the marks. One lost wake and this would sleep for ever, hence the bound on the wait.
TEST(os_wakeup, loses_no_wake_among_threads) {
    constexpr int wakers = 3;
    constexpr int rounds = 3'000;
    wakeup bell;
    sleeper asleep{bell};
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
                bell.wake();
            }
        }};
    }
    for (int now = 1; now <= rounds; ++now) {
        round.store(now);
        round.notify_all();
        while (marks.load(std::memory_order_relaxed) != now * wakers) {
            ASSERT_GE(asleep.edges(10'000), 1) << "a wake was lost in round " << now;
            bell.consume();
        }
    }
    for (std::thread& each : threads) {
        each.join();
    }
}

TEST(os_wakeup, gives_its_descriptor_back) {
    const auto before = pirn::live().descriptors;
    {
        const wakeup bell;
        EXPECT_EQ(pirn::live().descriptors, before + 1);
    }
    EXPECT_EQ(pirn::live().descriptors, before);
}

} // namespace
