// SPDX-License-Identifier: MIT
//
// Who is running, seen from anywhere.
#include <pirn/coro/current.hpp>

#include <pirn/coro/coroutine.hpp>

#include "support/stacks.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace {

class current : public support::on_each_stack {};
INSTANTIATE_TEST_SUITE_P(on, current, support::every_stack_kind(), support::name_of);

std::string current_name() {
    const auto running = pirn::current();
    return running ? std::string{running->name()} : "none";
}

TEST_P(current, is_the_innermost_coroutine_that_runs) {
    EXPECT_EQ(current_name(), "none");
    pirn::coroutine<> outer{stack("outer"), [&](auto& self) {
                                EXPECT_EQ(current_name(), "outer");
                                pirn::coroutine<> inner{stack("inner"), [&](auto& in) {
                                                            EXPECT_EQ(current_name(), "inner");
                                                            in.suspend();
                                                            EXPECT_EQ(current_name(), "inner");
                                                        }};
                                inner.resume();
                                EXPECT_EQ(current_name(), "outer");
                                self.suspend();
                                EXPECT_EQ(current_name(), "outer");
                                inner.resume();
                                EXPECT_EQ(current_name(), "outer");
                            }};
    outer.resume();
    EXPECT_EQ(current_name(), "none");
    outer.resume();
    EXPECT_EQ(current_name(), "none");
}

TEST_P(current, has_a_number_that_nobody_else_has_or_had) {
    std::set<std::uint64_t> seen;
    pirn::coroutine<> one{stack(), [&](auto& self) {
                              EXPECT_EQ(self.id(), pirn::current()->id());
                              self.suspend();
                          }};
    one.resume();
    const std::uint64_t first = one.id();
    seen.insert(first);
    for (int i = 0; i < 100; ++i) {
        pirn::coroutine<> other{stack("standard"), [] {}}; // mostly on the same stack as the last
        EXPECT_EQ(other.ref().id(), other.id());
        EXPECT_TRUE(seen.insert(other.id()).second);
        if (GetParam() == support::stack_kind::callers_memory && i == 10) {
            break; // whose memory is not used again in this suite
        }
    }
    EXPECT_FALSE(seen.contains(0));
    EXPECT_EQ(one.id(), first);
    pirn::coroutine<> moved{std::move(one)};
    EXPECT_EQ(moved.id(), first);
    EXPECT_EQ(one.id(), 0U);
}

TEST_P(current, is_restored_when_an_exception_leaves) {
    pirn::coroutine<> outer{stack("outer"), [&] {
                                pirn::coroutine<> inner{[] { throw 1; }};
                                EXPECT_THROW(inner.resume(), int);
                                EXPECT_EQ(current_name(), "outer");
                            }};
    outer.resume();
    EXPECT_EQ(current_name(), "none");
}

TEST_P(current, is_right_while_a_coroutine_is_unwound) {
    struct looks {
        ~looks() { *seen = current_name(); }
        std::string* seen;
    };
    std::string seen;
    {
        pirn::coroutine<> waits{stack("unwound"), [&](auto& self) {
                                    const looks at_the_end{&seen};
                                    self.suspend();
                                }};
        waits.resume();
    }
    EXPECT_EQ(seen, "unwound");
    EXPECT_EQ(current_name(), "none");
}

TEST_P(current, is_each_threads_own) {
    pirn::coroutine<> here{stack("here"), [] {
                               std::thread{[] { EXPECT_EQ(current_name(), "none"); }}.join();
                               EXPECT_EQ(current_name(), "here");
                           }};
    here.resume();
}

TEST_P(current, knows_its_parent_while_it_runs) {
    std::optional<pirn::coroutine_ref> seen;
    pirn::coroutine<> inner{stack("inner"), [&](auto& self) {
                                seen = pirn::current();
                                EXPECT_FALSE(seen->parent());
                                self.suspend();
                                ASSERT_TRUE(seen->parent());
                                EXPECT_EQ(seen->parent()->name(), "outer");
                                EXPECT_FALSE(seen->parent()->parent());
                                self.suspend();
                            }};
    inner.resume();
    EXPECT_FALSE(seen->parent());
    {
        pirn::coroutine<> outer{stack("outer"), [&] { inner.resume(); }};
        outer.resume();
    }
    EXPECT_EQ(seen->status(), pirn::coroutine_status::suspended);
    EXPECT_FALSE(seen->parent()) << "whoever resumed it last is no more";
}

TEST_P(current, refers_to_the_same_coroutine_each_time) {
    pirn::coroutine<> one{stack(), [](auto& self) {
                              const auto before = pirn::current();
                              self.suspend();
                              EXPECT_EQ(before, pirn::current());
                              pirn::coroutine<> other{[&] { EXPECT_NE(pirn::current(), before); }};
                              other.resume();
                          }};
    one.resume();
    one.resume();
}

TEST_P(current, stack_gets_less_with_each_call) {
    EXPECT_EQ(pirn::remaining_stack(), 0U) << "outside of any coroutine";
    struct calls {
        // Keeps a large frame until the call in it has returned.
        [[gnu::noinline]] static std::size_t with_large_frame() {
            char large[8192];
            asm volatile(""
                         :
                         : "r"(large)
                         : "memory"); // all of it is used, as far as anybody knows
            const std::size_t remains = pirn::remaining_stack();
            asm volatile("" : : "r"(large) : "memory");
            return remains;
        }
    };
    std::size_t at_the_top = 0;
    std::size_t further_down = 0;
    pirn::coroutine<> measures{stack(), [&] {
                                   at_the_top = pirn::remaining_stack();
                                   further_down = calls::with_large_frame();
                               }};
    measures.resume();
    EXPECT_LT(at_the_top, pirn::default_stack_size + 65536);
    EXPECT_GT(at_the_top, stack_size / 2);
    EXPECT_GE(at_the_top, further_down + 8192);
    EXPECT_LE(at_the_top, further_down + 8192 + 4096);
    EXPECT_EQ(pirn::remaining_stack(), 0U);
}

} // namespace
