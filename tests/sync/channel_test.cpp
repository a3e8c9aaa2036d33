// SPDX-License-Identifier: MIT
//
// Channels: what arrives, in which order, what waits and what does not, and closing. By the behaviours of Go's
// channels and of Boost.Fiber's, where they are the same.
#include <pirn/sync/channel.hpp>

#include <pirn/base/error.hpp>

#include "support/child.hpp"
#include "sync/crew.hpp"

#include <atomic>
#include <csignal>
#include <memory>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

namespace {

using channel = sync_tests::with_crews;
using channels = support::balanced<>;
using sync_tests::crew;

TEST_P(channel, brings_every_value_once_from_many_to_many) {
    constexpr int senders = 4;
    constexpr int each = 250;
    for (const std::size_t capacity :
         {std::size_t{0}, std::size_t{1}, std::size_t{7}, pirn::unbounded}) {
        pirn::channel<int> between{capacity};
        std::vector<std::atomic<int>> seen(senders * each);
        std::atomic<int> sending{senders};
        std::atomic<int> number{0};
        crew all{GetParam()};
        all.add(senders, [&] {
            const int mine = number++;
            for (int i = 0; i < each; ++i) EXPECT_TRUE(between.send(mine * each + i));
            if (--sending == 0) between.close();
        });
        all.add(3, [&] {
            for (const int value : between) ++seen[static_cast<std::size_t>(value)];
        });
        all.run();
        for (const auto& count : seen) EXPECT_EQ(count, 1) << "with capacity " << capacity;
        EXPECT_FALSE(between.send(0));
        EXPECT_FALSE(between.receive());
    }
}

TEST_P(channel, keeps_the_order_of_each_sender) {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{3}, pirn::unbounded}) {
        pirn::channel<std::pair<int, int>> between{capacity};
        std::atomic<int> number{0};
        crew all{GetParam()};
        all.add(3, [&] {
            const int mine = number++;
            for (int i = 0; i < 200; ++i) between.send({mine, i});
        });
        all.add([&] {
            int next[3] = {};
            for (int i = 0; i < 600; ++i) {
                const auto got = between.receive();
                EXPECT_EQ(got->second, next[got->first]++);
            }
        });
        all.run();
    }
}

TEST_P(channel, with_capacity_zero_returns_from_send_only_when_received) {
    pirn::channel<int> between;
    std::atomic<int> received{0};
    crew all{GetParam()};
    all.add([&] {
        for (int i = 1; i <= 100; ++i) {
            between.send(i);
            EXPECT_GE(received + 1, i); // the receiver may not have counted the last one yet
        }
        between.close();
    });
    all.add([&] {
        for (const int value : between) {
            EXPECT_EQ(value, received + 1);
            ++received;
        }
    });
    all.run();
    EXPECT_EQ(received, 100);
}

TEST_P(channel, closed_wakes_all_who_wait) {
    pirn::channel<int> empty;
    pirn::channel<int> full{1};
    full.send(1);
    std::atomic<int> ended{0};
    std::atomic<int> began{0};
    crew all{GetParam()};
    all.add(3, [&] {
        ++began;
        EXPECT_FALSE(empty.receive());
        ++ended;
    });
    all.add(3, [&] {
        ++began;
        EXPECT_FALSE(full.send(2));
        ++ended;
    });
    all.add([&] {
        while (began < 6) {
            pirn::scheduler::current() != nullptr ? pirn::yield_now() : std::this_thread::yield();
        }
        empty.close();
        full.close();
    });
    all.run();
    EXPECT_EQ(ended, 6);
    EXPECT_EQ(full.receive(), 1);
    EXPECT_FALSE(full.receive());
}

TEST_F(channels, take_as_many_values_as_their_capacity_without_a_receiver) {
    pirn::channel<int> two{2};
    EXPECT_TRUE(two.try_send(1));
    EXPECT_TRUE(two.send(2));
    EXPECT_FALSE(two.try_send(3));
    EXPECT_EQ(two.size(), 2U);
    EXPECT_EQ(two.try_receive(), 1);
    EXPECT_TRUE(two.try_send(3));
    EXPECT_EQ(two.receive(), 2);
    EXPECT_EQ(two.receive(), 3);
    EXPECT_FALSE(two.try_receive());
    pirn::channel<int> none;
    EXPECT_FALSE(none.try_send(1));
    EXPECT_FALSE(none.try_receive());
}

TEST_F(channels, of_any_length_keep_their_order) {
    pirn::channel<int> endless{pirn::unbounded};
    int sent = 0;
    int received = 0;
    for (int round = 1; round < 60; ++round) {
        for (int i = 0; i < round * 7; ++i) endless.send(sent++);
        for (int i = 0; i < round * 6; ++i) EXPECT_EQ(endless.receive(), received++);
    }
    EXPECT_EQ(endless.size(), static_cast<std::size_t>(sent - received));
    while (const auto value = endless.try_receive()) EXPECT_EQ(*value, received++);
    EXPECT_EQ(received, sent);
}

TEST_F(channels, serve_waiting_receivers_in_order) {
    pirn::scheduler tasks;
    pirn::channel<int> between;
    std::string order;
    for (const char name : {'a', 'b', 'c'}) {
        tasks.spawn([&, name] { order += name + std::to_string(*between.receive()) + ' '; })
            .detach();
    }
    tasks.tick();
    for (const int value : {1, 2, 3}) EXPECT_TRUE(between.try_send(value));
    EXPECT_FALSE(between.try_send(4)) << "those who waited have theirs";
    tasks.run();
    EXPECT_EQ(order, "a1 b2 c3 ");
}

