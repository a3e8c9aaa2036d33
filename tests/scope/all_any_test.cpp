// SPDX-License-Identifier: MIT
//
// All, the first to succeed, the first to end.
#include <pirn/scope/all_any.hpp>

#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/timeout.hpp>

#include "support/account.hpp"
#include "support/tasks.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using together = support::balanced<>;
using support::stand_still;

TEST_F(together, all_gives_what_each_returned) {
    pirn::run([] {
        auto [number, text, owned] = pirn::all(
            [] {
                pirn::sleep_for(1ms);
                return 1;
            },
            [] { return std::string{"two"}; }, [] { return std::make_unique<int>(3); });
        EXPECT_EQ(number, 1);
        EXPECT_EQ(text, "two");
        EXPECT_EQ(*owned, 3);
        int done = 0;
        pirn::all([&] { ++done; }, [&] { ++done; });
        EXPECT_EQ(done, 2);
        auto [seven, nothing] = pirn::all([] { return 7; }, [] {});
        EXPECT_EQ(seven, 7);
        static_cast<void>(nothing);
    });
}

TEST_F(together, all_runs_them_at_the_same_time) {
    pirn::run([] {
        bool other = false;
        pirn::all([&] { support::yield_until([&] { return other; }); }, [&] { other = true; });
    });
}

TEST_F(together, all_of_a_range_gives_a_vector_in_its_order) {
    pirn::run([] {
        std::vector<std::function<int()>> functions;
        for (int i = 0; i < 20; ++i) {
            functions.emplace_back([i] {
                for (int turn = i; turn < 20; ++turn) pirn::yield_now();
                return i * i;
            });
        }
        const std::vector<int> squares = pirn::all(functions);
        ASSERT_EQ(squares.size(), 20U);
        EXPECT_EQ(squares[19], 361);
        functions.clear();
        EXPECT_TRUE(pirn::all(functions).empty());
    });
}

TEST_F(together, all_stops_at_the_first_error) {
    pirn::run([] {
        bool stopped = false;
        EXPECT_THROW(pirn::all(
                         [&] {
                             try {
                                 stand_still();
                             } catch (...) {
                                 stopped = true;
                                 throw;
                             }
                             return 1;
                         },
                         []() -> int { throw std::runtime_error{"no"}; }),
                     std::runtime_error);
        EXPECT_TRUE(stopped);
    });
}

TEST_F(together, any_gives_the_first_success_and_stops_the_rest) {
    pirn::run([] {
        bool stopped = false;
        const std::string answer =
            pirn::any([]() -> std::string { throw std::runtime_error{"no route"}; },
                      [] {
                          pirn::yield_now();
                          return std::string{"here"};
                      },
                      [&]() -> std::string {
                          try {
                              stand_still();
                          } catch (...) {
                              stopped = true;
                              throw;
                          }
                          return "never";
                      });
        EXPECT_EQ(answer, "here");
        EXPECT_TRUE(stopped);
        EXPECT_FALSE(pirn::stop_requested());
    });
}

TEST_F(together, any_says_why_none_succeeded) {
    pirn::run([] {
        try {
            pirn::any([]() -> int { throw std::runtime_error{"one"}; },
                      []() -> int { throw std::runtime_error{"two"}; });
            ADD_FAILURE() << "there was no answer";
        } catch (const pirn::all_failed& failed) {
            EXPECT_STREQ(failed.what(), "all 2 failed: one; two");
        }
        EXPECT_THROW(pirn::any(std::vector<std::function<void()>>{}), pirn::all_failed);
    });
}

TEST_F(together, race_gives_the_first_end_whatever_it_is) {
    pirn::run([] {
        EXPECT_EQ(pirn::race(
                      [] {
                          stand_still();
                          return 1;
                      },
                      [] { return 2; }),
                  2);
        EXPECT_THROW(pirn::race(
                         [] {
                             stand_still();
                             return 1;
                         },
                         []() -> int { throw std::logic_error{"first"}; }),
                     std::logic_error);
        std::vector<std::function<int()>> many;
        for (int i = 0; i < 5; ++i) {
            many.emplace_back([i] {
                for (int turn = 0; turn < 5 - i; ++turn) pirn::yield_now();
                return i;
            });
        }
        EXPECT_EQ(pirn::race(many), 4);
        pirn::race([] { stand_still(); }, [] {});
    });
}

TEST_F(together, all_of_them_can_be_cancelled) {
    pirn::run([] {
        const auto forever = [] { stand_still(); };
        EXPECT_FALSE(pirn::try_with_timeout(1ms, [&] { pirn::all(forever, forever); }));
        EXPECT_FALSE(pirn::try_with_timeout(1ms, [&] { pirn::any(forever, forever); }));
        EXPECT_FALSE(pirn::try_with_timeout(1ms, [&] { pirn::race(forever, forever); }));
        pirn::yield_now();
    });
}

} // namespace
