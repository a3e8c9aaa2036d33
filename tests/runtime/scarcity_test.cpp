// SPDX-License-Identifier: MIT
//
// Each allocation of a program fails once, one after the other: the program ends in an exception that says so, or goes on,
// and leaves nothing behind. Replaces operator new, which is why this is a program of its own.
#include <pirn/base/error.hpp>
#include <pirn/runtime/blocking.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"
#include "support/allocations.hpp"
#include "support/sanitizers.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <system_error>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;

class scarcity : public support::balanced<testing::TestWithParam<std::size_t>> {};
INSTANTIATE_TEST_SUITE_P(of_memory, scarcity, testing::Values(1, 2, 4),
                         testing::PrintToStringParamName());

void small_program(std::size_t threads) {
    pirn::run({.threads = threads}, [] {
        auto sleeper = pirn::spawn({.name = "sleeps"}, [] { pirn::sleep_for(100us); });
        auto works = pirn::spawn([] { return pirn::blocking([] { return 7; }); });
        auto below = pirn::spawn([] {
            auto child = pirn::spawn({.name = "a name that is too long to be kept in place"}, [] {
                pirn::yield_now();
                return 1;
            });
            return child.get();
        });
        sleeper.get();
        if (works.get() + below.get() != 8) {
            std::abort();
        }
    });
}

TEST_P(scarcity, at_each_allocation_in_turn_is_an_error_and_leaves_nothing) {
    SKIP_WHEN(support::under_sanitizer, "operator new is the sanitizer's");
    small_program(GetParam()); // what is made once in a process is there
    const pirn::live_counts before = pirn::live();
    int errors = 0;
    bool was_refused = true;
    for (long n = 0; was_refused && n < 10'000; ++n) {
        support::refuse_after = n;
        try {
            small_program(GetParam());
        } catch (const std::bad_alloc&) {
            ++errors;
        } catch (const std::system_error&) {
            ++errors;
        }
        was_refused = support::refuse_after < 0; // it went below when it refused
        support::refuse_after = -1;
        ASSERT_EQ(pirn::live(), before) << "after allocation " << n;
    }
    EXPECT_GT(errors, 3);
    EXPECT_FALSE(was_refused);
}

} // namespace
