// SPDX-License-Identifier: MIT
//
// Values that refuse to be moved: whoever they belonged to keeps them, and nobody waits for ever.
#include <pirn/sync/channel_core.hpp>

#include <pirn/sched/scheduler.hpp>
#include <pirn/sync/channel.hpp>
#include <pirn/sync/select.hpp>

#include "support/account.hpp"

#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using moving_values = support::balanced<>;

// A value whose moves throw while `moves_left` is zero; below zero, never.
struct stubborn {
    static inline int moves_left = -1;
    static inline int alive = 0;

    explicit stubborn(int of) : number{of} { ++alive; }
    stubborn(stubborn&& other) : number{other.number} { // NOLINT: that it throws is the point
        if (moves_left == 0) throw std::runtime_error{"stubborn"};
        if (moves_left > 0) --moves_left;
        other.number = 0;
        ++alive;
    }
    stubborn(const stubborn&) = delete;
    stubborn& operator=(const stubborn&) = delete;
    stubborn& operator=(stubborn&&) = delete;
    ~stubborn() { --alive; }

    int number;
};

// refusing: for the moves of one expression, all or after the first few.
struct refusing {
    explicit refusing(int after = 0) { stubborn::moves_left = after; }
    ~refusing() { stubborn::moves_left = -1; }
};

int received(pirn::channel<stubborn>& from) {
    const auto got = from.try_receive();
    return got ? got->number : 0;
}

TEST_F(moving_values, that_refuse_to_go_into_the_channel_stay_with_the_sender) {
    for (const std::size_t filled : {std::size_t{0}, std::size_t{5}, std::size_t{64}}) {
        pirn::channel<stubborn> some{pirn::unbounded};
        for (std::size_t i = 0; i < filled; ++i) some.send(stubborn{1});
        stubborn mine{2};
        {
            const refusing now;
            EXPECT_THROW(some.send(std::move(mine)), std::runtime_error);
        }
        EXPECT_EQ(mine.number, 2);
        EXPECT_EQ(some.size(), filled);
        EXPECT_TRUE(some.send(std::move(mine)));
        for (std::size_t i = 0; i < filled; ++i) EXPECT_EQ(received(some), 1);
        EXPECT_EQ(received(some), 2);
    }
    EXPECT_EQ(stubborn::alive, 0);
}

TEST_F(moving_values, that_refuse_to_come_out_are_still_there) {
    pirn::channel<stubborn> some{4};
    some.send(stubborn{1});
    some.send(stubborn{2});
    {
        const refusing now;
        EXPECT_THROW(some.receive(), std::runtime_error);
    }
    EXPECT_EQ(received(some), 1);
    EXPECT_EQ(received(some), 2);
}

TEST_F(moving_values, that_refuse_to_be_handed_over_leave_the_receiver_waiting) {
    pirn::scheduler tasks;
    pirn::channel<stubborn> between;
    auto first = tasks.spawn([&] { return between.receive()->number; });
    auto second = tasks.spawn([&] { return between.receive()->number; });
    tasks.tick();
    stubborn mine{1};
    {
        const refusing now;
        EXPECT_THROW(between.send(std::move(mine)), std::runtime_error);
    }
    EXPECT_EQ(mine.number, 1);
    EXPECT_TRUE(between.try_send(std::move(mine)));
    EXPECT_TRUE(between.try_send(stubborn{2}));
    EXPECT_EQ(first.get(), 1) << "it kept its place";
    EXPECT_EQ(second.get(), 2);
}

TEST_F(moving_values, that_refuse_to_be_fetched_leave_the_sender_waiting) {
    pirn::scheduler tasks;
    pirn::channel<stubborn> between;
    auto sends = tasks.spawn([&] { return between.send(stubborn{1}); });
    tasks.tick();
    {
        const refusing now;
        EXPECT_THROW(between.receive(), std::runtime_error);
    }
    EXPECT_EQ(received(between), 1);
    EXPECT_TRUE(sends.get());
}

TEST_F(moving_values, that_refuse_to_be_fetched_leave_the_sender_in_its_place) {
    pirn::scheduler tasks;
    pirn::channel<stubborn> between;
    std::vector<pirn::join_handle<bool>> senders;
    for (int i = 1; i <= 3; ++i) {
        senders.push_back(tasks.spawn([&between, i] { return between.send(stubborn{i}); }));
    }
    tasks.tick();
    for (int i = 1; i <= 3; ++i) {
        {
            const refusing now;
            EXPECT_THROW(between.receive(), std::runtime_error);
        }
        EXPECT_EQ(received(between), i) << "who came first is served first";
    }
    for (auto& each : senders) {
        EXPECT_TRUE(each.get());
    }
}

TEST_F(moving_values, of_a_waiting_sender_that_refuse_to_queue_up_throw_in_the_sender) {
    pirn::scheduler tasks;
    pirn::channel<stubborn> one{1};
    one.send(stubborn{1});
    auto sends = tasks.spawn([&] {
        stubborn mine{2};
        const refusing again; // by the time it tries itself
        EXPECT_THROW(one.send(std::move(mine)), std::runtime_error);
        EXPECT_EQ(mine.number, 2);
    });
    tasks.tick();
    {
        const refusing after_the_first{1};
        const auto got = one.try_receive(); // the first comes out, the second refuses
        EXPECT_EQ(got->number, 1);
        stubborn::moves_left = 0;
        tasks.run();
    }
    sends.get();
    EXPECT_EQ(one.size(), 0U);
}

TEST_F(moving_values, that_refuse_in_a_select_let_it_go_on_waiting) {
    pirn::scheduler tasks;
    pirn::channel<stubborn> one;
    pirn::channel<stubborn> other;
    int got = 0;
    auto selects = tasks.spawn([&] {
        const auto take = [&](auto value) { got = value->number; };
        return pirn::select(pirn::on(one.receiving(), take), pirn::on(other.receiving(), take));
    });
    tasks.tick();
    stubborn mine{1};
    {
        const refusing now;
        EXPECT_THROW(one.send(std::move(mine)), std::runtime_error);
    }
    for (int i = 0; i < 3; ++i) tasks.tick();
    EXPECT_FALSE(selects.done());
    EXPECT_TRUE(other.try_send(std::move(mine)));
    EXPECT_EQ(selects.get(), 1U);
    EXPECT_EQ(got, 1);
    EXPECT_FALSE(one.try_send(stubborn{2})) << "nobody is there any more";
}

TEST_F(moving_values, of_large_alignment_stand_where_they_should) {
    struct alignas(128) wide {
        std::byte bytes[300];
    };
    pirn::channel<wide> some{pirn::unbounded};
    for (int i = 0; i < 20; ++i) some.send(wide{});
    for (int i = 0; i < 20; ++i) {
        const auto got = some.receive();
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*got) % 128, 0U);
    }
}

} // namespace
