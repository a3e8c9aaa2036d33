// SPDX-License-Identifier: MIT
//
// A loop on a test's clock: timers come at exactly their time, which is when the test says so.
#include <pirn/loop/test_clock.hpp>

#include <pirn/loop/work.hpp>

#include "support/backends.hpp"
#include "support/misuse.hpp"
#include "support/sockets.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using pirn::never;
using pirn::run_mode;
using pirn::test_clock;
using pirn::time_point;
using pirn::when_idle;
using support::connection;

constexpr time_point at(std::int64_t nanoseconds) {
    return time_point{pirn::duration{nanoseconds}};
}

TEST(test_clock_alone, goes_when_it_is_told_and_never_back) {
    test_clock clock;
    EXPECT_EQ(clock.now(), at(0));
    clock.advance(5ns);
    clock.advance(0ns);
    EXPECT_EQ(clock.now(), at(5));
    clock.advance_to(at(3));
    EXPECT_EQ(clock.now(), at(5));
    clock.advance_to(at(8));
    EXPECT_EQ(clock.now(), at(8));
    EXPECT_TRUE(support::complains([&] { clock.advance(-1ns); }, "never goes back", "-1"));
    EXPECT_EQ((test_clock{when_idle::stands, at(-4)}.now()), at(0));
}

TEST(test_clock_alone, never_reaches_never) {
    test_clock clock;
    clock.advance(pirn::duration::max());
    EXPECT_EQ(clock.now(), never - 1ns);
    clock.advance(1h);
    clock.advance_to(never);
    EXPECT_EQ(clock.now(), never - 1ns);
}

class test_clock_test : public support::on_each_backend {
  protected:
    // on: a loop on a clock of this kind.
    test_clock& on(when_idle idle, time_point start = {}) {
        auto fresh = std::make_unique<test_clock>(idle, start);
        make_loop({.time = fresh.get()});
        clock_ = std::move(fresh);
        return *clock_;
    }

    void TearDown() override {
        on_each_backend::TearDown();
        clock_.reset();
    }

    void boundaries_from(time_point start);

  private:
    std::unique_ptr<test_clock> clock_;
};
INSTANTIATE_TEST_SUITE_P(test_clock, test_clock_test, support::every_backend(),
                         support::name_of_backend);

TEST_P(test_clock_test, is_the_time_of_the_loop) {
    const auto before = pirn::clock::now();
    EXPECT_GE(loop().now(), before) << "without one it is the monotonic clock";
    test_clock& clock = on(when_idle::stands, at(7));
    EXPECT_EQ(loop().now(), at(7));
    clock.advance(1h);
    EXPECT_EQ(loop().now(), at(7) + 1h);
}

// Nanoseconds and ticks of the wheel around each power of two: a timer that is one place away has not come.
void test_clock_test::boundaries_from(time_point start) {
    test_clock& clock = on(when_idle::stands, start);
    constexpr int tick_bits = 16;
    std::vector<time_point> places;
    for (int bit = 0; bit < 62; ++bit) {
        for (const std::int64_t beside : {-1, 0, 1}) {
            const std::int64_t count = (std::int64_t{1} << bit) + beside;
            places.push_back(start + pirn::duration{count});
            if (bit < 62 - tick_bits) {
                places.push_back(start + pirn::duration{count << tick_bits});
            }
        }
    }
    std::mt19937 random{39}; // NOLINT: the same every time
    std::ranges::shuffle(places, random);
    std::deque<support::timer> timers;
    std::vector<const pirn::timer_operation*> came;
    for (const time_point place : places) {
        support::timer& one = timers.emplace_back(place);
        one.then = [&](auto& self) {
            EXPECT_EQ(loop().now(), self.deadline);
            came.push_back(&self);
        };
        loop().submit(one);
    }
    std::multimap<time_point, const pirn::timer_operation*> in_order; // inserts behind its equals
    for (const support::timer& each : timers) {
        in_order.emplace(each.deadline, &each);
    }
    std::vector<const pirn::timer_operation*> expected;
    for (const auto& [deadline, timer] : in_order) {
        expected.push_back(timer);
    }
    loop().run(run_mode::nowait); // those of now
    for (std::size_t i = came.size(); i < expected.size();) {
        const time_point next = expected[i]->deadline;
        ASSERT_EQ(loop().next_deadline(), next);
        clock.advance_to(next - 1ns);
        ASSERT_EQ(loop().run(run_mode::nowait), 0U) << next.time_since_epoch().count();
        clock.advance(1ns);
        const std::size_t together = in_order.count(next);
        ASSERT_EQ(loop().run(run_mode::nowait), together) << next.time_since_epoch().count();
        i += together;
    }
    EXPECT_EQ(came, expected);
}

