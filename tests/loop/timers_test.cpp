// SPDX-License-Identifier: MIT
//
// Timers: never early, in a stable order, whatever the deadline; first the wheel on its own clock, then
// through the loop on the real one.
#include "loop/timers.hpp"

#include <pirn/base/live.hpp>

#include "support/backends.hpp"
#include "support/sanitizers.hpp"
#include "support/sockets.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using pirn::never;
using pirn::run_mode;
using pirn::time_point;

// ---- the wheel, on a clock of our own -------------------------------------------------------------

class timers_alone : public support::balanced<> {
  protected:
    static time_point at(std::int64_t tick) { return time_point{pirn::duration{tick}}; }
    pirn::timers all_;
};

TEST_F(timers_alone, have_no_next_deadline_when_there_are_none) {
    EXPECT_TRUE(all_.empty());
    EXPECT_EQ(all_.next(), never);
    EXPECT_EQ(all_.take_due(at(1'000'000)), nullptr);
}

TEST_F(timers_alone, are_due_at_their_deadline_and_not_a_tick_before) {
    support::timer one{at(100)};
    all_.arm(one);
    EXPECT_EQ(all_.next(), at(100));
    EXPECT_EQ(all_.take_due(at(99)), nullptr);
    EXPECT_EQ(all_.take_due(at(100)), &one);
    EXPECT_TRUE(all_.empty());
}

TEST_F(timers_alone, leave_by_deadline_and_equals_in_the_order_of_arming) {
    std::mt19937 random{7}; // NOLINT: the same every time
    std::deque<support::timer> many;
    for (int i = 0; i < 1'000; ++i) {
        many.emplace_back(at(static_cast<std::int64_t>(random() % 50)));
        all_.arm(many.back());
    }
    std::multimap<time_point, const pirn::timer_operation*> expected; // inserts behind its equals
    for (const support::timer& each : many) {
        expected.emplace(each.deadline, &each);
    }
    for (const auto& [deadline, timer] : expected) {
        ASSERT_EQ(all_.take_due(at(50)), timer);
    }
}

TEST_F(timers_alone, may_be_disarmed_in_any_order) {
    std::mt19937 random{11}; // NOLINT: the same every time
    std::deque<support::timer> many;
    std::vector<support::timer*> order;
    for (int i = 0; i < 500; ++i) {
        many.emplace_back(at(static_cast<std::int64_t>(random() % 1000)));
        all_.arm(many.back());
        order.push_back(&many.back());
    }
    std::ranges::shuffle(order, random);
    for (std::size_t i = 0; i < order.size(); ++i) {
        all_.disarm(*order[i]);
        time_point nearest = never;
        for (std::size_t rest = i + 1; rest < order.size(); ++rest) {
            nearest = std::min(nearest, order[rest]->deadline);
        }
        ASSERT_LE(all_.next(), nearest); // it may still be that of a nearer one that was disarmed
    }
}

// Every boundary of a digit, from both sides, seen from several times (hazard 39).
TEST_F(timers_alone, are_exact_at_the_boundaries_of_every_wheel) {
    std::vector<std::int64_t> places;
    for (int bit = 0; bit < 62; ++bit) {
        for (const std::int64_t beside : {-1, 0, 1}) {
            places.push_back((std::int64_t{1} << bit) + beside);
        }
    }
    for (const std::int64_t from : places) {
        pirn::timers all;
        support::timer first{at(0)};
        all.arm(first);
        EXPECT_EQ(all.take_due(at(from)), &first); // the time is now `from`
        for (const std::int64_t to : places) {
            if (to <= from) {
                continue;
            }
            support::timer one{at(to)};
            all.arm(one);
            ASSERT_EQ(all.next(), at(to)) << from;
            all.disarm(one);
        }
        std::deque<support::timer> many;
        for (auto to = places.rbegin(); to != places.rend(); ++to) {
            many.emplace_back(at(*to));
            all.arm(many.back());
        }
        std::vector<std::int64_t> sorted{places};
        std::ranges::sort(sorted);
        for (const std::int64_t to : sorted) {
            ASSERT_EQ(all.next(), at(to)) << from;
            if (to > from) {
                ASSERT_EQ(all.take_due(at(to - 1)), nullptr) << from << ' ' << to;
            }
            const pirn::timer_operation* const due = all.take_due(at(std::max(from, to)));
            ASSERT_NE(due, nullptr) << from << ' ' << to;
            ASSERT_EQ(due->deadline, at(to)) << from;
        }
        EXPECT_TRUE(all.empty());
        EXPECT_EQ(all.next(), never);
    }
}

