// SPDX-License-Identifier: MIT
//
// One value, once.
#include <pirn/sync/oneshot.hpp>

#include <pirn/sync/select.hpp>

#include "support/misuse.hpp"
#include "sync/crew.hpp"

#include <memory>
#include <system_error>

namespace {

using oneshot = sync_tests::with_crews;
using oneshots = support::balanced<>;
using sync_tests::crew;

TEST_P(oneshot, brings_one_value) {
    for (int i = 0; i < 50; ++i) {
        auto ends = pirn::oneshot<std::unique_ptr<int>>();
        crew both{GetParam()};
        both.add([&] { EXPECT_EQ(*ends.second.receive(), 42); });
        both.add([&] { EXPECT_TRUE(ends.first.send(std::make_unique<int>(42))); });
        both.run();
        EXPECT_FALSE(ends.first.valid());
        EXPECT_FALSE(ends.second.valid());
    }
}

TEST_P(oneshot, tells_the_receiver_that_the_sender_is_gone) {
    auto ends = pirn::oneshot<int>();
    crew both{GetParam()};
    both.add([&] {
        try {
            ends.second.receive();
            ADD_FAILURE() << "nothing was sent";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), std::errc::broken_pipe);
        }
    });
    both.add([&] { const auto gone = std::move(ends.first); });
    both.run();
}

TEST_F(oneshots, tell_the_sender_that_the_receiver_is_gone) {
    auto [sender, receiver] = pirn::oneshot<std::unique_ptr<int>>();
    EXPECT_TRUE(sender.wanted());
    receiver = {};
    EXPECT_FALSE(sender.wanted());
    auto value = std::make_unique<int>(1);
    EXPECT_FALSE(sender.send(std::move(value)));
    EXPECT_NE(value, nullptr); // NOLINT(bugprone-use-after-move): that is the promise
}

TEST_F(oneshots, can_be_tried_and_waited_for_again_after_a_cancelled_wait) {
    pirn::scheduler tasks;
    auto [sender, receiver] = pirn::oneshot<int>();
    EXPECT_FALSE(receiver.try_receive());
    auto stopped = tasks.spawn([&to = receiver] { EXPECT_THROW(to.receive(), pirn::cancelled); });
    tasks.tick();
    stopped.request_stop();
    stopped.get();
    sender.send(1);
    EXPECT_EQ(receiver.try_receive(), 1);
}

TEST_F(oneshots, in_a_select_give_the_value_or_nothing) {
    auto [sender, receiver] = pirn::oneshot<int>();
    auto [other_sender, other_receiver] = pirn::oneshot<int>();
    sender.send(7);
    const auto look = [](auto& at) {
        return pirn::select(
            pirn::on(at.receiving(), [](std::optional<int> got) { return got.value_or(-1); }));
    };
    EXPECT_EQ(look(receiver), 7);
    other_sender = {};
    EXPECT_EQ(look(other_receiver), -1);
    EXPECT_THROW(std::ignore = other_receiver.try_receive(), std::system_error);
}

TEST_F(oneshots, are_used_once) {
    auto [sender, receiver] = pirn::oneshot<int>();
    sender.send(1);
    EXPECT_TRUE(support::complains([&to = sender] { to.send(2); }, "has sent already"));
    receiver.receive();
    EXPECT_TRUE(support::complains([&to = receiver] { to.receive(); }, "has received already"));
}

FOR_ALL_CREWS(oneshot);

} // namespace
