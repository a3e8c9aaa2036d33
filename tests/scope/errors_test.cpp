// SPDX-License-Identifier: MIT
//
// Several errors as one.
#include <pirn/scope/errors.hpp>

#include <stdexcept>

#include <gtest/gtest.h>

namespace {

TEST(errors, say_how_many_and_what_each_says) {
    const pirn::all_failed both{
        {std::make_exception_ptr(std::runtime_error{"no route"}), std::make_exception_ptr(42)}};
    EXPECT_STREQ(both.what(), "all 2 failed: no route; not a std::exception");
    EXPECT_EQ(both.errors().size(), 2U);
    EXPECT_STREQ(pirn::all_failed{{}}.what(), "all 0 failed");
}

} // namespace
