// SPDX-License-Identifier: MIT
//
// Resuming many coroutines in turn.
#include <pirn/coro/batch.hpp>

#include "support/account.hpp"

#include <array>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace {

class batch : public support::balanced<testing::Test> {
  protected:
    // Coroutine i yields i, i + 1, … and so `yields(i)` values.
    template <class Yields>
    static std::vector<pirn::coroutine<int>> some(int count, Yields yields) {
        std::vector<pirn::coroutine<int>> all;
        for (int i = 0; i < count; ++i) {
            all.emplace_back(pirn::coroutine_options{.stack_size = 16384},
                             [i, n = yields(i)](auto& self) {
                                 for (int k = 0; k < n; ++k) {
                                     self.yield(i + k);
                                 }
                             });
        }
        return all;
    }
};

TEST_F(batch, resumes_each_once_and_in_order) {
    auto all = some(1000, [](int) { return 2; });
    std::vector<int> seen;
    EXPECT_EQ(pirn::resume_all(all, [&](auto& one) { seen.push_back(one.value()); }), 1000U);
    ASSERT_EQ(seen.size(), 1000U);
    for (int i = 0; i < 1000; ++i) {
        EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
    }
    EXPECT_EQ(pirn::resume_all(all), 1000U);
    EXPECT_EQ(all.back().value(), 1000);
    EXPECT_EQ(pirn::resume_all(all), 0U) << "all have returned";
    EXPECT_TRUE(all.front().done());
}

TEST_F(batch, passes_over_those_that_are_done) {
    auto all = some(100, [](int i) { return i % 3; });
    EXPECT_EQ(pirn::resume_all(all), 66U);
    EXPECT_EQ(pirn::resume_all(all), 33U);
    EXPECT_EQ(pirn::resume_all(all), 0U);
    EXPECT_EQ(pirn::resume_all(all), 0U);
}

TEST_F(batch, may_be_of_any_size) {
    for (const int count : {0, 1, 7, 8, 9, 15, 16, 17, 33}) {
        auto all = some(count, [](int) { return 1; });
        EXPECT_EQ(pirn::resume_all(all), static_cast<std::size_t>(count));
    }
    std::array<pirn::coroutine<>, 0> none;
    EXPECT_EQ(pirn::resume_all(none), 0U);
}

TEST_F(batch, lets_an_exception_out_and_leaves_the_rest_alone) {
    std::vector<pirn::coroutine<>> all;
    int ran = 0;
    for (int i = 0; i < 20; ++i) {
        all.emplace_back([&ran, i] {
            if (i == 5) {
                throw std::runtime_error{"five"};
            }
            ++ran;
        });
    }
    EXPECT_THROW(pirn::resume_all(all), std::runtime_error);
    EXPECT_EQ(ran, 5);
    EXPECT_TRUE(all[5].done());
    EXPECT_EQ(all[6].status(), pirn::coroutine_status::start);
    EXPECT_EQ(pirn::resume_all(all), 0U) << "goes on behind the one that has failed";
    EXPECT_EQ(ran, 19);
}

TEST_F(batch, may_be_resumed_from_within_a_coroutine) {
    auto all = some(50, [](int) { return 1; });
    pirn::coroutine<std::size_t> outer{[&](auto& self) {
        self.yield(pirn::resume_all(all));
        self.yield(pirn::resume_all(all));
    }};
    EXPECT_EQ(outer.next(), 50U);
    EXPECT_EQ(outer.next(), 0U);
}

} // namespace
