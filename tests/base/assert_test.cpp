// SPDX-License-Identifier: MIT
//
// Programmer errors: what the hook is told, and what happens without one.
#include <pirn/base/assert.hpp>

#include "base/places.hpp"

#include <string>

#include <gtest/gtest.h>

namespace {

// What the hook saw, copied: the views in a failure end with the call.
struct caught {
    std::string message;
    std::string condition;
    std::string values;
    std::string file;
    unsigned line;
};

// Replaces the hook for the length of a test by one that throws what it saw.
class assert_hook : public testing::Test {
  protected:
    assert_hook() : before_{pirn::set_failure_hook(&throw_it)} {}
    ~assert_hook() override { pirn::set_failure_hook(before_); }

  private:
    static void throw_it(const pirn::failure& what) {
        throw caught{std::string{what.message}, std::string{what.condition},
                     std::string{what.values}, what.where.file_name(), what.where.line()};
    }
    pirn::failure_hook before_;
};

TEST_F(assert_hook, is_told_the_sentence_the_condition_the_values_and_the_place) {
    const int state = -3;
    const unsigned line = __LINE__ + 2;
    try {
        PIRN_REQUIRE(state > 0, "resume it first", {"state", state}, {"name", "fetch"});
        FAIL() << "the check let it pass";
    } catch (const caught& what) {
        EXPECT_EQ(what.message, "resume it first");
        EXPECT_EQ(what.condition, "state > 0");
        EXPECT_EQ(what.values, "state=-3, name=\"fetch\"");
        EXPECT_NE(what.file.find("assert_test.cpp"), std::string::npos);
        EXPECT_EQ(what.line, line);
    }
}

TEST_F(assert_hook, is_told_addresses_in_hexadecimal) {
    const void* const address = reinterpret_cast<const void*>(0xbeef);
    try {
        PIRN_REQUIRE(address == nullptr, "no address", {"at", address});
        FAIL() << "the check let it pass";
    } catch (const caught& what) {
        EXPECT_EQ(what.values, "at=0xbeef");
    }
}

TEST_F(assert_hook, is_told_no_values_where_there_are_none) {
    try {
        PIRN_REQUIRE(1 > 2, "arithmetic");
        FAIL() << "the check let it pass";
    } catch (const caught& what) {
        EXPECT_EQ(what.values, "");
    }
}

TEST_F(assert_hook, is_spared_a_value_that_does_not_fit_and_keeps_those_before_it) {
    const std::string endless(2000, 'x');
    try {
        PIRN_REQUIRE(endless.empty(), "too long", {"size", endless.size()}, {"text", endless});
        FAIL() << "the check let it pass";
    } catch (const caught& what) {
        EXPECT_EQ(what.values.substr(0, 9), "size=2000");
        EXPECT_LT(what.values.size(), 600U);
    }
}

TEST_F(assert_hook, is_not_called_and_no_value_is_computed_when_the_condition_holds) {
    int computed = 0;
    PIRN_REQUIRE(computed == 0, "unused", {"computed", ++computed});
    EXPECT_EQ(computed, 0);
}

TEST(assert_default, prints_the_sentence_with_its_values_and_aborts) {
    EXPECT_DEATH(PIRN_REQUIRE(false, "the lid was open", {"lids", 2}),
                 "pirn: the lid was open\n.*condition: false\n.*values: *lids=2\n.*assert_test");
}

TEST(assert_default, aborts_also_when_the_hook_comes_back) {
    EXPECT_DEATH(
        {
            pirn::set_failure_hook([](const pirn::failure&) {});
            PIRN_REQUIRE(false, "the hook hides this");
        },
        // Nothing of ours; an emulator has a word to say about each signal that ends a program.
        "^(qemu: uncaught target signal .*)?$");
}

TEST(assert_default, comes_back_when_the_hook_is_taken_out) {
    const pirn::failure_hook mine = [](const pirn::failure&) {};
    const pirn::failure_hook before = pirn::set_failure_hook(mine);
    EXPECT_EQ(pirn::set_failure_hook(before), mine);
}

TEST(places_in_messages, are_relative_to_the_project) {
    using pirn::detail::header_in_project;
    using pirn::detail::path_in_project;
    EXPECT_EQ(header_in_project("/usr/local/include/pirn/sync/mutex.hpp"), "pirn/sync/mutex.hpp");
    EXPECT_EQ(header_in_project("include/pirn/sync/mutex.hpp"), "pirn/sync/mutex.hpp");
    EXPECT_EQ(header_in_project("../../include/pirn/sync/mutex.hpp"), "pirn/sync/mutex.hpp");
    // A user's own files are left as they are.
    EXPECT_EQ(header_in_project("/home/me/src/net/main.cpp"), "/home/me/src/net/main.cpp");
    EXPECT_EQ(header_in_project("/home/me/myinclude/pirn/a.hpp"), "/home/me/myinclude/pirn/a.hpp");
    EXPECT_EQ(header_in_project(""), "");
    EXPECT_EQ(path_in_project("/build/src/pirn/src/net/serve.cpp"), "src/net/serve.cpp");
    EXPECT_EQ(path_in_project("../../src/net/serve.cpp"), "src/net/serve.cpp");
    EXPECT_EQ(path_in_project("src/net/serve.cpp"), "src/net/serve.cpp");
    EXPECT_EQ(path_in_project("/build/include/pirn/base/list.hpp"), "pirn/base/list.hpp");
    EXPECT_EQ(path_in_project(""), "");
}

#if PIRN_ASSERTIONS
TEST_F(assert_hook, is_called_by_our_own_invariants_in_this_build) {
    EXPECT_THROW(PIRN_ASSERT(false, "ours"), caught);
}
#else
TEST_F(assert_hook, is_not_called_by_our_own_invariants_in_this_build) {
    EXPECT_NO_THROW(PIRN_ASSERT(false, "ours"));
}
#endif

} // namespace
