// SPDX-License-Identifier: MIT
//
// Users' files that are compiled with -fno-exceptions, with -fno-rtti, or with both: each sentence of
// docs/exceptions.md about them.
#include "coro/without_exceptions.hpp"

#include <pirn/arch/eh_state.hpp>

#include "support/account.hpp"
#include "support/child.hpp"
#include "support/sanitizers.hpp"

#include <csignal>
#include <new>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace {

int frames_between = 0; // of functions with exceptions, that have ended

struct counts {
    ~counts() { ++frames_between; }
};

PIRN_NOINLINE void suspend_under_a_local(pirn::yielder<int>& self) {
    const counts local;
    self.yield(0);
}

PIRN_NOINLINE void suspend_in_a_handler(pirn::yielder<int>& self) {
    const counts local;
    try {
        throw std::runtime_error{"first"};
    } catch (const std::runtime_error&) {
        self.yield(0);
    }
}

PIRN_NOINLINE void throw_under_a_local(pirn::yielder<int>&) {
    const counts local;
    throw std::runtime_error{"thrown through"};
}

class way : public support::balanced<testing::TestWithParam<const without_exceptions*>> {
  protected:
    way() { frames_between = 0; }

    int frames_ended_ = 0;
    int callables_ended_ = 0;
};

std::string name_of(const testing::TestParamInfo<const without_exceptions*>& one) {
    return one.param->name;
}

class without : public way {};
INSTANTIATE_TEST_SUITE_P(compiled, without,
                         testing::Values(&compiled_no_exceptions, &compiled_no_rtti,
                                         &compiled_neither, &compiled_no_tables),
                         name_of);

TEST_P(without, coroutines_work_and_end) { EXPECT_EQ(GetParam()->works(), all_that_works); }

// Those that have exceptions all the same are in here as the positive control.
class without_rtti : public way {};
INSTANTIATE_TEST_SUITE_P(compiled, without_rtti, testing::Values(&compiled_no_rtti), name_of);

TEST_P(without_rtti, destructors_run_as_ever) {
    {
        auto one =
            GetParam()->keeps_and_calls(frames_ended_, callables_ended_, suspend_under_a_local);
        one.resume();
    }
    EXPECT_EQ(frames_ended_, 1);
    EXPECT_EQ(callables_ended_, 1);
    EXPECT_EQ(frames_between, 1);
}

// With tables for the unwinder, and without exceptions.
class without_cleanups : public way {};
INSTANTIATE_TEST_SUITE_P(compiled, without_cleanups,
                         testing::Values(&compiled_no_exceptions, &compiled_neither), name_of);

TEST_P(without_cleanups, a_suspended_coroutine_gives_its_stack_back_and_passes_over_those_frames) {
    {
        auto one =
            GetParam()->keeps_and_calls(frames_ended_, callables_ended_, suspend_under_a_local);
        one.resume();
    }
    EXPECT_EQ(frames_ended_, 0) << "compiled without exceptions";
    EXPECT_EQ(callables_ended_, 1) << "what the library holds is destroyed by the library";
    EXPECT_EQ(frames_between, 1) << "compiled with exceptions";
}

TEST_P(without_cleanups, it_is_the_same_for_one_that_is_suspended_in_a_handler_further_in) {
    {
        auto one =
            GetParam()->keeps_and_calls(frames_ended_, callables_ended_, suspend_in_a_handler);
        one.resume();
    }
    EXPECT_EQ(frames_ended_, 0);
    EXPECT_EQ(callables_ended_, 1);
    EXPECT_EQ(frames_between, 1);
}

TEST_P(without_cleanups, an_exception_comes_out_of_the_resume_and_passes_over_those_frames) {
    int resumers_ended = 0;
    {
        auto one =
            GetParam()->keeps_and_calls(frames_ended_, callables_ended_, throw_under_a_local);
        std::string caught;
        try {
            GetParam()->resumes(one, resumers_ended);
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        EXPECT_EQ(caught, "thrown through");
        EXPECT_TRUE(one.done());
    }
    EXPECT_EQ(frames_ended_, 0);
    EXPECT_EQ(resumers_ended, 0);
    EXPECT_EQ(callables_ended_, 1);
    EXPECT_EQ(frames_between, 1);
}

// One of functions with exceptions, but for the one in the middle.
pirn::coroutine<int> with_one_between(const without_exceptions& way, int& frames_ended) {
    return pirn::coroutine<int>{[&](auto& self) {
        const counts local;
        way.passes_on(self, frames_ended, suspend_under_a_local);
    }};
}

TEST_P(without_cleanups, frames_with_exceptions_on_both_sides_of_them_run_their_destructors) {
    {
        with_one_between(*GetParam(), frames_ended_).resume();
    }
    EXPECT_EQ(frames_ended_, 0);
    EXPECT_EQ(frames_between, 2);
}

constexpr std::size_t too_much = ~std::size_t{0} / 4 * 3;

TEST_P(without_cleanups, no_memory_for_a_stack_is_an_exception_for_who_can_catch_it) {
    EXPECT_THROW(GetParam()->creates(too_much, frames_ended_), std::bad_alloc);
    EXPECT_EQ(frames_ended_, 0);
}

TEST_P(without, an_exception_that_nobody_catches_ends_the_program) {
    const auto end = support::in_child([] {
        // noexcept: nobody further up.
        []() noexcept {
            int ended = 0;
            GetParam()->creates(too_much, ended);
        }();
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("bad_alloc")) << end;
}

// Without tables the unwinder takes the first such frame for the end.
class without_tables : public way {};
INSTANTIATE_TEST_SUITE_P(compiled, without_tables, testing::Values(&compiled_no_tables), name_of);

TEST_P(without_tables, a_suspended_coroutine_gives_its_stack_back_and_runs_what_is_further_in) {
    SKIP_WHEN(PIRN_ARCH_EHABI, "there it unwinds by throwing, which ends the program");
    {
        auto one =
            GetParam()->keeps_and_calls(frames_ended_, callables_ended_, suspend_under_a_local);
        one.resume();
    }
    EXPECT_EQ(frames_ended_, 0);
    EXPECT_EQ(callables_ended_, 1);
    EXPECT_EQ(frames_between, 1) << "between the suspension and the first frame without tables";
}

TEST_P(without_tables, frames_further_out_do_not_run_their_destructors_either) {
    SKIP_WHEN(PIRN_ARCH_EHABI, "there it unwinds by throwing, which ends the program");
    {
        with_one_between(*GetParam(), frames_ended_).resume();
    }
    EXPECT_EQ(frames_ended_, 0);
    EXPECT_EQ(frames_between, 1);
}

TEST_P(without_tables, an_exception_ends_the_program) {
    const auto end = support::in_child([this] {
        auto one =
            GetParam()->keeps_and_calls(frames_ended_, callables_ended_, throw_under_a_local);
        try {
            one.resume();
        } catch (...) {
        }
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
}

TEST_P(without_tables, one_that_is_suspended_in_a_handler_cannot_be_destroyed) {
    const auto end = support::in_child([this] {
        auto one =
            GetParam()->keeps_and_calls(frames_ended_, callables_ended_, suspend_in_a_handler);
        one.resume();
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
}

} // namespace
