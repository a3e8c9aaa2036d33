// SPDX-License-Identifier: MIT
//
// What blocks, what never does, and what is chosen: Go's tables for channels and select, by behaviour. Where Go
// panics, a send here gives false. A case that `when` has switched off stands for Go's nil channel.
#include <pirn/sched/scheduler.hpp>
#include <pirn/sync/channel.hpp>
#include <pirn/sync/select.hpp>

#include "support/account.hpp"
#include "sync/actions.hpp"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using pirn::default_case;
using pirn::on;
using pirn::when;

enum class kind {
    open_empty,
    open_filled,
    open_full,
    closed_empty,
    closed_filled,
    rendezvous,
    with_receiver,
    with_sender
};

// A channel in one of the states of the table, with whoever waits at it.
struct prepared {
    explicit prepared(kind which)
        : channel{which == kind::rendezvous || which == kind::with_receiver ||
                          which == kind::with_sender
                      ? std::size_t{0}
                      : std::size_t{2}} {
        switch (which) {
        case kind::open_full: channel.send(1); [[fallthrough]];
        case kind::open_filled: channel.send(1); break;
        case kind::closed_filled: channel.send(1); [[fallthrough]];
        case kind::closed_empty: channel.close(); break;
        case kind::with_receiver: tasks.spawn([this] { channel.receive(); }).detach(); break;
        case kind::with_sender: tasks.spawn([this] { channel.send(1); }).detach(); break;
        case kind::open_empty:
        case kind::rendezvous: break;
        }
        tasks.tick();
    }
    ~prepared() {
        channel.close();
        tasks.run();
    }
    prepared(const prepared&) = delete;
    prepared& operator=(const prepared&) = delete;

    pirn::scheduler tasks;
    pirn::channel<int> channel;
};

enum class send_result { waits, sent, closed };
enum class receive_result { waits, value, end };

struct row {
    const char* name;
    kind state;
    send_result send;
    receive_result receive;
};

constexpr row table[] = {
    {"open_empty", kind::open_empty, send_result::sent, receive_result::waits},
    {"open_filled", kind::open_filled, send_result::sent, receive_result::value},
    {"open_full", kind::open_full, send_result::waits, receive_result::value},
    {"closed_empty", kind::closed_empty, send_result::closed, receive_result::end},
    {"closed_filled", kind::closed_filled, send_result::closed, receive_result::value},
    {"rendezvous", kind::rendezvous, send_result::waits, receive_result::waits},
    {"with_receiver", kind::with_receiver, send_result::sent, receive_result::waits},
    {"with_sender", kind::with_sender, send_result::waits, receive_result::value},
};

class channel_table : public support::balanced<testing::TestWithParam<row>> {};

TEST_P(channel_table, says_what_a_send_does) {
    const row expected = GetParam();
    {
        prepared at{expected.state};
        std::optional<bool> result;
        auto sends = at.tasks.spawn([&] { result = at.channel.send(9); });
        at.tasks.tick();
        EXPECT_EQ(result.has_value(), expected.send != send_result::waits);
        if (result) {
            EXPECT_EQ(*result, expected.send == send_result::sent);
        }
        sends.request_stop();
        at.tasks.tick();
        sends.join();
    }
    prepared at{expected.state};
    EXPECT_EQ(at.channel.try_send(9), expected.send == send_result::sent);
}

TEST_P(channel_table, says_what_a_receive_does) {
    const row expected = GetParam();
    {
        prepared at{expected.state};
        std::optional<std::optional<int>> result;
        auto receives = at.tasks.spawn([&] { result = at.channel.receive(); });
        at.tasks.tick();
        EXPECT_EQ(result.has_value(), expected.receive != receive_result::waits);
        if (result) {
            EXPECT_EQ(result->has_value(), expected.receive == receive_result::value);
        }
        receives.request_stop();
        at.tasks.tick();
        receives.join();
    }
    prepared at{expected.state};
    EXPECT_EQ(at.channel.try_receive().has_value(), expected.receive == receive_result::value);
}

TEST_P(channel_table, says_which_cases_of_a_select_are_ready) {
    const row expected = GetParam();
    {
        prepared at{expected.state};
        std::optional<bool> sent;
        EXPECT_EQ(pirn::select(on(at.channel.sending(9), [&](bool ok) { sent = ok; }),
                               default_case(nothing)),
                  expected.send == send_result::waits ? 1U : 0U);
        if (sent) {
            EXPECT_EQ(*sent, expected.send == send_result::sent);
        }
    }
    prepared at{expected.state};
    std::optional<bool> received;
    EXPECT_EQ(
        pirn::select(on(at.channel.receiving(), [&](auto got) { received = got.has_value(); }),
                     default_case(nothing)),
        expected.receive == receive_result::waits ? 1U : 0U);
    if (received) {
        EXPECT_EQ(*received, expected.receive == receive_result::value);
    }
}

