// SPDX-License-Identifier: MIT
//
// What a scheduler asks of its idler, and when; with an idler that writes it down.
#include <pirn/sched/idler.hpp>

#include <pirn/base/error.hpp>
#include <pirn/sched/scheduler.hpp>

#include "support/account.hpp"
#include "support/tasks.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using idler = support::balanced<>;

// recorder: writes down what it is asked, and does what the test wants meanwhile.
class recorder final : public pirn::idler {
  public:
    using pirn::idler::idler;

    void poll() override {
        calls += 'p';
        if (on_poll) on_poll();
    }
    void wait() override {
        calls += 'w';
        ASSERT_TRUE(on_wait) << "waits although nobody will ever wake it";
        on_wait();
    }
    void wake() noexcept override {
        ++wakes;
        if (on_wake) on_wake();
    }

    std::string calls;
    std::atomic<int> wakes{0};
    std::function<void()> on_poll;
    std::function<void()> on_wait;
    std::function<void()> on_wake;
};

// Time stands still, so that the number of turns alone counts.
struct still_time {
    ~still_time() { pirn::detail::tell_time_by(before); }
    pirn::time_point now = pirn::clock::now();
    const pirn::time_point* before = pirn::detail::tell_time_by(&now);
};

TEST_F(idler, is_the_one_that_was_given) {
    const char tag = 0;
    recorder mine{&tag};
    const pirn::scheduler tasks{{}, &mine};
    EXPECT_EQ(&tasks.idles_with(), &mine);
    EXPECT_EQ(tasks.idles_with().kind(), &tag);
    const pirn::scheduler alone;
    EXPECT_EQ(alone.idles_with().kind(), nullptr);
}

TEST_F(idler, is_polled_once_a_tick_when_nothing_is_runnable_any_more) {
    const still_time time;
    recorder mine;
    pirn::scheduler tasks{{}, &mine};
    tasks.tick();
    EXPECT_EQ(mine.calls, "p");
    tasks.spawn([] { pirn::yield_now(); }).detach();
    tasks.tick();
    EXPECT_EQ(mine.calls, "p"); // still runnable: no need
    tasks.tick();
    EXPECT_EQ(mine.calls, "pp");
}

TEST_F(idler, is_polled_after_so_many_turns_although_tasks_are_runnable) {
    const still_time time;
    recorder mine;
    pirn::scheduler tasks{{.turns_between_polls = 4}, &mine};
    auto busy = tasks.spawn([] {
        for (;;) pirn::yield_now();
    });
    for (int turn = 0; turn < 12; ++turn) tasks.tick();
    EXPECT_EQ(mine.calls, "ppp");
    busy.request_stop();
    EXPECT_THROW(busy.get(), pirn::cancelled);
}

TEST_F(idler, is_polled_within_a_tick_too_when_that_is_long) {
    const still_time time;
    recorder mine;
    pirn::scheduler tasks{{.turns_between_polls = 4}, &mine};
    int turns = 0;
    for (int i = 0; i < 12; ++i) tasks.spawn([&] { ++turns; }).detach();
    mine.on_poll = [&] { EXPECT_EQ(turns % 4, 0); };
    tasks.tick();
    EXPECT_EQ(mine.calls, "pppp"); // three on the way, one at the end
}

TEST_F(idler, is_polled_after_some_time_although_few_turns_have_passed) {
    still_time time;
    recorder mine;
    pirn::scheduler tasks{{}, &mine};
    int turns = 0;
    const auto step = [&] {
        ++turns;
        time.now += std::chrono::microseconds{30};
    };
    for (int i = 0; i < 24; ++i) tasks.spawn(step).detach();
    std::vector<int> polled_after;
    bool news = false;
    mine.on_poll = [&] {
        polled_after.push_back(turns);
        if (std::exchange(news, turns == 14)) tasks.spawn([] {}).detach();
    };
    tasks.tick();
    // After 50, 100 and 200 us while there is none; the first turn begins the count. After the news at 21 it begins anew.
    EXPECT_EQ(polled_after, (std::vector<int>{3, 7, 14, 21, 23}));
    tasks.run();
}

// The times at which another task has its turn beside one that is answered at once, in its calls; real time passes, or not.
std::vector<int> turns_beside_answers(bool slowly) {
    const still_time time;
    recorder mine;
    pirn::scheduler tasks{{}, &mine};
    int calls = 0;
    std::vector<int> turns;
    auto busy = tasks.spawn([&] {
        for (; calls < 20'000; ++calls) {
            pirn::detail::checkpoint();
            if (slowly && calls % 1000 == 0)
                std::this_thread::sleep_for(std::chrono::milliseconds{5});
        }
    });
    auto other = tasks.spawn([&] {
        while (calls < 20'000) {
            turns.push_back(calls);
            pirn::yield_now();
        }
    });
    busy.get();
    other.get();
    return turns;
}

