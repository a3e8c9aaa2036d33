// SPDX-License-Identifier: MIT
//
// What many operations of one loop cost, on each backend: see support/growth.hpp. They end in random order, which is
// how timers, connections and calls end.
#include "support/growth.hpp"

#include <pirn/loop/blocking_pool.hpp>
#include <pirn/loop/buffers.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/loop/operations.hpp>
#include <pirn/loop/test_clock.hpp>
#include <pirn/loop/work.hpp>
#include <pirn/os/handle.hpp>

#include "support/backends.hpp"
#include "support/sockets.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include <poll.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;

class growth : public support::on_each_backend {};
INSTANTIATE_TEST_SUITE_P(growth, growth, support::every_backend(), support::name_of_backend);

// cancel_all: in random order, and runs the loop until they have ended.
template <class Operations>
void cancel_all(pirn::loop& loop, Operations& operations) {
    for (const std::size_t i : support::shuffled(operations.size())) loop.cancel(operations[i]);
    loop.run();
    for (const auto& each : operations) ASSERT_EQ(each.completions, 1);
}

TEST_P(growth, timers_cancelled_in_random_order) {
    support::expect_linear(10'000, [&](std::size_t n) {
        std::deque<support::timer> all;
        const auto begin = pirn::after(1h);
        for (const std::size_t i : support::shuffled(n)) {
            all.emplace_back(begin + std::chrono::microseconds{i});
            loop().submit(all.back());
        }
        cancel_all(loop(), all);
    });
}