TEST_P(channel_table, is_the_same_for_a_select_of_both_directions) {
    const row expected = GetParam();
    bool sent = false;
    bool received = false;
    for (int i = 0; i < 40; ++i) {
        prepared at{expected.state};
        const std::size_t which =
            pirn::select(on(at.channel.sending(9), ignore), on(at.channel.receiving(), ignore),
                         default_case(nothing));
        sent = sent || which == 0;
        received = received || which == 1;
    }
    // Each direction that is ready is chosen at times, one that is not never is.
    EXPECT_EQ(sent, expected.send != send_result::waits);
    EXPECT_EQ(received, expected.receive != receive_result::waits);
}

INSTANTIATE_TEST_SUITE_P(states, channel_table, testing::ValuesIn(table),
                         [](const auto& each) { return std::string{each.param.name}; });

using select_table = support::balanced<>;

TEST_F(select_table, a_case_switched_off_is_never_chosen) {
    pirn::channel<int> ready{1};
    ready.send(1);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(pirn::select(when(false, on(ready.receiving(), ignore)), default_case(nothing)),
                  1U);
    }
    EXPECT_EQ(pirn::select(when(true, on(ready.receiving(), ignore)), default_case(nothing)), 0U);
    pirn::event happened{true};
    EXPECT_EQ(pirn::select(on(happened, nothing), when(false, default_case(nothing))), 0U);
}

TEST_F(select_table, with_no_case_on_it_waits_until_the_task_is_asked_to_stop) {
    pirn::scheduler tasks;
    pirn::channel<int> some{1};
    auto waits = tasks.spawn([&] {
        EXPECT_THROW(pirn::select(when(false, on(some.sending(1), ignore))), pirn::cancelled);
    });
    for (int i = 0; i < 5; ++i) tasks.tick();
    EXPECT_FALSE(waits.done());
    waits.request_stop();
    waits.get();
}

TEST_F(select_table, the_same_channel_may_stand_in_several_cases) {
    pirn::scheduler tasks;
    pirn::channel<int> one;
    std::vector<int> won(3);
    auto waits = tasks.spawn([&] {
        for (int i = 0; i < 300; ++i) {
            ++won[pirn::select(on(one.receiving(), ignore), on(one.receiving(), ignore),
                               on(one.receiving(), ignore))];
        }
    });
    tasks
        .spawn([&] {
            for (int i = 0; i < 300; ++i) one.send(i);
        })
        .get();
    waits.get();
    EXPECT_EQ(won[0] + won[1] + won[2], 300);
    for (const int count : won) EXPECT_GT(count, 20);
}

TEST_F(select_table, a_select_does_not_meet_itself_on_a_rendezvous) {
    pirn::scheduler tasks;
    pirn::channel<int> one;
    auto waits = tasks.spawn(
        [&] { return pirn::select(on(one.sending(1), ignore), on(one.receiving(), ignore)); });
    for (int i = 0; i < 5; ++i) tasks.tick();
    EXPECT_FALSE(waits.done());
    EXPECT_EQ(one.try_receive(), 1);
    EXPECT_EQ(waits.get(), 0U);
}

TEST_F(select_table, closing_wakes_a_select_in_either_direction) {
    pirn::scheduler tasks;
    pirn::channel<int> one;
    pirn::channel<int> other;
    auto sends = tasks.spawn([&] {
        return pirn::select(on(one.sending(1), [](bool ok) { return ok; }),
                            on(other.receiving(), [](auto) { return true; }));
    });
    auto receives = tasks.spawn([&] {
        return pirn::select(on(one.sending(1), [](bool) { return true; }),
                            on(other.receiving(), [](auto got) { return got.has_value(); }));
    });
    tasks.tick();
    one.close();
    EXPECT_FALSE(sends.get());
    other.close();
    EXPECT_TRUE(receives.get()); // it was the first channel's already
    auto late = tasks.spawn([&] {
        return pirn::select(on(other.receiving(), [](auto got) { return got.has_value(); }));
    });
    EXPECT_FALSE(late.get());
}

TEST_F(select_table, selects_stand_in_the_queue_like_everybody) {
    pirn::scheduler tasks;
    pirn::channel<int> one;
    pirn::channel<int> silent;
    std::string order;
    const auto plain = [&](char name) {
        tasks.spawn([&, name] { order += name + std::to_string(*one.receive()); }).detach();
    };
    const auto selecting = [&](char name) {
        tasks
            .spawn([&, name] {
                pirn::select(on(silent.receiving(), ignore), on(one.receiving(), [&](auto got) {
                                 order += name + std::to_string(*got);
                             }));
            })
            .detach();
    };
    plain('a');
    selecting('b');
    plain('c');
    selecting('d');
    tasks.tick();
    for (int i = 1; i <= 4; ++i) EXPECT_TRUE(one.try_send(i));
    tasks.run();
    EXPECT_EQ(order, "a1b2c3d4");
}

} // namespace
