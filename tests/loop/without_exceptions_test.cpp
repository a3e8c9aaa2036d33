// SPDX-License-Identifier: MIT
//
// The event loop in a user's file that is compiled with -fno-exceptions -fno-rtti: see docs/exceptions.md.
#include "loop/without_exceptions.hpp"

#include "support/backends.hpp"

#include <cerrno>
#include <system_error>

#include <poll.h>
#include <sys/resource.h>

namespace {

class without_exceptions : public support::balanced<testing::TestWithParam<pirn::backend_kind>> {};
INSTANTIATE_TEST_SUITE_P(on, without_exceptions, support::every_backend(),
                         support::name_of_backend);

TEST_P(without_exceptions, operations_end_with_their_results) {
    const loop_seen seen = operations_on_a_loop(GetParam());
    EXPECT_EQ(seen.timer, 0);
    EXPECT_EQ(seen.poll, POLLOUT);
    EXPECT_EQ(seen.cancelled, -ECANCELED);
    EXPECT_EQ(seen.received, 1);
    EXPECT_EQ(seen.delivered, 4U);
}

TEST_P(without_exceptions, a_loop_that_cannot_be_had_is_an_exception_for_who_can_catch_it) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit none = before;
    none.rlim_cur = 0;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    int frames_ended = 0;
    EXPECT_THROW(makes_a_loop(GetParam(), frames_ended), std::system_error);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(frames_ended, 0) << "compiled without exceptions";
    makes_a_loop(GetParam(), frames_ended);
    EXPECT_EQ(frames_ended, 1);
}

} // namespace