TEST_F(idler, has_tasks_take_turns_by_its_clock_alone) {
    EXPECT_EQ(turns_beside_answers(false), turns_beside_answers(true));
}

TEST_F(idler, may_unpark_tasks_from_its_poll_and_its_wait) {
    const still_time time;
    recorder mine;
    pirn::scheduler tasks{{}, &mine};
    pirn::waiter* asleep = nullptr;
    const auto wake_it = [&] {
        if (asleep != nullptr) pirn::unpark(*std::exchange(asleep, nullptr));
    };
    const auto sleep = [&] {
        pirn::waiter here;
        asleep = &here;
        pirn::park(here);
    };
    mine.on_wait = wake_it;
    tasks.spawn(sleep).get();
    EXPECT_EQ(mine.calls, "pwp");
    mine.calls.clear();
    mine.on_poll = wake_it;
    tasks.spawn(sleep).get();
    EXPECT_EQ(mine.calls.find('w'), std::string::npos);
    EXPECT_EQ(mine.wakes, 0); // nobody came from outside
}

TEST_F(idler, is_woken_once_for_a_batch_from_outside) {
    recorder mine;
    pirn::scheduler tasks{{}, &mine};
    std::vector<pirn::waiter*> asleep;
    for (int i = 0; i < 3; ++i) {
        tasks
            .spawn([&] {
                pirn::waiter here;
                asleep.push_back(&here);
                pirn::park(here);
            })
            .detach();
    }
    tasks.tick();
    for (pirn::waiter* one : asleep) pirn::unpark(*one);
    EXPECT_EQ(mine.wakes, 1);
    tasks.tick();
    EXPECT_EQ(tasks.alive(), 0U);
}

TEST_F(idler, is_not_waited_on_when_a_wake_came_in_before) {
    recorder mine;
    pirn::scheduler tasks{{}, &mine};
    pirn::waiter* asleep = nullptr;
    auto sleeper = tasks.spawn([&] {
        pirn::waiter here;
        asleep = &here;
        pirn::park(here);
    });
    // Another thread is faster than the look at the inbox.
    mine.on_poll = [&] {
        if (asleep != nullptr) {
            std::thread{[found = std::exchange(asleep, nullptr)] { pirn::unpark(*found); }}.join();
        }
    };
    sleeper.get();
    EXPECT_EQ(mine.wakes, 1);
    EXPECT_EQ(mine.calls.find('w'), std::string::npos);
}

TEST_F(idler, that_fails_costs_nobody_a_turn) {
    const still_time time;
    recorder mine;
    pirn::scheduler tasks{{.turns_between_polls = 2}, &mine};
    int turns = 0;
    for (int i = 0; i < 5; ++i) tasks.spawn([&] { ++turns; }).detach();
    mine.on_poll = [&] {
        mine.on_poll = nullptr;
        throw std::runtime_error{"no news today"};
    };
    EXPECT_THROW(tasks.tick(), std::runtime_error);
    EXPECT_EQ(turns, 2);
    EXPECT_EQ(tasks.alive(), 3U);
    tasks.run();
    EXPECT_EQ(turns, 5);
}

TEST_F(idler, outlasts_a_wake_that_is_under_way_when_the_scheduler_ends) {
    recorder mine;
    std::atomic<bool> inside{false};
    std::atomic<bool> gone{false};
    bool saw_it_gone = false;
    mine.on_wake = [&] {
        inside = true;
        for (int look = 0; look < 2'000 && !saw_it_gone; ++look) {
            saw_it_gone = gone;
            std::this_thread::yield();
        }
    };
    std::thread other;
    {
        pirn::scheduler tasks{{}, &mine};
        // The sleeper is in the inbox as soon as the wake is under way.
        mine.on_wait = [&] {
            while (!inside) std::this_thread::yield();
        };
        tasks
            .spawn([&] {
                pirn::waiter here;
                other = std::thread{[&here] { pirn::unpark(here); }};
                pirn::park(here);
            })
            .get();
    }
    gone = true;
    other.join();
    EXPECT_TRUE(inside);
    EXPECT_FALSE(saw_it_gone);
}

TEST_F(idler, of_its_own_sleeps_until_another_thread_wakes_a_task) {
    pirn::scheduler tasks;
    std::atomic<pirn::waiter*> asleep{nullptr};
    std::thread other{[&] {
        asleep.wait(nullptr);
        pirn::unpark(*asleep.load());
    }};
    tasks
        .spawn([&] {
            pirn::waiter here;
            asleep.store(&here);
            asleep.notify_one();
            pirn::park(here);
        })
        .get();
    other.join();
}

} // namespace
