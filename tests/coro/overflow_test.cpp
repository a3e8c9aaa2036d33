// SPDX-License-Identifier: MIT
//
// A coroutine that uses up its stack ends the program with a sentence that names it (hazard 9).
#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/current.hpp>

#include "support/child.hpp"
#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <csignal>
#include <source_location>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace {

volatile bool ever_enough = false;

PIRN_NOINLINE int run_away(int depth) {
    volatile char frame[512];
    frame[0] = static_cast<char>(depth);
    if (ever_enough) {
        return 0;
    }
    const int further = run_away(depth + 1);
    return further + frame[0];
}

// Touches less and less of the stack until nothing is left but `bytes`.
PIRN_NOINLINE int use_all_but(std::size_t bytes) {
    volatile char frame[256];
    frame[0] = 1;
    if (pirn::remaining_stack() < bytes) {
        return 0;
    }
    const int further = use_all_but(bytes);
    return further + frame[0];
}

// The sanitizers turn a fault into a report of their own, after ours.
testing::AssertionResult died_of_a_fault(const support::child_end& end) {
    if (end.killed_by(SIGSEGV) || (support::under_sanitizer && !end.exited_with(0))) {
        return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << end;
}

testing::AssertionResult named(const support::child_end& end, std::string_view name,
                               std::size_t size, unsigned line) {
    const std::string words[] = {"pirn: stack overflow in coroutine \"" + std::string{name} + '"',
                                 "its stack of " + std::to_string(size) + " bytes is used up",
                                 "created at ", "overflow_test.cpp:" + std::to_string(line)};
    for (const std::string& part : words) {
        if (!end.said(part)) {
            return testing::AssertionFailure() << '"' << part << "\" is missing: " << end;
        }
    }
    return testing::AssertionSuccess();
}

class overflow : public support::balanced<> {
  protected:
    static constexpr std::size_t size = std::size_t{64} * 1024;
    pirn::mapped_stack_source mapped_;
};

TEST_F(overflow, of_a_guarded_stack_is_reported_with_name_size_and_place) {
    const pirn::coroutine_options options{
        .name = "endless", .stack_size = size, .stacks = &mapped_};
    const unsigned line = options.where.line();
    const auto end = support::in_child([&] {
        pirn::coroutine<> endless{options, [] { run_away(0); }};
        endless.resume();
    });
    EXPECT_TRUE(died_of_a_fault(end));
    EXPECT_TRUE(named(end, "endless", size, line));
}

TEST_F(overflow, of_a_default_stack_names_the_place_without_being_asked) {
    const unsigned line = __LINE__ + 2;
    const auto end = support::in_child([&] {
        pirn::coroutine<> endless{[] { run_away(0); }};
        endless.resume();
    });
    EXPECT_TRUE(died_of_a_fault(end));
    EXPECT_TRUE(named(end, "unnamed", pirn::default_stack_size, line));
}

TEST_F(overflow, of_an_inner_coroutine_names_the_inner_one) {
    const auto end = support::in_child([&] {
        pirn::coroutine<> outer{{.name = "outer"}, [&](auto& self) {
                                    pirn::coroutine<> inner{
                                        {.name = "inner", .stack_size = size, .stacks = &mapped_},
                                        [&] {
                                            self.suspend();
                                            run_away(0);
                                        }};
                                    inner.resume();
                                }};
        outer.resume();
        outer.resume();
    });
    EXPECT_TRUE(died_of_a_fault(end));
    EXPECT_TRUE(end.said("in coroutine \"inner\"")) << end;
    EXPECT_FALSE(end.said("outer")) << end;
}

TEST_F(overflow, on_a_second_thread_is_reported) {
    const auto begun_there = support::in_child([&] {
        std::thread{[&] {
            pirn::coroutine<> endless{{.name = "abroad"}, [] { run_away(0); }};
            endless.resume();
        }}.join();
    });
    EXPECT_TRUE(died_of_a_fault(begun_there));
    EXPECT_TRUE(begun_there.said("in coroutine \"abroad\"")) << begun_there;
}

TEST_F(overflow, on_a_thread_that_has_begun_no_coroutine_itself_is_reported) {
    const auto end = support::in_child([&] {
        pirn::coroutine<> emigrant{{.name = "emigrant"}, [](auto& self) {
                                       self.suspend();
                                       run_away(0);
                                   }};
        emigrant.resume();
        std::thread{[&] { emigrant.resume(); }}.join();
    });
    EXPECT_TRUE(died_of_a_fault(end));
    EXPECT_TRUE(end.said("in coroutine \"emigrant\"")) << end;
}

TEST_F(overflow, in_the_unwinding_of_a_destruction_is_reported) {
    struct clumsy {
        ~clumsy() { run_away(0); }
    };
    const auto end = support::in_child([&] {
        pirn::coroutine<> waits{{.name = "clumsy"}, [](auto& self) {
                                    const clumsy at_the_end;
                                    self.suspend();
                                }};
        waits.resume();
    });
    EXPECT_TRUE(died_of_a_fault(end));
    EXPECT_TRUE(end.said("in coroutine \"clumsy\"")) << end;
}

TEST_F(overflow, is_not_suspected_in_faults_elsewhere) {
    volatile int* const nowhere = nullptr;
    const auto inside = support::in_child([&] {
        pirn::coroutine<> faults{[&] { *nowhere = 1; }};
        faults.resume();
    });
    EXPECT_TRUE(died_of_a_fault(inside));
    EXPECT_FALSE(inside.said("stack overflow in coroutine")) << inside;
    const auto outside = support::in_child([&] {
        pirn::coroutine<> harmless{[] {}};
        harmless.resume();
        *nowhere = 1;
    });
    EXPECT_TRUE(died_of_a_fault(outside));
    EXPECT_FALSE(outside.said("stack overflow in coroutine")) << outside;
}

TEST_F(overflow, does_not_happen_as_long_as_there_is_room) {
    pirn::coroutine<> careful{{.stack_size = size, .stacks = &mapped_}, [] { use_all_but(4096); }};
    EXPECT_FALSE(careful.resume());
}

// ---- Without a guard

// Leaves a mark in the lowest bytes of the stack, as a frame that is a little too large does.
void write_over_the_end(std::span<std::byte> memory) { memory[3] ^= std::byte{1}; }

TEST_F(overflow, of_the_callers_memory_is_found_when_the_function_returns) {
    const support::raw_memory memory{size};
    const auto end = support::in_child([&] {
        pirn::coroutine<> over{{.name = "over", .memory = memory.all()},
                               [&] { write_over_the_end(memory.all()); }};
        over.resume();
        ::_exit(0); // before it is destroyed
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("stack overflow in coroutine \"over\"")) << end;
    EXPECT_TRUE(end.said("beyond the end of its unguarded stack")) << end;
    EXPECT_TRUE(end.said("stack_bytes=" + std::to_string(size))) << end;
}

TEST_F(overflow, of_the_callers_memory_is_found_when_the_coroutine_is_destroyed) {
    const support::raw_memory memory{size};
    const auto end = support::in_child([&] {
        pirn::coroutine<> over{{.name = "over", .memory = memory.all()}, [&] {}};
        write_over_the_end(memory.all());
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("stack overflow in coroutine \"over\"")) << end;
}

TEST_F(overflow, of_the_callers_memory_is_found_at_a_suspension_in_a_debug_build) {
    if (!PIRN_ASSERTIONS) {
        GTEST_SKIP() << "without assertions a suspension does not look";
    }
    const support::raw_memory memory{size};
    const auto end = support::in_child([&] {
        pirn::coroutine<> over{{.name = "over", .memory = memory.all()}, [&](auto& self) {
                                   write_over_the_end(memory.all());
                                   self.suspend();
                               }};
        over.resume();
        ::_exit(0);
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("stack overflow in coroutine \"over\"")) << end;
}

} // namespace