TEST_F(channels, let_waiting_senders_in_behind_the_values_in_order) {
    pirn::scheduler tasks;
    pirn::channel<int> one{1};
    one.send(0);
    for (const int value : {1, 2, 3}) tasks.spawn([&, value] { one.send(value); }).detach();
    tasks.tick();
    EXPECT_EQ(one.size(), 1U);
    for (const int value : {0, 1, 2, 3}) {
        EXPECT_EQ(one.try_receive(), value);
    }
    tasks.run();
}

// Go's table: what a closed channel does.
TEST_F(channels, that_are_closed_give_what_was_sent_and_then_nothing) {
    pirn::channel<int> some{4};
    some.send(1);
    some.send(2);
    some.close();
    some.close(); // once or more often
    EXPECT_TRUE(some.closed());
    EXPECT_FALSE(some.send(3));
    EXPECT_FALSE(some.try_send(3));
    EXPECT_EQ(some.receive(), 1);
    EXPECT_EQ(some.try_receive(), 2);
    EXPECT_FALSE(some.receive());
    EXPECT_FALSE(some.try_receive());
}

TEST_F(channels, that_are_closed_leave_the_value_with_the_sender) {
    pirn::scheduler tasks;
    pirn::channel<std::unique_ptr<int>> between;
    tasks
        .spawn([&] {
            auto value = std::make_unique<int>(7);
            EXPECT_FALSE(between.send(std::move(value)));
            EXPECT_EQ(*value, 7); // NOLINT(bugprone-use-after-move): that is the promise
            EXPECT_FALSE(between.send(std::move(value)));
            EXPECT_EQ(*value, 7); // NOLINT(bugprone-use-after-move)
        })
        .detach();
    tasks.tick();
    between.close();
    tasks.run();
}

TEST_F(channels, destroy_the_values_that_nobody_received) {
    const auto shared = std::make_shared<int>(1);
    {
        pirn::channel<std::shared_ptr<int>> endless{pirn::unbounded};
        for (int i = 0; i < 300; ++i) endless.send(shared);
        for (int i = 0; i < 100; ++i) endless.receive();
        EXPECT_EQ(shared.use_count(), 201);
    }
    EXPECT_EQ(shared.use_count(), 1);
}

TEST_F(channels, are_ranges) {
    pirn::channel<int> some{pirn::unbounded};
    for (int i = 1; i <= 10; ++i) some.send(i);
    some.close();
    static_assert(std::input_iterator<pirn::channel<int>::iterator>);
    int sum = 0;
    for (const int value : some) sum += value;
    EXPECT_EQ(sum, 55);
}

TEST_F(channels, do_not_send_what_a_cancelled_send_had) {
    pirn::scheduler tasks;
    pirn::channel<std::unique_ptr<int>> between;
    auto stopped = tasks.spawn([&] {
        auto value = std::make_unique<int>(1);
        EXPECT_THROW(between.send(std::move(value)), pirn::cancelled);
        EXPECT_NE(value, nullptr); // NOLINT(bugprone-use-after-move)
    });
    auto other = tasks.spawn([&] { between.send(std::make_unique<int>(2)); });
    tasks.tick();
    stopped.request_stop();
    EXPECT_EQ(**between.try_receive(), 2);
    EXPECT_FALSE(between.try_receive());
    tasks.run();
}

TEST_F(channels, lose_no_value_to_a_cancelled_receive) {
    pirn::scheduler tasks;
    pirn::channel<int> between;
    auto stopped = tasks.spawn([&] { EXPECT_THROW(between.receive(), pirn::cancelled); });
    auto other = tasks.spawn([&] { return *between.receive(); });
    tasks.tick();
    stopped.request_stop();
    EXPECT_TRUE(between.try_send(1));
    EXPECT_EQ(other.get(), 1);
    tasks.run();
}

TEST_F(channels, deliver_what_was_handed_over_before_the_request_to_stop) {
    pirn::scheduler tasks;
    pirn::channel<int> between;
    auto receives = tasks.spawn([&] { return *between.receive(); });
    tasks.tick();
    std::ignore = between.try_send(1);
    receives.request_stop();
    EXPECT_EQ(receives.get(), 1);
    auto sends = tasks.spawn([&] { return between.send(2); });
    tasks.tick();
    EXPECT_EQ(between.try_receive(), 2);
    sends.request_stop();
    EXPECT_TRUE(sends.get());
}

TEST_F(channels, let_others_run_though_there_is_always_room) {
    pirn::scheduler tasks;
    pirn::channel<int> endless{pirn::unbounded};
    bool other_ran = false;
    tasks
        .spawn([&] {
            while (!other_ran) endless.send(1);
        })
        .detach();
    tasks.spawn([&] { other_ran = true; }).detach();
    tasks.run();
    EXPECT_LT(endless.size(), 1000U);
}

TEST_F(channels, that_somebody_waits_at_may_not_be_destroyed) {
    const support::child_end end = support::in_child([] {
        pirn::scheduler tasks;
        auto* between = new pirn::channel<int>;
        tasks.spawn([&] { between->receive(); }).detach();
        tasks.tick();
        delete between;
    });
    EXPECT_TRUE(end.killed_by(SIGABRT) && end.said("while somebody waits at it")) << end;
}

FOR_ALL_CREWS(channel);

} // namespace
