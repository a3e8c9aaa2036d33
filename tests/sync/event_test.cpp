// SPDX-License-Identifier: MIT
//
// Events that stay, and events that let one pass.
#include <pirn/sync/event.hpp>

#include <pirn/base/error.hpp>

#include "support/child.hpp"
#include "sync/crew.hpp"

#include <atomic>
#include <csignal>
#include <string>

namespace {

using event = sync_tests::with_crews;
using events = support::balanced<>;
using sync_tests::crew;

TEST_P(event, lets_nobody_pass_before_it_is_set_and_everybody_afterwards) {
    pirn::event ready;
    std::atomic<bool> was_set{false};
    std::atomic<int> passed{0};
    crew all{GetParam()};
    all.add(8, [&] {
        ready.wait();
        EXPECT_TRUE(was_set.load());
        EXPECT_TRUE(ready.is_set());
        ready.wait(); // it stays set
        ++passed;
    });
    all.add([&] {
        was_set = true;
        ready.set();
    });
    all.run();
    EXPECT_EQ(passed, 8);
}

TEST_P(event, that_lets_one_pass_lets_as_many_pass_as_it_was_set) {
    constexpr int rounds = 500;
    pirn::auto_event ping;
    pirn::auto_event pong;
    int shared = 0; // handed to and fro
    crew all{GetParam()};
    all.add([&] {
        for (int i = 0; i < rounds; ++i) {
            EXPECT_EQ(shared++, 2 * i);
            ping.set();
            pong.wait();
        }
    });
    all.add([&] {
        for (int i = 0; i < rounds; ++i) {
            ping.wait();
            EXPECT_EQ(shared++, 2 * i + 1);
            pong.set();
        }
    });
    all.run();
    EXPECT_EQ(shared, 2 * rounds);
    EXPECT_FALSE(ping.try_wait());
}

TEST_F(events, wake_in_the_order_of_arrival) {
    pirn::scheduler tasks;
    pirn::event stays;
    pirn::auto_event passes;
    std::string order;
    for (const char name : {'a', 'b', 'c'}) {
        tasks
            .spawn([&, name] {
                stays.wait();
                order += name;
                passes.wait();
                order += static_cast<char>(name - 'a' + 'A');
            })
            .detach();
    }
    tasks.tick();
    EXPECT_EQ(order, "");
    stays.set();
    tasks.tick();
    EXPECT_EQ(order, "abc");
    passes.set();
    tasks.tick();
    EXPECT_EQ(order, "abcA");
    passes.set();
    passes.set();
    tasks.run();
    EXPECT_EQ(order, "abcABC");
}

TEST_F(events, that_are_reset_hold_up_those_who_come_but_not_those_who_were_let_go) {
    pirn::scheduler tasks;
    pirn::event ready;
    int passed = 0;
    const auto pass = [&] {
        ready.wait();
        ++passed;
    };
    auto early = tasks.spawn(pass);
    tasks.tick();
    ready.set();
    ready.reset();
    auto late = tasks.spawn(pass);
    while (tasks.tick()) {
    }
    EXPECT_EQ(passed, 1);
    EXPECT_TRUE(early.done());
    ready.set();
    late.get();
}

TEST_F(events, that_were_set_with_nobody_there_let_one_pass_unless_reset) {
    pirn::auto_event passes;
    passes.set();
    passes.set();
    EXPECT_TRUE(passes.try_wait());
    EXPECT_FALSE(passes.try_wait());
    passes.set();
    passes.reset();
    EXPECT_FALSE(passes.try_wait());
    EXPECT_TRUE(pirn::auto_event{true}.try_wait());
}

TEST_F(events, are_not_taken_by_a_wait_that_was_cancelled) {
    pirn::scheduler tasks;
    pirn::auto_event passes;
    auto stopped = tasks.spawn([&] { EXPECT_THROW(passes.wait(), pirn::cancelled); });
    auto waits = tasks.spawn([&] { passes.wait(); });
    tasks.tick();
    stopped.request_stop();
    passes.set(); // the first in the queue has left it, though it has not run yet
    tasks.run();
    waits.get();
    EXPECT_FALSE(passes.try_wait());
}

TEST_F(events, that_came_before_the_request_to_stop_are_kept) {
    pirn::scheduler tasks;
    pirn::auto_event passes;
    bool passed = false;
    auto waits = tasks.spawn([&] {
        passes.wait();
        passed = true;
        EXPECT_THROW(passes.wait(), pirn::cancelled);
    });
    tasks.tick();
    passes.set();
    waits.request_stop();
    tasks.run();
    EXPECT_TRUE(passed);
}

TEST_F(events, that_somebody_waits_for_may_not_be_destroyed) {
    const support::child_end end = support::in_child([] {
        pirn::scheduler tasks;
        auto* ready = new pirn::event;
        tasks.spawn([&] { ready->wait(); }).detach();
        tasks.tick();
        delete ready;
    });
    EXPECT_TRUE(end.killed_by(SIGABRT) && end.said("while somebody waits")) << end;
}

FOR_ALL_CREWS(event);

} // namespace
