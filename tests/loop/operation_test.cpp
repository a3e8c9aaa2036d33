// SPDX-License-Identifier: MIT
//
// The life of an operation: its states, exactly one completion per submit, and what a completion may
// do. With operations of several kinds, because each kind waits in another place.
#include <pirn/loop/operation.hpp>

#include <pirn/loop/operations.hpp>

#include "support/backends.hpp"
#include "support/child.hpp"
#include "support/sockets.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>

#include <poll.h>

namespace {

using namespace std::chrono_literals;
using pirn::operation_state;
using pirn::run_mode;
using support::connection;

class operation_test : public support::on_each_backend {};
INSTANTIATE_TEST_SUITE_P(operation, operation_test, support::every_backend(),
                         support::name_of_backend);

TEST_P(operation_test, goes_from_idle_over_in_flight_to_idle) {
    connection pair = connection::unix_stream(loop());
    std::array<std::byte, 4> space{};
    support::receive receive{pair.near(), space};
    EXPECT_EQ(receive.kind(), pirn::operation_kind::receive);
    EXPECT_EQ(receive.state(), operation_state::idle);
    EXPECT_FALSE(receive.in_flight());

    operation_state inside = operation_state::in_flight;
    receive.then = [&](auto& self) { inside = self.state(); };
    loop().submit(receive);
    EXPECT_EQ(receive.state(), operation_state::in_flight);
    EXPECT_TRUE(receive.in_flight());
    support::say(pair.far(), "warp");
    loop().run();
    EXPECT_EQ(inside, operation_state::idle);
    EXPECT_TRUE(receive.completed_with(4));
}

TEST_P(operation_test, goes_over_cancelling_when_cancelled) {
    connection pair = connection::unix_stream(loop());
    std::array<std::byte, 4> space{};
    support::receive receive{pair.near(), space};
    loop().submit(receive);
    loop().run(run_mode::nowait);
    loop().cancel(receive);
    EXPECT_EQ(receive.state(), operation_state::cancelling);
    EXPECT_TRUE(receive.in_flight());
    loop().cancel(receive); // again changes nothing
    loop().run();
    EXPECT_TRUE(receive.completed_with(-ECANCELED));
}

TEST_P(operation_test, is_left_alone_by_cancel_while_idle) {
    support::nop nop;
    loop().cancel(nop);
    EXPECT_EQ(nop.state(), operation_state::idle);
    EXPECT_EQ(perform(nop), 0);
    loop().cancel(nop);
    EXPECT_EQ(loop().run(run_mode::nowait), 0U);
    EXPECT_EQ(nop.completions, 1);
}

TEST_P(operation_test, is_completed_by_run_and_never_inside_submit_or_cancel) {
    connection pair = connection::unix_stream(loop());
    support::say(pair.far(), "warp"); // the kernel could answer at once
    std::array<std::byte, 4> space{};
    support::receive receive{pair.near(), space};
    loop().submit(receive);
    EXPECT_EQ(receive.completions, 0);
    EXPECT_TRUE(receive.in_flight());
    loop().run();
    EXPECT_EQ(receive.completions, 1);

    loop().submit(receive);
    loop().cancel(receive);
    EXPECT_EQ(receive.completions, 1);
    loop().run();
    EXPECT_EQ(receive.completions, 2);
}

TEST_P(operation_test, keeps_the_result_that_came_before_the_cancellation) {
    connection pair = connection::unix_stream(loop());
    support::say(pair.far(), "warp");
    std::array<std::byte, 4> space{};
    support::receive receive{pair.near(), space};
    support::nop nop;
    nop.then = [&](auto&) { loop().cancel(receive); }; // delivered in the same turn, or just before
    loop().submit(nop);
    loop().submit(receive);
    EXPECT_TRUE(run_until([&] { return receive.completions == 1; }));
    if (receive.result() == -ECANCELED) {
        EXPECT_EQ(support::hear(pair.near()), "warp") << "cancelled, but it took the bytes";
    } else {
        EXPECT_EQ(receive.result(), 4);
    }
}

TEST_P(operation_test, may_be_submitted_again_by_its_completion) {
    support::timer timer{pirn::after(0s)};
    timer.then = [&](auto& self) {
        if (self.completions < 10) {
            loop().submit(self);
        }
    };
    loop().submit(timer);
    EXPECT_EQ(loop().run(), 10U);
}

TEST_P(operation_test, may_be_destroyed_by_its_completion) {
    auto owned = std::make_unique<support::nop>();
    owned->then = [&](auto&) { owned.reset(); };
    loop().submit(*owned);
    loop().run();
    EXPECT_EQ(owned, nullptr);
}

// Reuse of the same memory at once is what would show a stale pointer in a backend.
TEST_P(operation_test, leaves_no_trace_of_itself_after_its_completion) {
    connection pair = connection::unix_stream(loop());
    std::array<std::byte, 4> space{};
    for (int round = 0; round < 200; ++round) {
        auto first = std::make_unique<support::receive>(pair.near(), space);
        loop().submit(*first);
        if (round % 3 != 0) {
            loop().run(run_mode::nowait); // so that the kernel has it, in two rounds of three
        }
        // The bytes and the cancellation race.
        support::say(pair.far(), "warp");
        loop().cancel(*first);
        ASSERT_TRUE(run_until([&] { return first->completions == 1; }));
        const int result = first->result();
        first.reset();

        auto second = std::make_unique<support::receive>(pair.near(), space);
        if (result == -ECANCELED) {
            ASSERT_EQ(perform(*second), 4);
        } else {
            ASSERT_EQ(result, 4);
            loop().submit(*second);
            loop().run(run_mode::nowait);
            EXPECT_TRUE(second->in_flight()) << "hit by the cancellation of the one before it";
            loop().cancel(*second);
            loop().run();
        }
    }
}

TEST_P(operation_test, may_cancel_another_that_has_completed_in_the_same_turn) {
    support::nop first;
    support::nop second;
    first.then = [&](auto&) { loop().cancel(second); };
    loop().submit(first);
    loop().submit(second);
    EXPECT_EQ(loop().run(), 2U);
    EXPECT_TRUE(second.completed_with(0)) << "the result was there already";
}

TEST_P(operation_test, may_cancel_and_submit_others_from_its_completion) {
    connection pair = connection::unix_stream(loop());
    std::array<std::byte, 4> space{};
    support::receive victim{pair.near(), space};
    support::timer late{pirn::never};
    support::nop next;
    support::nop first;
    first.then = [&](auto&) {
        loop().cancel(victim);
        loop().cancel(late);
        loop().submit(next);
    };
    loop().submit(victim);
    loop().submit(late);
    loop().submit(first);
    EXPECT_EQ(loop().run(), 4U);
    EXPECT_TRUE(victim.completed_with(-ECANCELED));
    EXPECT_TRUE(late.completed_with(-ECANCELED));
    EXPECT_TRUE(next.completed_with(0));
}

// ---- attempt --------------------------------------------------------------------------------------

// attempt may answer at once or not, as the backend finds cheaper; either way there is one answer.
template <class Operation>
int attempted(pirn::loop& loop, Operation& what) {
    if (loop.attempt(what)) {
        EXPECT_FALSE(what.in_flight());
        EXPECT_EQ(loop.pending(), 0U);
        loop.run(run_mode::nowait);
        EXPECT_EQ(what.completions, 0) << "answered at once and completed as well";
    } else {
        EXPECT_TRUE(what.in_flight());
        loop.run();
        EXPECT_EQ(what.completions, 1);
    }
    what.completions = 0;
    return what.result();
}

TEST_P(operation_test, when_attempted_gives_one_answer) {
    connection pair = connection::unix_stream(loop());
    std::array<std::byte, 4> space{};
    support::receive receive{pair.near(), space};
    support::send send{pair.far(), pirn::bytes{"warp"}};
    support::poll writable{pair.near(), POLLOUT};
    support::nop nop;
    support::timer past{pirn::time_point{}};
    for (int round = 0; round < 3; ++round) {
        EXPECT_EQ(attempted(loop(), send), 4);
        EXPECT_EQ(attempted(loop(), receive), 4);
        EXPECT_EQ(attempted(loop(), writable), POLLOUT);
        EXPECT_EQ(attempted(loop(), nop), 0);
        EXPECT_EQ(attempted(loop(), past), 0);
    }
    pair.close_far();
    EXPECT_EQ(attempted(loop(), receive), 0);
    EXPECT_EQ(attempted(loop(), send), -EBADF);
}

TEST_P(operation_test, when_attempted_in_vain_waits_like_one_that_was_submitted) {
    connection pair = connection::unix_stream(loop());
    std::array<std::byte, 4> space{};
    support::receive receive{pair.near(), space};
    const auto before = pirn::live();
    ASSERT_FALSE(loop().attempt(receive));
    EXPECT_EQ(receive.state(), operation_state::in_flight);
    EXPECT_EQ(loop().pending(), 1U);
    EXPECT_EQ(pirn::live().operations, before.operations + 1);
    support::say(pair.far(), "warp");
    loop().run();
    EXPECT_TRUE(receive.completed_with(4));
}

TEST_P(operation_test, when_attempted_in_vain_can_be_cancelled) {
    connection pair = connection::unix_stream(loop());
    std::array<std::byte, 4> space{};
    support::receive receive{pair.near(), space};
    ASSERT_FALSE(loop().attempt(receive));
    loop().cancel(receive);
    loop().run();
    EXPECT_TRUE(receive.completed_with(-ECANCELED));
}

// ---- programmer errors ----------------------------------------------------------------------------

TEST_P(operation_test, is_not_destroyed_in_flight) {
    const support::child_end end = support::in_child([this] {
        make_loop(); // the parent's is of no use here
        const auto timer = std::make_unique<support::timer>(pirn::never);
        loop().submit(*timer);
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("an operation was destroyed in flight")) << end;
}

TEST_P(operation_test, is_not_submitted_twice) {
    const support::child_end end = support::in_child([this] {
        make_loop();
        auto* const timer = new support::timer{pirn::never};
        loop().submit(*timer);
        loop().submit(*timer);
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("still in flight")) << end;
}

} // namespace
