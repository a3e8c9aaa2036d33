// SPDX-License-Identifier: MIT
//
// Buffers that are lent: bytes in order, none held by the silent, and what happens when all are out.
#include <pirn/loop/buffers.hpp>

#include <pirn/loop/operations.hpp>

#include "support/backends.hpp"
#include "support/child.hpp"
#include "support/sanitizers.hpp"
#include "support/sockets.hpp"
#if PIRN_HAVE_URING
#include "loop/uring/probe.hpp"
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using pirn::shots;
using support::connection;

// A receive that hears everything, and checks the contract of more().
struct hearing : support::recorded<pirn::receive_borrowed_operation> {
    hearing(int socket, pirn::buffer_ring& from, shots often = shots::many)
        : recorded{socket, from, often} {
        then = [this](auto& self) {
            EXPECT_EQ(self.more(), self.in_flight());
            if (self.result() > 0) {
                EXPECT_EQ(self.lease.data().size(), static_cast<std::size_t>(self.result()));
                const auto data = self.lease.data();
                heard.append(reinterpret_cast<const char*>(data.data()), data.size());
            }
            if (!self.more()) {
                ++ends;
                last = self.result();
            }
        };
    }
    std::string heard;
    int ends = 0;
    int last = 1;
};

// The byte at a place of the stream that begins with `first`.
char key_at(char first, std::size_t place) {
    return static_cast<char>(static_cast<std::size_t>(first) + place * 7);
}

class buffers_test : public support::on_each_backend {
  protected:
    void many_streams_through(unsigned buffers, int streams, std::size_t size);
};
INSTANTIATE_TEST_SUITE_P(buffers, buffers_test, support::every_backend(), support::name_of_backend);

TEST_P(buffers_test, bring_what_comes_and_hold_nothing_while_nothing_comes) {
    pirn::buffer_ring ring{loop(), {.count = 4, .size = 64}};
    connection pair = connection::tcp(loop());
    hearing hears{pair.near(), ring};
    loop().submit(hears);
    loop().run(run_mode::nowait);
    EXPECT_EQ(ring.lent(), 0U);
    for (const std::string word : {"warp", " and ", "weft"}) {
        const std::size_t before = hears.heard.size();
        support::say(pair.far(), word);
        ASSERT_TRUE(run_until([&] { return hears.heard.size() == before + word.size(); }));
        EXPECT_EQ(ring.lent(), 0U) << "what the completion left did not go back";
    }
    EXPECT_EQ(hears.heard, "warp and weft");
    EXPECT_EQ(hears.ends, 0);
    pair.close_far();
    loop().run();
    EXPECT_EQ(hears.ends, 1);
    EXPECT_EQ(hears.last, 0);
    EXPECT_EQ(ring.lent(), 0U);
}

TEST_P(buffers_test, stay_with_whoever_takes_the_lease) {
    pirn::buffer_ring ring{loop(), {.count = 4, .size = 4}};
    connection pair = connection::unix_stream(loop());
    std::vector<pirn::buffer_lease> kept;
    hearing hears{pair.near(), ring};
    const auto hear = hears.then;
    hears.then = [&](auto& self) {
        hear(self);
        if (self.lease) {
            kept.push_back(std::move(self.lease));
        }
    };
    loop().submit(hears);
    support::say(pair.far(), "one-two-six-ten-end"); // more than there is room for
    ASSERT_TRUE(run_until([&] { return kept.size() == 4; }));
    EXPECT_EQ(ring.lent(), 4U);
    loop().run(run_mode::once, pirn::after(5ms));
    EXPECT_EQ(kept.size(), 4U);
    const auto second = kept[1].data();
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(second.data()), second.size()), "two-");
    kept.erase(kept.begin()); // the rest follows into the one that is free
    ASSERT_TRUE(run_until([&] { return hears.heard.size() == 19; }));
    EXPECT_EQ(hears.heard, "one-two-six-ten-end");
    kept.clear();
    loop().cancel(hears);
    loop().run();
    EXPECT_EQ(hears.last, -ECANCELED);
    EXPECT_EQ(ring.lent(), 0U);
}

TEST_P(buffers_test, come_once_when_asked_for_once) {
    pirn::buffer_ring ring{loop(), {.count = 1, .size = 64}};
    connection pair = connection::unix_stream(loop());
    hearing hears{pair.near(), ring, shots::one};
    for (const std::string word : {"warp", "and", "weft"}) {
        loop().submit(hears); // which gives back the buffer of the round before
        loop().run(run_mode::nowait);
        support::say(pair.far(), word);
        loop().run();
        EXPECT_EQ(hears.last, static_cast<int>(word.size()));
        EXPECT_TRUE(hears.lease);
        EXPECT_FALSE(hears.in_flight());
    }
    EXPECT_EQ(hears.heard, "warpandweft");
    EXPECT_EQ(hears.completions, 3);
    pair.close_far();
    loop().submit(hears);
    loop().run();
    EXPECT_EQ(hears.last, 0);
    EXPECT_EQ(ring.lent(), 0U);
}

