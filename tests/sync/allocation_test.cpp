// SPDX-License-Identifier: MIT
//
// What waiting costs: no memory but the sleeper's own stack. Counts every call of operator new in this program,
// which is why the replacement stands in a file of its own.
#include <pirn/sched/scheduler.hpp>
#include <pirn/sync/channel.hpp>
#include <pirn/sync/condition.hpp>
#include <pirn/sync/event.hpp>
#include <pirn/sync/mutex.hpp>
#include <pirn/sync/select.hpp>
#include <pirn/sync/semaphore.hpp>

#include "support/account.hpp"
#include "support/allocations.hpp"
#include "support/sanitizers.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <new>

#include <gtest/gtest.h>

namespace {

using pirn::on;

using waiting = support::balanced<>;

// What two tasks allocate while they do these things in turn, once that has warmed things up. Time stands still, so that the
// scheduler lets them take turns in the same way each time.
template <class One, class Other>
long allocated_by(One one, Other other) {
    struct still_time {
        ~still_time() { pirn::detail::tell_time_by(before); }
        pirn::time_point now = pirn::clock::now();
        const pirn::time_point* before = pirn::detail::tell_time_by(&now);
    } const time;
    pirn::scheduler tasks;
    const auto both = [&] {
        auto first = tasks.spawn([&] { one(); });
        auto second = tasks.spawn([&] { other(); });
        tasks.run();
    };
    for (int i = 0; i < 100; ++i) both();
    const long before = support::allocations.load();
    for (int i = 0; i < 100; ++i) both();
    return support::allocations.load() - before;
}

TEST_F(waiting, is_counted_at_all) {
    SKIP_WHEN(support::under_sanitizer, "operator new is the sanitizer's");
    EXPECT_GE(allocated_by([] { delete new pirn::event; }, [] {}), 100); // NOLINT: naked on purpose
}

TEST_F(waiting, for_events_semaphores_and_mutexes_takes_no_memory) {
    SKIP_WHEN(support::under_sanitizer, "operator new is the sanitizer's");
    pirn::auto_event passes;
    pirn::semaphore tokens{0};
    pirn::mutex door;
    pirn::condition changed;
    bool flag = false;
    EXPECT_EQ(allocated_by(
                  [&] {
                      passes.wait();
                      tokens.acquire();
                      std::unique_lock lock{door};
                      changed.wait(lock, [&] { return flag; });
                      flag = false;
                  },
                  [&] {
                      passes.set();
                      tokens.release();
                      pirn::yield_now();
                      const std::scoped_lock lock{door};
                      flag = true;
                      changed.notify_one();
                  }),
              0);
}

TEST_F(waiting, at_channels_takes_no_memory) {
    SKIP_WHEN(support::under_sanitizer, "operator new is the sanitizer's");
    pirn::channel<int> between;
    pirn::channel<int> some{100};
    EXPECT_EQ(allocated_by(
                  [&] {
                      for (int i = 0; i < 20; ++i) between.send(i);
                      for (int i = 0; i < 90; ++i) some.send(i);
                  },
                  [&] {
                      for (int i = 0; i < 20; ++i) between.receive();
                      for (int i = 0; i < 90; ++i) some.receive();
                  }),
              0);
}

TEST_F(waiting, in_selects_takes_no_memory) {
    SKIP_WHEN(support::under_sanitizer, "operator new is the sanitizer's");
    pirn::channel<int> one;
    pirn::channel<int> other;
    pirn::event never_set;
    constexpr auto ignore = [](auto&&) {};
    EXPECT_EQ(allocated_by(
                  [&] {
                      for (int i = 0; i < 20; ++i) {
                          pirn::select(on(one.receiving(), ignore), on(other.sending(i), ignore),
                                       on(never_set, [] {}));
                      }
                  },
                  [&] {
                      for (int i = 0; i < 20; ++i) {
                          pirn::select(on(one.sending(i), ignore), on(other.receiving(), ignore));
                      }
                  }),
              0);
}

TEST_F(waiting, leaves_memory_where_it_was_when_a_channel_ends) {
    SKIP_WHEN(support::under_sanitizer, "operator new is the sanitizer's");
    const long before = support::allocated.load();
    {
        pirn::channel<int> endless{pirn::unbounded};
        for (int i = 0; i < 10'000; ++i) endless.send(i);
        EXPECT_GT(support::allocated.load(), before + 100);
        for (int i = 0; i < 10'000; ++i) endless.receive();
        EXPECT_LE(support::allocated.load(), before + 2) << "a block, and one in reserve";
    }
    EXPECT_EQ(support::allocated.load(), before);
}

// Hazard 43.
TEST_F(waiting, loses_no_value_when_there_is_no_memory_for_it) {
    SKIP_WHEN(support::under_sanitizer, "operator new is the sanitizer's");
    pirn::channel<int> endless{pirn::unbounded};
    int sent = 0;
    int refused = 0;
    for (int i = 0; i < 300; ++i) {
        bool failed = false;
        support::refuse = true;
        try {
            endless.send(sent);
        } catch (const std::bad_alloc&) {
            failed = true;
            ++refused;
        }
        support::refuse = false;
        if (failed) endless.send(sent);
        ++sent;
    }
    EXPECT_GE(refused, 5) << "a block holds 64 at most";
    for (int i = 0; i < sent; ++i) EXPECT_EQ(endless.try_receive(), i);
    EXPECT_FALSE(endless.try_receive());
}

} // namespace
