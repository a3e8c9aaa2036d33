// SPDX-License-Identifier: MIT
//
// A clock for tests.
#include <pirn/loop/test_clock.hpp>

#include <pirn/base/assert.hpp>

#include <algorithm>

namespace pirn {

namespace {

// No clock reaches `never`.
constexpr time_point latest = never - duration{1};

} // namespace

void test_clock::advance(duration by) {
    PIRN_REQUIRE(by >= duration::zero(), "a test_clock never goes back", {"by", by.count()});
    now_ +=
        std::min(by, latest - now_); // the clock's zero or later, so that this does not overflow
}

void test_clock::advance_to(time_point then) noexcept {
    now_ = std::max(now_, std::min(then, latest));
}

} // namespace pirn
