// SPDX-License-Identifier: MIT
//
// Deadlines out of durations: rounding away from "early", and the ends of the range.
#include <pirn/base/time.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using pirn::after;
using pirn::never;

// What after() gave, as a distance from a clock reading before and one after it.
template <class Duration>
void expect_about(Duration delay, pirn::duration expected) {
    const auto earliest = pirn::clock::now();
    const auto deadline = after(delay);
    const auto latest = pirn::clock::now();
    EXPECT_GE(deadline, earliest + expected);
    EXPECT_LE(deadline, latest + expected);
}

TEST(time, after_a_while_is_now_and_the_while) {
    expect_about(5s, 5s);
    expect_about(1ns, 1ns);
    expect_about(24h, 24h);
}

TEST(time, after_nothing_or_less_is_now) {
    expect_about(0s, 0ns);
    expect_about(-1ns, 0ns);
    expect_about(std::chrono::hours::min(), 0ns);
    expect_about(std::chrono::duration<std::int64_t, std::nano>::min(), 0ns);
}

TEST(time, after_more_than_the_clock_can_count_is_never) {
    EXPECT_EQ(after(std::chrono::hours::max()), never);
    EXPECT_EQ(after(pirn::duration::max()), never);
    EXPECT_EQ(after(std::chrono::duration<double>::max()), never);
    EXPECT_EQ(after(std::chrono::duration<double>{std::numeric_limits<double>::infinity()}), never);
    EXPECT_EQ(after(std::chrono::duration<std::int64_t, std::ratio<86400 * 365>>{1'000'000}),
              never);
}

TEST(time, after_almost_everything_is_not_never) {
    const auto century = std::chrono::hours{24 * 365 * 100};
    EXPECT_LT(after(century), never);
    EXPECT_GT(after(century), pirn::clock::now() + 50 * std::chrono::hours{24 * 365});
}

TEST(time, after_a_fraction_of_a_nanosecond_is_not_early) {
    const std::chrono::duration<std::int64_t, std::pico> fraction{1};
    expect_about(fraction, 1ns);
    expect_about(std::chrono::duration<double, std::nano>{0.25}, 1ns);
}

TEST(time, that_never_comes_lies_behind_every_other) { EXPECT_GT(never, pirn::clock::now()); }

TEST(time, is_told_by_what_was_put_in_place_of_the_clock) {
    pirn::time_point hand{5s};
    const pirn::time_point* const before = pirn::detail::tell_time_by(&hand);
    EXPECT_EQ(pirn::now(), pirn::time_point{5s});
    hand += 1s;
    EXPECT_EQ(pirn::now(), pirn::time_point{6s});
    EXPECT_EQ(after(1s), pirn::time_point{7s});
    EXPECT_EQ(pirn::detail::tell_time_by(before), &hand);
    EXPECT_GE(pirn::now(), pirn::clock::now() - 1h);
}

} // namespace
