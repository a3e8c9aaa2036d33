// SPDX-License-Identifier: MIT
//
// The number of a descriptor comes back: what release makes the loop forget.
#include <pirn/loop/buffers.hpp>
#include <pirn/loop/operations.hpp>
#include <pirn/loop/socket.hpp>

#include "support/backends.hpp"
#include "support/child.hpp"
#include "support/sanitizers.hpp"
#include "support/sockets.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using pirn::os::handle;
using support::connection;
using support::listener;

class release_test : public support::on_each_backend {};
INSTANTIATE_TEST_SUITE_P(release, release_test, support::every_backend(), support::name_of_backend);

// The number of a closed descriptor comes back for the next one: nothing that was known about the old
// one may stick to it.
TEST_P(release_test, a_descriptor_number_begins_anew_after_release) {
    std::set<int> used;
    int reused = 0;
    for (int round = 0; round < 300; ++round) {
        connection pair =
            round % 2 == 0 ? connection::tcp(loop()) : connection::unix_stream(loop());
        reused += used.insert(pair.near()).second ? 0 : 1;
        std::array<char, 16> space{};
        support::receive receive{pair.near(), space};
        loop().submit(receive);
        loop().run(run_mode::nowait);
        if (round % 3 == 0) { // ended by the peer, with events still to come
            pair.close_far();
            ASSERT_TRUE(run_until([&] { return receive.completions == 1; }));
            ASSERT_EQ(receive.result(), 0);
        } else if (round % 3 == 1) { // cancelled
            loop().cancel(receive);
            loop().run();
            ASSERT_TRUE(receive.completed_with(-ECANCELED));
            support::say(pair.far(), "for nobody");
        } else {
            support::say(pair.far(), "weft");
            ASSERT_TRUE(run_until([&] { return receive.completions == 1; }));
            ASSERT_EQ(receive.result(), 4);
        }
    }
    EXPECT_GT(reused, 200) << "the test did not test what it says";
}

// Each round has its own tag. The old socket is closed, by an operation or by hand, with bytes on their way and its
// receive just cancelled or just answered; the next one has its number (hazard 27).
TEST_P(release_test, sockets_closed_and_opened_a_hundred_thousand_times_hear_only_their_own_bytes) {
    constexpr int rounds = 100'000 / support::slowness;
    std::mt19937 random{27}; // NOLINT: the same every time
    std::set<int> used;
    int heard = 0;
    for (int round = 0; round < rounds; ++round) {
        std::array<int, 2> ends{};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | loop().socket_flags(), 0, ends.data()), 0);
        handle near{ends[0]};
        const handle far{ends[1]};
        used.insert(near.get());
        int tag = -1;
        support::receive receive{
            near.get(), pirn::mutable_bytes{reinterpret_cast<std::byte*>(&tag), sizeof tag}};
        const unsigned dice = static_cast<unsigned>(random());
        loop().submit(receive);
        if (dice % 2 == 0) {
            loop().run(run_mode::nowait);
        }
        if (dice / 2 % 4 != 0) {
            ASSERT_EQ(::send(far.get(), &round, sizeof round, MSG_NOSIGNAL), 4);
        }
        if (dice / 8 % 2 == 0) {
            loop().run(run_mode::nowait);
        }
        loop().cancel(receive);
        ASSERT_TRUE(run_until([&] { return !receive.in_flight(); }));
        ASSERT_EQ(receive.completions, 1);
        if (receive.result() == -ECANCELED) {
            ASSERT_EQ(tag, -1) << "it was written to all the same";
        } else {
            ASSERT_EQ(receive.result(), 4);
            ASSERT_EQ(tag, round);
            ++heard;
        }
        if (dice / 16 % 2 == 0) {
            loop().release(near.get());
            near.close();
        } else {
            support::recorded<pirn::close_operation> close{near.release()};
            ASSERT_EQ(perform(close), 0);
        }
    }
    EXPECT_LT(used.size(), 10U) << "the numbers did not come again";
    EXPECT_GT(heard, rounds / 10);
    EXPECT_LT(heard, rounds);
}

// A duplicate keeps the old socket alive under the hood: its events must not reach the new one.
TEST_P(release_test, a_duplicate_of_a_released_descriptor_is_no_concern_of_the_loop) {
    connection old = connection::unix_stream(loop());
    std::array<char, 16> space{};
    support::receive first{old.near(), space};
    loop().submit(first);
    loop().run(run_mode::nowait);
    loop().cancel(first);
    loop().run();
    const int number = old.near();
    const handle duplicate{::dup(number)};
    old.close_near();

    connection fresh = connection::unix_stream(loop());
    ASSERT_EQ(fresh.near(), number) << "the kernel gives the lowest number";
    support::receive second{fresh.near(), space};
    loop().submit(second);
    loop().run(run_mode::nowait);
    support::say(old.far(), "for the duplicate");
    loop().run(run_mode::once, pirn::after(1ms));
    EXPECT_EQ(second.completions, 0);
    support::say(fresh.far(), "weft");
    ASSERT_TRUE(run_until([&] { return second.completions == 1; }));
    EXPECT_EQ(second.result(), 4);
    EXPECT_EQ(support::hear(duplicate.get()), "for the duplicate");
}

// Such a receive is in no queue of its descriptor: the ring would use the number when it belongs to somebody else.
TEST_P(release_test, under_a_receive_that_waits_for_a_buffer_is_reported) {
    using receiving = support::recorded<pirn::receive_borrowed_operation>;
    enum class end_by { cancelling_first, release, close };
    for (const end_by how : {end_by::cancelling_first, end_by::release, end_by::close}) {
        const support::child_end end = support::in_child([&] {
            make_loop(); // the parent's is of no use here
            pirn::buffer_ring ring{loop(), {.count = 1, .size = 16}};
            connection one = connection::unix_stream(loop());
            connection two = connection::unix_stream(loop());
            pirn::buffer_lease kept;
            receiving first{one.near(), ring, pirn::shots::one};
            first.then = [&](auto& self) { kept = std::move(self.lease); };
            support::say(one.far(), "the only buffer");
            loop().submit(first);
            loop().run();
            receiving second{two.near(), ring, pirn::shots::many};
            support::say(two.far(), "there is none");
            loop().submit(second);
            loop().run(run_mode::once, pirn::after(5ms)); // io_uring hears of the bytes first
            support::recorded<pirn::close_operation> close{two.near()};
            if (how == end_by::close) {
                loop().submit(close);
            }
            if (how == end_by::cancelling_first) {
                loop().cancel(second);
                loop().run();
            }
            loop().release(two.near());
        });
        if (how == end_by::cancelling_first) {
            EXPECT_TRUE(end.exited_with(0)) << end;
        } else {
            EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
            EXPECT_TRUE(end.said("a receive in flight that waits for a buffer")) << end;
        }
    }
}

TEST_P(release_test, release_of_what_was_never_used_is_nothing) {
    loop().release(0);
    loop().release(1'000'000);
    loop().release(-1);
}

} // namespace