TEST_P(buffers_test, are_not_taken_by_what_is_no_socket) {
    pirn::buffer_ring ring{loop(), {.count = 2, .size = 64}};
    hearing nowhere{-1, ring};
    loop().submit(nowhere);
    loop().run();
    EXPECT_EQ(nowhere.last, -EBADF);
    connection pair = connection::tcp(loop());
    pair.reset_far();
    hearing reset{pair.near(), ring};
    loop().submit(reset);
    loop().run();
    EXPECT_EQ(reset.last, -ECONNRESET);
    EXPECT_EQ(ring.lent(), 0U);
}

TEST_P(buffers_test, are_waited_for_and_the_wait_can_be_cancelled) {
    pirn::buffer_ring ring{loop(), {.count = 1, .size = 64}};
    connection one = connection::unix_stream(loop());
    connection two = connection::unix_stream(loop());
    pirn::buffer_lease kept;
    hearing first{one.near(), ring, shots::one};
    first.then = [&](auto& self) { kept = std::move(self.lease); };
    support::say(one.far(), "warp");
    loop().submit(first);
    loop().run();
    ASSERT_TRUE(kept);
    for (int turns = 0; turns < 4; ++turns) {
        hearing second{two.near(), ring};
        loop().submit(second);
        if (turns == 0) {
            support::say(two.far(), "weft");
        }
        for (int i = 0; i < turns; ++i) {
            loop().run(run_mode::once, pirn::after(1ms));
        }
        EXPECT_TRUE(second.in_flight());
        loop().cancel(second);
        loop().run();
        EXPECT_EQ(second.last, -ECANCELED);
        EXPECT_EQ(second.heard, "");
    }
    hearing second{two.near(), ring};
    loop().submit(second);
    loop().run(run_mode::once, pirn::after(1ms));
    kept.reset();
    ASSERT_TRUE(run_until([&] { return second.heard == "weft"; }));
    loop().cancel(second);
    loop().run();
}

// Many connections, each with its own sequence of bytes, through few buffers.
void buffers_test::many_streams_through(unsigned buffers, int streams, std::size_t size) {
    pirn::buffer_ring ring{loop(), {.count = buffers, .size = 4096}};
    struct stream {
        stream(connection between, pirn::buffer_ring& from, char key)
            : pair{std::move(between)}, hears{pair.near(), from, shots::many},
              send{pair.far(), pirn::bytes{}}, first{key} {}
        connection pair;
        support::recorded<pirn::receive_borrowed_operation> hears;
        support::send send;
        std::array<char, 8192> block{};
        char first;
        std::size_t sent = 0;
        std::size_t heard = 0;
        bool right = true;
    };
    std::deque<stream> all;
    const auto fill = [size](stream& of) {
        const std::size_t count = std::min(of.block.size(), size - of.sent);
        for (std::size_t i = 0; i < count; ++i) {
            of.block[i] = key_at(of.first, of.sent + i);
        }
        of.send.buffer = pirn::bytes{of.block}.first(count);
    };
    int ended = 0;
    for (int i = 0; i < streams; ++i) {
        stream& one = all.emplace_back(connection::unix_stream(loop()), ring, static_cast<char>(i));
        one.hears.then = [&](auto& self) {
            for (const std::byte each : self.lease.data()) {
                one.right &=
                    each == std::byte(static_cast<unsigned char>(key_at(one.first, one.heard)));
                ++one.heard;
            }
            ended += self.more() ? 0 : 1;
        };
        one.send.then = [&](auto& self) {
            one.sent += static_cast<std::size_t>(std::max(self.result(), 0));
            if (self.result() <= 0 || one.sent == size) {
                ::shutdown(one.pair.far(), SHUT_WR);
                return;
            }
            fill(one);
            loop().submit(self);
        };
        loop().submit(one.hears);
        fill(one);
        loop().submit(one.send);
    }
    const auto patience = pirn::after(50s);
    while (ended < streams && pirn::clock::now() < patience) {
        loop().run(run_mode::once, patience);
    }
    ASSERT_EQ(ended, streams);
    for (const stream& one : all) {
        ASSERT_EQ(one.sent, size);
        ASSERT_EQ(one.heard, size);
        ASSERT_TRUE(one.right);
    }
    EXPECT_EQ(ring.lent(), 0U);
}

TEST_P(buffers_test, that_are_many_carry_many_streams) { many_streams_through(64, 100, 1 << 18); }

// Hazard 32: one buffer for a thousand that send all the time.
TEST_P(buffers_test, of_which_there_is_one_carry_a_thousand_streams_and_nothing_spins) {
    constexpr int streams = 1'000 / support::slowness;
    constexpr std::size_t size = (1U << 20) / support::slowness;
    const std::clock_t before = std::clock();
    many_streams_through(1, streams, size);
    const double seconds = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
    RecordProperty("cpu_seconds", std::to_string(seconds));
    EXPECT_LT(seconds, 40.0);
}