TEST_P(test_clock_test, timers_come_at_exactly_their_time_at_every_boundary_of_the_wheel) {
    for (const std::int64_t start :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{65'535}, std::int64_t{65'536},
          (std::int64_t{1} << 22) - 1, std::int64_t{1'000'000'007}, (std::int64_t{1} << 40) + 1}) {
        boundaries_from(at(start));
    }
}

TEST_P(test_clock_test, timers_of_now_of_the_past_and_of_the_end_of_time) {
    test_clock& clock = on(when_idle::stands, at(1'000));
    std::vector<int> order;
    const auto note = [&](int number) {
        return [&order, number](auto&) { order.push_back(number); };
    };
    support::timer endless{never};
    support::timer last{never - 1ns};
    support::timer now{at(1'000)};
    support::timer past{at(0)};
    support::timer earliest{time_point::min()};
    support::timer also_now{at(1'000)};
    last.then = note(5);
    now.then = note(3);
    past.then = note(2);
    earliest.then = note(1);
    also_now.then = note(4);
    for (support::timer* each : {&endless, &last, &now, &past, &earliest, &also_now}) {
        loop().submit(*each);
    }
    EXPECT_EQ(loop().run(run_mode::once), 4U);
    EXPECT_EQ(order, (std::vector{1, 2, 3, 4}));
    EXPECT_EQ(loop().run(run_mode::nowait), 0U);
    clock.advance(pirn::duration::max());
    EXPECT_EQ(loop().run(run_mode::nowait), 1U);
    EXPECT_EQ(order.back(), 5);
    EXPECT_TRUE(endless.in_flight()) << "it is no time that comes";
    loop().cancel(endless);
    EXPECT_EQ(loop().run(), 1U);
    EXPECT_TRUE(endless.completed_with(-ECANCELED));
}

TEST_P(test_clock_test, equal_timers_come_in_the_order_of_submission_whenever_they_were_submitted) {
    test_clock& clock = on(when_idle::stands);
    const time_point deadline = at(1) + 1h;
    std::vector<int> order;
    std::deque<support::timer> timers;
    for (int i = 0; i < 200; ++i) {
        timers.emplace_back(deadline).then = [&order, i](auto&) { order.push_back(i); };
        loop().submit(timers.back());
        clock.advance(17s); // so that they go into different wheels
        loop().run(run_mode::nowait);
    }
    EXPECT_TRUE(order.empty());
    clock.advance_to(deadline);
    EXPECT_EQ(loop().run(), 200U);
    EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST_P(test_clock_test, that_jumps_takes_no_time_for_a_year) {
    test_clock& clock = on(when_idle::jumps);
    const auto begin = pirn::clock::now();
    int ticks = 0;
    support::timer hourly{at(0) + 1h};
    hourly.then = [&](auto& self) {
        EXPECT_EQ(loop().now(), self.deadline);
        if (++ticks < 365 * 24) {
            self.deadline += 1h;
            loop().submit(self);
        }
    };
    loop().submit(hourly);
    EXPECT_EQ(loop().run(), 365U * 24U);
    EXPECT_EQ(clock.now(), at(0) + 365 * 24h);
    EXPECT_LT(pirn::clock::now() - begin, 20s);
}

TEST_P(test_clock_test, that_jumps_goes_no_further_than_run_was_told_to_wait) {
    test_clock& clock = on(when_idle::jumps);
    support::timer later{at(100)};
    loop().submit(later);
    EXPECT_EQ(loop().run(run_mode::once, at(99)), 0U);
    EXPECT_EQ(clock.now(), at(99));
    EXPECT_EQ(loop().run(run_mode::nowait), 0U);
    EXPECT_EQ(clock.now(), at(99));
    EXPECT_EQ(loop().run(run_mode::once, at(500)), 1U);
    EXPECT_EQ(clock.now(), at(100));
}

TEST_P(test_clock_test, that_jumps_lets_bytes_that_are_there_go_first) {
    test_clock& clock = on(when_idle::jumps);
    {
        connection pair = connection::unix_stream(loop());
        std::array<char, 16> space{};
        support::receive receive{pair.near(), space};
        support::timer limit{at(0) + 1s};
        limit.then = [&](auto&) { loop().cancel(receive); };
        receive.then = [&](auto&) { loop().cancel(limit); };
        loop().submit(receive);
        loop().submit(limit);
        support::say(pair.far(), "warp");
        loop().run();
        EXPECT_TRUE(receive.completed_with(4));
        EXPECT_TRUE(limit.completed_with(-ECANCELED));
        EXPECT_EQ(clock.now(), at(0));

        support::receive silent{pair.near(), space};
        support::timer ends{at(0) + 1s};
        ends.then = [&](auto&) { loop().cancel(silent); };
        loop().submit(silent);
        loop().submit(ends);
        loop().run();
        EXPECT_TRUE(silent.completed_with(-ECANCELED)) << "nobody spoke for a second";
        EXPECT_EQ(clock.now(), at(0) + 1s);
    }
}

TEST_P(test_clock_test, that_jumps_waits_for_the_blocking_pool) {
    test_clock& clock = on(when_idle::jumps);
    struct slow : pirn::work_operation {
        slow() : work_operation{&sleep, [](pirn::operation&) noexcept {}} {}
        static int sleep(pirn::work_operation&) noexcept {
            std::this_thread::sleep_for(5ms);
            return 3;
        }
    } work;
    support::timer timer{at(1)};
    bool first = false;
    timer.then = [&](auto&) { first = work.in_flight(); };
    loop().submit(work);
    loop().submit(timer);
    loop().run();
    EXPECT_EQ(work.result(), 3);
    EXPECT_FALSE(first) << "time went on while work was done";
    EXPECT_EQ(clock.now(), at(1));
}

TEST_P(test_clock_test, that_stands_stands_while_the_loop_waits) {
    test_clock& clock = on(when_idle::stands);
    support::timer timer{at(1)};
    loop().submit(timer);
    std::thread other{[&] { loop().wake(); }};
    EXPECT_EQ(loop().run(), 0U) << "only the wake ends it";
    other.join();
    EXPECT_EQ(clock.now(), at(0));
    clock.advance(1ns);
    EXPECT_EQ(loop().run(), 1U);
}

} // namespace