TEST_F(timers_alone, agree_with_a_sorted_set_whatever_comes) {
    std::mt19937_64 random{13}; // NOLINT: the same every time
    std::deque<support::timer> all_made;
    std::multimap<time_point, support::timer*> expected;
    std::int64_t now = 0;
    for (int step = 0; step < 200'000; ++step) {
        const auto action = random() % 8;
        if (action < 4) {
            const auto reach = random() % 40; // from a nanosecond to a quarter of an hour
            const auto ahead = static_cast<std::int64_t>(random() >> (63 - reach));
            all_made.emplace_back(at(now + ahead - static_cast<std::int64_t>(random() % 3)));
            all_.arm(all_made.back());
            expected.emplace(all_made.back().deadline, &all_made.back());
        } else if (action < 6) {
            if (auto some =
                    expected.lower_bound(at(now + static_cast<std::int64_t>(random() >> 30)));
                some != expected.end()) {
                all_.disarm(*some->second);
                expected.erase(some);
            }
        } else {
            now += static_cast<std::int64_t>(random() >> (63 - random() % 36));
            ASSERT_LE(all_.next(), expected.empty() ? never : expected.begin()->first);
            while (pirn::timer_operation* const due = all_.take_due(at(now))) {
                ASSERT_FALSE(expected.empty());
                ASSERT_EQ(due, expected.begin()->second);
                ASSERT_LE(due->deadline, at(now));
                expected.erase(expected.begin());
            }
            ASSERT_TRUE(expected.empty() || expected.begin()->first > at(now));
            // What was disarmed shows no more, once its time has passed.
            ASSERT_GT(all_.next(), at(now));
        }
        ASSERT_EQ(all_.empty(), expected.empty());
    }
    for (const auto& [deadline, timer] : expected) {
        all_.disarm(*timer);
    }
}