// Which is where a clock that stands puts them: nothing is nearer than they are.
TEST_P(growth, timers_within_a_tick_of_a_clock_that_stands) {
    support::expect_linear(4000, [&](std::size_t n) {
        pirn::test_clock clock;
        make_loop({.time = &clock});
        std::deque<support::timer> all;
        for (const std::size_t i : support::shuffled(n)) {
            all.emplace_back(clock.now() + std::chrono::nanoseconds{1 + i % 50'000});
            loop().submit(all.back());
            loop().run(run_mode::nowait);
        }
        clock.advance(1ms);
        loop().run();
        make_loop();
    });
}

// Each goes off a little after the one before, and they are set in random order.
TEST_P(growth, timers_that_go_off_one_by_one) {
    support::expect_linear(4000, [&](std::size_t n) {
        pirn::test_clock clock{pirn::when_idle::jumps};
        make_loop({.time = &clock});
        std::deque<support::timer> all;
        for (const std::size_t i : support::shuffled(n)) {
            all.emplace_back(clock.now() + std::chrono::microseconds{1 + i});
            loop().submit(all.back());
        }
        loop().run();
        make_loop();
    });
}

// On one socket, in whose queue they wait.
TEST_P(growth, receives_on_one_socket_cancelled_in_random_order) {
    support::expect_linear(1000, [&](std::size_t n) {
        support::connection pair = support::connection::unix_stream(loop());
        std::array<std::byte, 1> buffer{};
        std::deque<support::receive> all;
        for (std::size_t i = 0; i < n; ++i) {
            all.emplace_back(pair.near(), pirn::mutable_bytes{buffer});
            loop().submit(all.back());
        }
        loop().run(run_mode::nowait);
        cancel_all(loop(), all);
    });
}

// sockets_for: how many connections there may be, as n, if this is done with 8n of them; 0: not enough for a test.
std::size_t sockets_for(std::size_t wanted) {
    const std::size_t n = std::min(wanted, support::descriptors_available() / 2 / 8);
    return n >= 16 ? n : 0;
}

TEST_P(growth, receives_on_many_sockets_cancelled_in_random_order) {
    const std::size_t most = sockets_for(500);
    if (most == 0) GTEST_SKIP() << "too few descriptors";
    support::expect_linear(most, [&](std::size_t n) {
        std::deque<support::connection> pairs;
        std::array<std::byte, 1> buffer{};
        std::deque<support::receive> all;
        for (std::size_t i = 0; i < n; ++i) {
            pairs.push_back(support::connection::unix_stream(loop()));
            all.emplace_back(pairs.back().near(), pirn::mutable_bytes{buffer});
            loop().submit(all.back());
        }
        loop().run(run_mode::nowait);
        return support::time_of([&] { cancel_all(loop(), all); });
    });
}

// A ring whose buffers are all lent: what comes waits for one. Then they are cancelled and closed in random order.
TEST_P(growth, receives_that_wait_for_a_buffer) {
    const std::size_t most = sockets_for(1000);
    if (most == 0) GTEST_SKIP() << "too few descriptors";
    using receive = support::recorded<pirn::receive_borrowed_operation>;
    support::expect_linear(most, [&](std::size_t n) {
        pirn::buffer_ring ring{loop(), {.count = 1, .size = 64}};
        std::deque<support::connection> pairs;
        std::deque<receive> all;
        pirn::buffer_lease lent;
        for (std::size_t i = 0; i < n; ++i) {
            pairs.push_back(support::connection::unix_stream(loop()));
            support::say(pairs.back().far(), "x");
            all.emplace_back(pairs.back().near(), ring, pirn::shots::one);
            loop().submit(all.back());
            if (i == 0) {
                loop().run(run_mode::once);
                lent = std::move(all.front().lease);
                all.clear();
                loop().submit(all.emplace_back(pairs.back().near(), ring, pirn::shots::one));
            }
        }
        for (int i = 0; i < 4; ++i) loop().run(run_mode::nowait);
        return support::time_of([&] {
            for (const std::size_t i : support::shuffled(n)) {
                if (all[i].in_flight()) loop().cancel(all[i]);
                while (all[i].in_flight()) loop().run(run_mode::nowait);
                pairs[i].close_near();
            }
            lent = {};
        });
    });
}

TEST_P(growth, rings_of_buffers_that_end_in_random_order) {
    support::expect_linear(100, [&](std::size_t n) {
        std::vector<std::unique_ptr<pirn::buffer_ring>> all;
        for (std::size_t i = 0; i < n; ++i) {
            all.push_back(std::make_unique<pirn::buffer_ring>(
                loop(), pirn::buffer_options{.count = 1, .size = 64}));
        }
        for (const std::size_t i : support::shuffled(n)) all[i].reset();
    });
}

struct quick_work : support::recorded<pirn::work_operation> {
    quick_work() : recorded{static_cast<function>(&nothing)} {}
    static int nothing(pirn::work_operation& /*self*/) noexcept { return 0; }
};

// The pool's only thread is busy, so that they wait before the pool and in it.
TEST_P(growth, calls_that_wait_for_the_pool_cancelled_in_random_order) {
    struct busy_work : support::recorded<pirn::work_operation> {
        explicit busy_work(std::atomic<bool>& until)
            : recorded{static_cast<function>(&busy)}, over{until} {}
        static int busy(pirn::work_operation& self) noexcept {
            static_cast<busy_work&>(self).over.wait(false);
            return 0;
        }
        std::atomic<bool>& over;
    };
    support::expect_linear(10'000, [&](std::size_t n) {
        make_loop({.pool = std::make_shared<pirn::blocking_pool>(
                       pirn::blocking_pool_options{.threads_max = 1})});
        std::atomic<bool> over{false};
        busy_work busy{over};
        loop().submit(busy);
        std::deque<quick_work> all(n);
        for (quick_work& each : all) loop().submit(each);
        for (const std::size_t i : support::shuffled(n)) loop().cancel(all[i]);
        over = true;
        over.notify_all();
        loop().run();
        make_loop();
    });
}

TEST_P(growth, calls_that_the_pool_makes) {
    support::expect_linear(
        1000,
        [&](std::size_t n) {
            make_loop({.pool = std::make_shared<pirn::blocking_pool>(
                           pirn::blocking_pool_options{.threads_max = 2})});
            std::deque<quick_work> all(n);
            for (quick_work& each : all) loop().submit(each);
            loop().run();
            make_loop();
        },
        nullptr, support::processor::of_process);
}

} // namespace
