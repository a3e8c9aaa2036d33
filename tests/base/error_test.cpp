// SPDX-License-Identifier: MIT
//
// What the world refuses: from the kernel's form to an error_code and to an exception.
#include <pirn/base/error.hpp>

#include <cerrno>
#include <exception>
#include <string>
#include <system_error>
#include <type_traits>

#include <gtest/gtest.h>

namespace {

TEST(error, is_none_for_a_result_of_zero_or_more) {
    EXPECT_FALSE(pirn::error_of(0));
    EXPECT_FALSE(pirn::error_of(4096));
}

TEST(error, compares_with_the_standard_conditions) {
    EXPECT_EQ(pirn::error_of(-ECANCELED), std::errc::operation_canceled);
    EXPECT_EQ(pirn::error_of(-ECONNRESET), std::errc::connection_reset);
    EXPECT_EQ(pirn::error_of(-EAGAIN), std::errc::resource_unavailable_try_again);
}

TEST(error, when_thrown_names_the_operation_first) {
    try {
        pirn::throw_error(pirn::error_of(-ECONNREFUSED), "connect");
        FAIL() << "came back";
    } catch (const std::system_error& refused) {
        EXPECT_EQ(std::string{refused.what()}.rfind("connect", 0), 0U) << refused.what();
        EXPECT_EQ(refused.code(), std::errc::connection_refused);
    }
}

TEST(error, when_thrown_from_errno_carries_its_number) {
    try {
        errno = EMFILE;
        pirn::throw_errno("accept4");
        FAIL() << "came back";
    } catch (const std::system_error& refused) {
        EXPECT_EQ(refused.code().value(), EMFILE);
        EXPECT_EQ(refused.code().category(), std::system_category());
    }
}

// A handler for errors must not take a request to leave for one.
static_assert(!std::is_base_of_v<std::exception, pirn::cancelled>);

} // namespace
