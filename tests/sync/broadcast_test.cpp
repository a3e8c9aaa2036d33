// SPDX-License-Identifier: MIT
//
// Everybody sees everything, or is told how much was missed.
#include <pirn/sync/broadcast.hpp>

#include <pirn/sync/select.hpp>

#include "support/misuse.hpp"
#include "sync/crew.hpp"

#include <atomic>
#include <memory>
#include <optional>

namespace {

using broadcast = sync_tests::with_crews;
using broadcasts = support::balanced<>;
using sync_tests::crew;

TEST_P(broadcast, shows_each_receiver_every_value_or_tells_what_it_missed) {
    constexpr int values = 500;
    pirn::broadcast<int> all_hear{16};
    std::vector<pirn::broadcast<int>::subscription> mine;
    for (int i = 0; i < 4; ++i) mine.push_back(all_hear.subscribe());
    std::atomic<std::size_t> number{0};
    crew all{GetParam()};
    all.add(4, [&] {
        auto& my = mine[number++];
        int next = 0;
        while (const auto got = my.receive()) {
            EXPECT_EQ(got->value, next + static_cast<int>(got->missed));
            next = got->value + 1;
        }
        EXPECT_EQ(next, values);
    });
    all.add([&] {
        for (int i = 0; i < values; ++i) {
            EXPECT_TRUE(all_hear.send(i));
            if (pirn::scheduler::current() != nullptr && i % 10 == 0) pirn::yield_now();
        }
        all_hear.close();
    });
    all.run();
    EXPECT_FALSE(all_hear.send(0));
}

TEST_F(broadcasts, show_what_is_sent_from_the_subscription_on) {
    pirn::broadcast<int> some{4};
    some.send(1);
    auto mine = some.subscribe();
    EXPECT_FALSE(mine.try_receive());
    some.send(2);
    const auto got = mine.try_receive();
    EXPECT_EQ(got->value, 2);
    EXPECT_EQ(got->missed, 0U);
    EXPECT_FALSE(mine.try_receive());
}

TEST_F(broadcasts, tell_who_lags_how_much_it_missed) {
    pirn::broadcast<int> some{4};
    auto mine = some.subscribe();
    for (int i = 0; i < 11; ++i) some.send(i);
    some.close();
    auto got = mine.receive();
    EXPECT_EQ(got->value, 7);
    EXPECT_EQ(got->missed, 7U);
    for (int i = 8; i < 11; ++i) {
        got = mine.receive();
        EXPECT_EQ(got->value, i);
        EXPECT_EQ(got->missed, 0U);
    }
    EXPECT_FALSE(mine.receive());
}

TEST_F(broadcasts, lose_nothing_to_a_cancelled_receive) {
    pirn::scheduler tasks;
    pirn::broadcast<int> some{4};
    auto mine = some.subscribe();
    auto stopped = tasks.spawn([&] { EXPECT_THROW(mine.receive(), pirn::cancelled); });
    tasks.tick();
    stopped.request_stop();
    stopped.get();
    some.send(1);
    EXPECT_EQ(mine.receive()->value, 1);
}

TEST_F(broadcasts, let_go_of_old_values) {
    const auto shared = std::make_shared<int>(1);
    pirn::broadcast<std::shared_ptr<int>> some{3};
    for (int i = 0; i < 10; ++i) some.send(shared);
    EXPECT_EQ(shared.use_count(), 4);
}

TEST_F(broadcasts, can_be_selected) {
    pirn::scheduler tasks;
    pirn::broadcast<int> one{4};
    pirn::broadcast<int> other{4};
    auto from_one = one.subscribe();
    auto from_other = other.subscribe();
    auto selects = tasks.spawn([&] {
        const auto value = [](std::optional<pirn::broadcast_item<int>> got) { return got->value; };
        return pirn::select(pirn::on(from_one.receiving(), value),
                            pirn::on(from_other.receiving(), value));
    });
    tasks.tick();
    other.send(5);
    EXPECT_EQ(selects.get(), 5);
    one.send(6);
    EXPECT_EQ(from_one.receive()->value, 6);
}

TEST_F(broadcasts, keep_at_least_one_value) {
    EXPECT_TRUE(support::complains([] { pirn::broadcast<int>{0}; }, "at least one value"));
}

FOR_ALL_CREWS(broadcast);

} // namespace
