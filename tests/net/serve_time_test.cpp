// SPDX-License-Identifier: MIT
//
// Servers and kept answers under a clock for tests: every time that they go by is that of their loop.
#include <pirn/loop/test_clock.hpp>
#include <pirn/net/resolver.hpp>
#include <pirn/net/serve.hpp>
#include <pirn/net/unix.hpp>

#include "net/pairs.hpp"
#include "net/servers.hpp"
#include "support/tasks.hpp"

#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

using serve_time = support::balanced<>;
namespace net = pirn::net;
using namespace std::chrono_literals;
using support::answer;
using support::at_end;
using support::echo;
using support::running;

// let_pass: moves the time on in steps, and lets what is due run after each: the loop is asked at least every 512 turns.
void let_pass(pirn::test_clock& clock, pirn::duration time, int steps = 20) {
    for (int step = 0; step < steps; ++step) {
        clock.advance(time / steps);
        for (int turn = 0; turn < 1200; ++turn) pirn::yield_now();
    }
}

TEST_F(serve_time, grace_is_over_when_the_loops_clock_says_so) {
    pirn::test_clock clock;
    pirn::run({.loop = {.time = &clock}}, [&] {
        bool entered = false, was_cancelled = false;
        const auto handler = [&](net::tcp_stream&) {
            entered = true;
            try {
                support::stand_still();
            } catch (const pirn::cancelled&) {
                was_cancelled = true;
                throw;
            }
        };
        running server{handler, {.grace = 5s}};
        auto client = server.client();
        support::yield_until([&] { return entered; });
        server.stop.request_stop();
        for (int turn = 0; turn < 1200; ++turn) pirn::yield_now();
        EXPECT_FALSE(was_cancelled) << "no time has passed";
        let_pass(clock, 4900ms);
        EXPECT_FALSE(was_cancelled);
        let_pass(clock, 200ms);
        EXPECT_TRUE(was_cancelled);
        server.task.get();
    });
}

TEST_F(serve_time, idle_timeout_comes_when_the_loops_clock_says_so) {
    pirn::test_clock clock;
    pirn::run({.loop = {.time = &clock}}, [&] {
        running server{echo, {.idle_timeout = 60s}};
        auto idle = server.client();
        auto talks = server.client();
        EXPECT_EQ(answer(idle, "x"), "x");
        bool ended = false;
        auto reads = pirn::spawn([&] { ended = at_end(idle); });
        for (int minute = 0; minute < 10; ++minute) {
            EXPECT_EQ(answer(talks, "x"), "x");
            let_pass(clock, 5s);
        }
        EXPECT_FALSE(ended) << "after 50 seconds";
        for (int minute = 0; minute < 6; ++minute) {
            EXPECT_EQ(answer(talks, "x"), "x");
            let_pass(clock, 5s);
        }
        reads.get();
        EXPECT_TRUE(ended) << "after 80 seconds";
        EXPECT_EQ(answer(talks, "x"), "x");
        talks.close();
        server.end();
    });
}

TEST_F(serve_time, quiet_passes_by_the_loops_clock) {
    pirn::test_clock clock;
    pirn::run({.loop = {.time = &clock}}, [&] {
        running server{echo, {.quiet = 1min, .grace = 1h}};
        auto silent = server.client();
        EXPECT_EQ(answer(silent, "x"), "x");
        bool ended = false;
        auto reads = pirn::spawn([&] { ended = at_end(silent); });
        server.stop.request_stop();
        let_pass(clock, 50s);
        EXPECT_FALSE(ended);
        let_pass(clock, 20s);
        reads.get();
        server.task.get();
    });
}

TEST_F(serve_time, unix_sockets_go_by_the_loops_clock_too) {
    pirn::test_clock clock;
    pirn::run({.loop = {.time = &clock}}, [&] {
        std::stop_source stop;
        const auto where =
            net::unix_address::abstract("pirn-serve-time-" + std::to_string(::getpid()));
        auto listener = net::unix_listen(where);
        auto server = pirn::spawn([&] {
            net::serve(listener, [](net::unix_stream& client) { echo(client); },
                       {.idle_timeout = 60s, .stop = stop.get_token()});
        });
        auto idle = net::unix_connect(where);
        EXPECT_EQ(answer(idle, "x"), "x");
        bool ended = false;
        auto reads = pirn::spawn([&] { ended = at_end(idle); });
        let_pass(clock, 50s);
        EXPECT_FALSE(ended);
        let_pass(clock, 40s);
        reads.get();
        stop.request_stop();
        server.get();
    });
}

// asks_anew: whether the name is looked up, which takes a task of its own, and not answered by what is kept.
bool asks_anew(net::resolver& names) {
    bool done = false;
    auto asks = pirn::spawn([&] {
        names.resolve("localhost", 1);
        done = true;
    });
    const auto before = pirn::live().coroutines;
    pirn::yield_now();
    const bool anew = !done && pirn::live().coroutines > before;
    asks.get();
    return anew;
}

TEST_F(serve_time, of_kept_answers_is_the_loops) {
    pirn::test_clock clock;
    pirn::run({.loop = {.time = &clock}}, [&] {
        net::resolver names{{.cache_for = 1h}};
        EXPECT_TRUE(asks_anew(names));
        EXPECT_FALSE(asks_anew(names));
        clock.advance(59min);
        EXPECT_FALSE(asks_anew(names));
        clock.advance(2min);
        EXPECT_TRUE(asks_anew(names)) << "the hour is over";
        EXPECT_FALSE(asks_anew(names));
    });
}

} // namespace
