// SPDX-License-Identifier: MIT
//
// A coroutine costs its stack and nothing else. Counts every call of operator new in this program, which
// is why it has a file of its own.
#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/generator.hpp>

#include "support/allocations.hpp"
#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <utility>

#include <gtest/gtest.h>

namespace {

class allocation : public support::on_each_stack {
  protected:
    void SetUp() override {
        if (support::under_sanitizer) {
            GTEST_SKIP() << "operator new is the sanitizer's";
        }
        if (support::under_valgrind) {
            GTEST_SKIP() << "operator new is valgrind's";
        }
    }

    // How often `body` allocates, after a first time that warms what is made once per thread.
    template <class Body>
    static long allocated_by(Body body) {
        body();
        const long before = support::allocations.load();
        for (int i = 0; i < 10; ++i) {
            body();
        }
        return support::allocations.load() - before;
    }
};
INSTANTIATE_TEST_SUITE_P(on, allocation, support::every_stack_kind(), support::name_of);

TEST_P(allocation, is_noticed_at_all) {
    EXPECT_EQ(allocated_by([] {
                  int* seen = new int{1};        // NOLINT: naked on purpose
                  asm volatile("" : "+r"(seen)); // else the compiler drops the pair
                  delete seen;
              }),
              10); // NOLINT: naked on purpose
}

TEST_P(allocation, does_not_happen_in_the_whole_life_of_a_coroutine) {
    const pirn::coroutine_options options = stack("a name that is rather long");
    EXPECT_EQ(allocated_by([&] {
                  std::array<char, 2000> captured{};
                  captured[0] = 'c';
                  pirn::coroutine<int, int, int> one{options,
                                                     [captured](auto& self, int first) {
                                                         int sum = first + captured[0];
                                                         for (int i = 0; i < 3; ++i) {
                                                             sum += self.yield(sum);
                                                         }
                                                         return sum;
                                                     },
                                                     5};
                  one.resume();
                  one.resume(1);
                  pirn::coroutine<int, int, int> moved{std::move(one)};
                  moved.resume(1);
                  EXPECT_FALSE(moved.resume(1));
              }),
              0);
}

TEST_P(allocation, does_not_happen_for_one_that_never_starts) {
    const pirn::coroutine_options options = stack();
    EXPECT_EQ(allocated_by([&] { const pirn::coroutine<> never{options, [] {}}; }), 0);
}

TEST_P(allocation, happens_at_most_once_when_one_is_unwound) {
    const pirn::coroutine_options options = stack();
    // For the exception that unwinds it, if it takes an ordinary one.
    EXPECT_LE(allocated_by([&] {
                  pirn::coroutine<> waits{options, [](auto& self) { self.suspend(); }};
                  waits.resume();
              }),
              10);
}

} // namespace