TEST_P(buffers_test, that_are_all_out_cost_no_time_while_nobody_gives_one_back) {
    pirn::buffer_ring ring{loop(), {.count = 1, .size = 16}};
    std::deque<connection> pairs;
    std::deque<hearing> hears;
    pirn::buffer_lease kept;
    for (int i = 0; i < 20; ++i) {
        pairs.push_back(connection::unix_stream(loop()));
        hearing& one = hears.emplace_back(pairs.back().near(), ring);
        const auto hear = one.then;
        one.then = [&, hear](auto& self) {
            hear(self);
            if (self.lease && !kept) {
                kept = std::move(self.lease);
            }
        };
        loop().submit(one);
        support::say(pairs.back().far(), "warp");
    }
    ASSERT_TRUE(run_until([&] { return bool{kept}; }));
    loop().run(run_mode::once, pirn::after(5ms));
    const std::clock_t before = std::clock();
    loop().run(run_mode::until_idle, pirn::after(200ms));
    EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 50) << "it spins";
    kept.reset();
    kept = {};
    for (hearing& one : hears) {
        one.then = [&one](auto& self) {
            one.heard.append(4, 'x');
            one.ends += self.more() ? 0 : 1;
        };
    }
    ASSERT_TRUE(run_until([&] {
        return std::ranges::all_of(hears, [](const hearing& one) { return !one.heard.empty(); });
    }));
    for (hearing& one : hears) {
        loop().cancel(one);
    }
    loop().run();
    EXPECT_EQ(ring.lent(), 0U);
}

#if PIRN_HAVE_URING
TEST_P(buffers_test, are_filled_by_us_where_the_kernel_cannot) {
    auto& hidden = pirn::detail::hidden_requests();
    hidden.set(IORING_OP_SEND_ZC);
    make_loop();
    hidden.reset();
    many_streams_through(64, 50, 1 << 16);
    many_streams_through(1, 50, 1 << 16);
}
#endif

TEST_P(buffers_test, work_through_the_smallest_queues) {
    make_loop({.submission_slots = 1});
    many_streams_through(16, 50, 1 << 16);
}

TEST_P(buffers_test, lose_no_byte_when_cancelled_at_a_random_moment) {
    constexpr int rounds = 3'000 / support::slowness;
    pirn::buffer_ring ring{loop(), {.count = 4, .size = 32}};
    connection pair = connection::unix_stream(loop());
    std::mt19937 random{59}; // NOLINT: the same every time
    std::string sent;
    std::string heard;
    for (int round = 0; round < rounds; ++round) {
        hearing hears{pair.near(), ring, random() % 2 == 0 ? shots::one : shots::many};
        loop().submit(hears);
        if (random() % 2 == 0) {
            loop().run(run_mode::nowait);
        }
        std::string word(1 + random() % 100, static_cast<char>('a' + round % 26));
        support::say(pair.far(), word);
        sent += word;
        if (random() % 2 == 0) {
            loop().run(run_mode::nowait);
        }
        loop().cancel(hears);
        ASSERT_TRUE(run_until([&] { return hears.ends == 1; }));
        ASSERT_TRUE(hears.last == -ECANCELED || hears.last > 0);
        heard += hears.heard;
        if (sent.size() - heard.size() > 10'000) {
            heard += support::hear(pair.near());
        }
    }
    for (std::string rest = support::hear(pair.near()); !rest.empty();
         rest = support::hear(pair.near())) {
        heard += rest;
    }
    EXPECT_TRUE(heard == sent) << heard.size() << " of " << sent.size();
    EXPECT_EQ(ring.lent(), 0U);
}

// io_uring polls a receive 127 times that finds nothing to read (Linux 6.18). Then a worker thread takes a buffer and
// waits with it, and the buffer comes back empty when the stream ends, or the receive is cancelled.
TEST_P(buffers_test, are_free_again_after_an_empty_receive) {
    constexpr int polls = 127; // one more, and the worker could take the byte
    pirn::buffer_ring ring{loop(), {.count = 1, .size = 64}};
    connection pair = connection::unix_stream(loop());
    for (const bool ends : {false, false, true}) {
        hearing hears{pair.near(), ring, shots::one};
        loop().submit(hears);
        for (int i = 0; i < polls; ++i) {
            loop().run(run_mode::nowait);
            support::say(pair.far(), "x"); // the poll notices it
            EXPECT_EQ(support::hear(pair.near()), "x");
        }
        loop().run(run_mode::once, pirn::after(2ms));
        ends ? pair.close_far() : loop().cancel(hears);
        ASSERT_TRUE(run_until([&] { return hears.ends == 1; }));
        EXPECT_EQ(hears.last, ends ? 0 : -ECANCELED);
        ASSERT_EQ(ring.lent(), 0U) << "the empty buffer is lost";
    }
}

TEST_P(buffers_test, are_not_destroyed_while_they_are_lent) {
    const support::child_end end = support::in_child([this] {
        make_loop(); // the parent's is of no use here
        connection pair = connection::unix_stream(loop());
        auto ring = std::make_unique<pirn::buffer_ring>(loop(), pirn::buffer_options{.count = 1});
        hearing hears{pair.near(), *ring, shots::one};
        loop().submit(hears);
        ring.reset();
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("a buffer_ring was destroyed with buffers lent")) << end;
}

} // namespace
