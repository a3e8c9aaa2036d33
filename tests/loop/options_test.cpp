// SPDX-License-Identifier: MIT
//
// How a loop is chosen: the options, the environment, and what is refused.
#include <pirn/loop/options.hpp>

#include <pirn/loop/loop.hpp>

#include "support/account.hpp"
#include "support/backends.hpp"
#include "support/misuse.hpp"

#include <cstdlib>
#include <string>
#include <system_error>

#include <gtest/gtest.h>

namespace {

using pirn::backend_kind;

class options_test : public support::balanced<> {
  protected:
    ~options_test() override { ::unsetenv("PIRN_BACKEND"); }

    static void set(const char* value) { ::setenv("PIRN_BACKEND", value, 1); }
    static std::string backend_with(pirn::loop_options options) {
        return pirn::loop{options}.backend_name();
    }
    static bool has_uring() {
        ::unsetenv("PIRN_BACKEND");
        return backend_with({.backend = backend_kind::uring}) == "uring";
    }
};

TEST_F(options_test, ask_for_a_backend_and_get_it) {
    const std::string best = has_uring() ? "uring" : "epoll";
    EXPECT_EQ(backend_with({}), best);
    EXPECT_EQ(backend_with({.backend = backend_kind::uring}), best);
    EXPECT_EQ(backend_with({.backend = backend_kind::epoll}), "epoll");
}

TEST_F(options_test, give_way_to_the_environment) {
    const std::string best = has_uring() ? "uring" : "epoll";
    set("epoll");
    EXPECT_EQ(backend_with({.backend = backend_kind::uring}), "epoll");
    EXPECT_EQ(backend_with({}), "epoll");
    set("uring");
    EXPECT_EQ(backend_with({.backend = backend_kind::epoll}), best);
}

TEST_F(options_test, stand_when_the_variable_is_empty) {
    set("");
    EXPECT_EQ(backend_with({.backend = backend_kind::epoll}), "epoll");
}

TEST_F(options_test, are_refused_with_any_other_value_of_the_variable) {
    for (const char* const value : {"io_uring", "URING", "epoll ", "0"}) {
        set(value);
        for (const auto kind :
             {backend_kind::automatic, backend_kind::uring, backend_kind::epoll}) {
            try {
                pirn::loop loop{{.backend = kind}};
                ADD_FAILURE() << "took " << value;
            } catch (const std::system_error& refused) {
                EXPECT_EQ(refused.code(), std::errc::invalid_argument);
                EXPECT_NE(std::string{refused.what()}.find("PIRN_BACKEND"), std::string::npos);
            }
        }
    }
}

TEST_F(options_test,
       take_one_to_4096_submission_slots_and_as_many_completion_slots_as_a_ring_may_have) {
    for (const unsigned slots : {1U, 2U, 3U, 100U, 4096U}) {
        for (const auto kind : {backend_kind::uring, backend_kind::epoll}) {
            pirn::loop loop{{.backend = kind, .submission_slots = slots}};
            support::nop nop;
            loop.submit(nop);
            EXPECT_EQ(loop.run(), 1U);
        }
    }
    for (const unsigned slots : {0U, 1U, 3U, 65'536U}) {
        pirn::loop loop{{.backend = backend_kind::uring, .completion_slots = slots}};
        support::nop nop;
        loop.submit(nop);
        EXPECT_EQ(loop.run(), 1U);
    }
    EXPECT_TRUE(support::complains([&] { pirn::loop{{.completion_slots = 65'537}}; },
                                   "completion_slots", "65537"));
    for (const unsigned slots : {0U, 4097U}) {
        EXPECT_TRUE(support::complains([&] { pirn::loop{{.submission_slots = slots}}; },
                                       "submission_slots", std::to_string(slots)));
    }
}

} // namespace