TEST_F(timers_alone, a_million_with_descending_deadlines_of_one_tick_are_sorted) {
    constexpr int count = 1'000'000 / support::slowness;
    std::deque<support::timer> many;
    const std::int64_t base = std::int64_t{1} << 40;
    for (int i = 0; i < count; ++i) {
        many.emplace_back(at(base + 60'000 - i % 60'000));
        all_.arm(many.back());
    }
    std::int64_t last = 0;
    int taken = 0;
    while (const pirn::timer_operation* due = all_.take_due(at(base + 60'000))) {
        ASSERT_GE(due->deadline.time_since_epoch().count(), last);
        last = due->deadline.time_since_epoch().count();
        ++taken;
    }
    EXPECT_EQ(taken, count);
}

// What a test's clock sees that stands still: all are armed within one moment, in any order, some of the past.
TEST_F(timers_alone, are_armed_in_constant_time_although_the_time_stands_still) {
    constexpr int count = 200'000 / support::slowness;
    const std::int64_t now = (std::int64_t{1} << 40) + 12'345;
    EXPECT_EQ(all_.take_due(at(now)), nullptr);
    std::mt19937 random{1}; // NOLINT: the same each time
    const auto seconds_for = [&](int many) {
        std::deque<support::timer> timers;
        const auto begin = std::chrono::steady_clock::now();
        for (int i = 0; i < many; ++i) {
            timers.emplace_back(at(now - 30'000 + static_cast<int>(random() % 60'000)));
            all_.arm(timers.back());
        }
        std::int64_t last = 0;
        while (const pirn::timer_operation* due = all_.take_due(at(now + 30'000))) {
            EXPECT_GE(due->deadline.time_since_epoch().count(), last);
            last = due->deadline.time_since_epoch().count();
        }
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    seconds_for(count);
    EXPECT_LT(seconds_for(count), 5.0); // it would be minutes if each looked for its place
}

// ---- through the loop -----------------------------------------------------------------------------

class timers_test : public support::on_each_backend {};
INSTANTIATE_TEST_SUITE_P(timers, timers_test, support::every_backend(), support::name_of_backend);

TEST_P(timers_test, are_never_early) {
    for (const auto delay : {1ns, 999ns, 1'000ns, 50'000ns, 999'999ns, 1'000'001ns, 2'500'000ns}) {
        support::timer timer{pirn::after(delay)};
        pirn::time_point seen;
        timer.then = [&](auto&) { seen = pirn::clock::now(); };
        loop().submit(timer);
        loop().run();
        EXPECT_GE(seen, timer.deadline) << delay.count();
        EXPECT_LT(seen, timer.deadline + 2s) << delay.count();
    }
}

TEST_P(timers_test, that_are_withdrawn_do_not_complete) {
    support::timer armed{pirn::after(1h)};
    support::timer due{pirn::after(0s)};
    support::timer also_due{due.deadline};
    for (support::timer* each : {&armed, &due, &also_due}) {
        loop().submit(*each);
    }
    loop().withdraw(armed);
    EXPECT_FALSE(armed.in_flight());
    due.then = [&](auto&) {
        loop().withdraw(also_due);
    }; // which has finished by then, as `due` has
    EXPECT_EQ(loop().run(), 1U);
    EXPECT_EQ(loop().pending(), 0U);
    EXPECT_EQ(armed.completions + also_due.completions, 0);
    loop().withdraw(armed); // idle: nothing to do
    loop().submit(also_due);
    EXPECT_EQ(loop().run(), 1U);
    EXPECT_TRUE(also_due.completed_with(0)) << "it can be used again";
}

TEST_P(timers_test, of_the_past_and_of_now_complete_on_the_next_run) {
    support::timer epoch{time_point{}};
    support::timer earliest{time_point::min()};
    support::timer now{pirn::after(0s)};
    support::timer negative{pirn::after(-1h)};
    for (support::timer* each : {&epoch, &earliest, &now, &negative}) {
        loop().submit(*each);
        EXPECT_EQ(each->completions, 0);
    }
    EXPECT_EQ(loop().run(run_mode::nowait), 4U);
    EXPECT_TRUE(earliest.completed_with(0));
}

TEST_P(timers_test, that_never_come_do_not_keep_others_from_it) {
    support::timer endless{never};
    support::timer hours{pirn::after(24h)};
    support::timer soon{pirn::after(1ms)};
    loop().submit(endless);
    loop().submit(hours);
    loop().submit(soon);
    EXPECT_EQ(loop().run(run_mode::once), 1U);
    EXPECT_TRUE(soon.completed_with(0));
    loop().cancel(endless);
    loop().cancel(hours);
    EXPECT_EQ(loop().run(), 2U);
    EXPECT_TRUE(endless.completed_with(-ECANCELED));
    EXPECT_TRUE(hours.completed_with(-ECANCELED));
}

TEST_P(timers_test, with_the_same_deadline_complete_in_the_order_of_submission) {
    const time_point deadline = pirn::after(1ms);
    std::vector<int> order;
    std::deque<support::timer> many;
    for (int i = 0; i < 50; ++i) {
        many.emplace_back(deadline);
        many.back().then = [&order, i](auto&) { order.push_back(i); };
        loop().submit(many.back());
    }
    loop().run();
    EXPECT_EQ(order.size(), 50U);
    EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST_P(timers_test, ten_thousand_of_them_complete_once_each_in_order_and_never_early) {
    std::mt19937 random{3}; // NOLINT: the same every time
    const time_point start = pirn::clock::now();
    std::deque<support::timer> many;
    time_point last = time_point::min();
    int disorder = 0;
    int early = 0;
    for (int i = 0; i < 10'000; ++i) {
        many.emplace_back(start + std::chrono::microseconds{random() % 50'000});
        many.back().then = [&](auto& self) {
            disorder += self.deadline < last ? 1 : 0;
            early += pirn::clock::now() < self.deadline ? 1 : 0;
            last = self.deadline;
        };
    }
    for (support::timer& each : many) {
        loop().submit(each);
    }
    EXPECT_EQ(loop().run(), 10'000U);
    EXPECT_EQ(early, 0);
    // Those submitted after their deadline had passed may come behind later ones of an earlier turn.
    EXPECT_LT(disorder, 10'000 / 100);
    for (const support::timer& each : many) {
        ASSERT_TRUE(each.completed_with(0));
    }
}

TEST_P(timers_test, can_be_cancelled_at_any_place_among_many) {
    std::deque<support::timer> many;
    for (int i = 0; i < 1'000; ++i) {
        many.emplace_back(pirn::after(std::chrono::milliseconds{i % 10}));
        loop().submit(many.back());
    }
    for (std::size_t i = 0; i < many.size(); i += 2) {
        loop().cancel(many[i]);
    }
    EXPECT_EQ(loop().run(), 1'000U);
    for (std::size_t i = 0; i < many.size(); ++i) {
        EXPECT_TRUE(many[i].completed_with(i % 2 == 0 ? -ECANCELED : 0));
    }
}

TEST_P(timers_test, that_rearm_themselves_tick_without_drifting_early) {
    const time_point start = pirn::clock::now();
    support::timer tick{start + 1ms};
    tick.then = [&](auto& self) {
        EXPECT_GE(pirn::clock::now(), self.deadline);
        if (self.completions < 10) {
            self.deadline += 1ms;
            loop().submit(self);
        }
    };
    loop().submit(tick);
    loop().run();
    EXPECT_EQ(tick.completions, 10);
    EXPECT_GE(pirn::clock::now(), start + 10ms);
}

// While the loop sleeps for a far deadline, a completion brings a nearer one.
TEST_P(timers_test, armed_by_a_completion_cut_the_sleep_short) {
    support::connection pair = support::connection::unix_stream(loop());
    std::array<std::byte, 4> space{};
    support::timer far{pirn::after(1h)};
    support::timer near{never};
    support::receive receive{pair.near(), space};
    receive.then = [&](auto&) {
        near.deadline = pirn::after(1ms);
        loop().submit(near);
    };
    near.then = [&](auto&) { loop().cancel(far); };
    loop().submit(far);
    loop().submit(receive);
    support::say(pair.far(), "warp");
    EXPECT_EQ(loop().run(), 3U);
    EXPECT_TRUE(near.completed_with(0));
    EXPECT_TRUE(far.completed_with(-ECANCELED));
}

TEST_P(timers_test, complete_beside_a_descriptor_that_is_always_busy) {
    support::connection pair = support::connection::unix_stream(loop());
    std::array<std::byte, 16> space{};
    support::receive receive{pair.near(), space};
    support::timer timer{pirn::after(3ms)};
    receive.then = [&](auto& self) {
        if (timer.in_flight()) {
            support::say(pair.far(), "again");
            loop().submit(self);
        }
    };
    loop().submit(timer);
    loop().submit(receive);
    support::say(pair.far(), "first");
    EXPECT_TRUE(run_until([&] { return timer.completions == 1; }));
    loop().run();
    EXPECT_GT(receive.completions, 1);
}

} // namespace
