// SPDX-License-Identifier: MIT
//
// The life of a task: its function and arguments, suspending from wherever it stands, the exception
// state that is its own, and the errors that nobody asked for.
#include <pirn/sched/task.hpp>

#include <pirn/base/error.hpp>
#include <pirn/coro/current.hpp>
#include <pirn/coro/generator.hpp>
#include <pirn/coro/reclaim.hpp>
#include <pirn/sched/scheduler.hpp>
#include <pirn/stack/sources.hpp>

#include "support/account.hpp"
#include "support/sanitizers.hpp"
#include "support/tasks.hpp"

#include <array>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using task = support::balanced<>;

// ---- its stack

PIRN_NOINLINE void use_much_stack() {
    std::array<volatile char, 65536> much; // NOLINT: a stack needs no value
    for (std::size_t i = 0; i < much.size(); i += 64) {
        much[i] = 1;
    }
}

TEST_F(task, that_stands_still_gives_back_what_it_does_not_need) {
    if constexpr (support::by_ucontext) {
        GTEST_SKIP() << "the portable switch does not tell the stack pointer";
    }
    pirn::scheduler tasks;
    std::vector<pirn::coroutine_ref> alive;
    std::vector<pirn::join_handle<void>> handles;
    for (int i = 0; i < 10; ++i) {
        handles.push_back(tasks.spawn([&alive] {
            alive.push_back(*pirn::current());
            use_much_stack();
            support::stand_still();
        }));
    }
    const auto sweeps = [&] {
        support::yield_until([&] { return alive.size() == 10; });
        EXPECT_EQ(pirn::reclaim_idle(alive), 0U);
        EXPECT_GE(pirn::reclaim_idle(alive), support::under_sanitizer ? 0U : 10U * 60'000);
    };
    tasks.spawn(sweeps).get();
    for (auto& one : handles) {
        one.request_stop();
        EXPECT_THROW(one.get(), pirn::cancelled);
    }
}

// ---- the function and its arguments

TEST_F(task, gets_its_arguments_moved_or_copied_into_it) {
    pirn::scheduler tasks;
    auto movable = std::make_unique<int>(4);
    const std::string copied = "copied";
    auto handle = tasks.spawn(
        [](std::unique_ptr<int> number, const std::string& text, int mine) {
            mine += *number;
            return text + std::to_string(mine);
        },
        std::move(movable), copied, 3);
    EXPECT_EQ(movable, nullptr); // NOLINT(bugprone-use-after-move): that is the question
    EXPECT_EQ(handle.get(), "copied7");
}

TEST_F(task, gets_a_reference_when_it_is_given_one) {
    pirn::scheduler tasks;
    int number = 1;
    tasks.spawn([](int& mine) { ++mine; }, std::ref(number)).get();
    EXPECT_EQ(number, 2);
}

TEST_F(task, may_be_a_callable_that_only_moves_or_a_member_function) {
    pirn::scheduler tasks;
    auto owned = std::make_unique<int>(8);
    EXPECT_EQ(tasks.spawn([owned = std::move(owned)] { return *owned; }).get(), 8);
    std::vector<int> numbers{1, 2, 3};
    EXPECT_EQ(tasks.spawn(&std::vector<int>::size, &numbers).get(), 3U);
}

TEST_F(task, drops_its_callable_when_it_ends_even_while_the_handle_lives) {
    pirn::scheduler tasks;
    const auto shared = std::make_shared<int>(1);
    auto handle = tasks.spawn([shared](const auto& other) { EXPECT_EQ(shared, other); }, shared);
    EXPECT_EQ(shared.use_count(), 3);
    handle.join();
    EXPECT_EQ(shared.use_count(), 1);
}

TEST_F(task, leaves_nothing_behind_when_an_argument_cannot_be_copied) {
    struct refuses {
        refuses() = default;
        refuses(const refuses& /*other*/) { throw std::runtime_error{"no copy"}; }
    };
    pirn::scheduler tasks;
    const refuses argument;
    EXPECT_THROW(std::ignore = tasks.spawn([](const refuses& /*own*/) {}, argument),
                 std::runtime_error);
    EXPECT_EQ(tasks.alive(), 0U);
}

TEST_F(task, whose_stack_cannot_be_had_is_refused_at_the_spawn_and_the_others_go_on) {
    pirn::fixed_stack_source none{{}, 16'384};
    pirn::scheduler tasks;
    auto other = tasks.spawn([] {
        pirn::yield_now();
        return 1;
    });
    EXPECT_THROW(std::ignore = tasks.spawn({.stacks = &none}, [] {}), std::bad_alloc);
    EXPECT_EQ(tasks.alive(), 1U);
    EXPECT_EQ(other.get(), 1);
}

// ---- suspending from wherever it stands

TEST_F(task, suspends_from_inside_a_generator_that_it_consumes) {
    pirn::scheduler tasks;
    std::string order;
    auto counter = tasks.spawn([&] {
        pirn::generator<int> numbers{[&](auto& yield) {
            for (int i = 1; i <= 3; ++i) {
                order += 'g';
                pirn::yield_now(); // the whole task waits, generator and all
                yield(i);
            }
        }};
        int sum = 0;
        for (const int number : numbers) {
            order += std::to_string(number);
            pirn::yield_now();
            sum += number;
        }
        return sum;
    });
    tasks
        .spawn([&] {
            for (int i = 0; i < 6; ++i) {
                order += '.';
                pirn::yield_now();
            }
        })
        .detach();
    tasks.run();
    EXPECT_EQ(order, "g.1.g.2.g.3.");
    EXPECT_EQ(counter.get(), 6);
}

TEST_F(task, that_is_stopped_inside_a_generator_leaves_through_it) {
    pirn::scheduler tasks;
    bool generator_left = false;
    auto stopped = tasks.spawn([&] {
        pirn::generator<int> numbers{[&](auto& yield) {
            struct leaving {
                ~leaving() { left = true; }
                bool& left;
            } const on_the_way_out{generator_left};
            support::stand_still();
            yield(1);
        }};
        for (const int number : numbers) ADD_FAILURE() << number;
    });
    tasks.tick();
    stopped.request_stop();
    EXPECT_THROW(stopped.get(), pirn::cancelled);
    EXPECT_TRUE(generator_left);
}

TEST_F(task, unwinds_a_generator_that_it_leaves_early) {
    pirn::scheduler tasks;
    int left = 0;
    tasks
        .spawn([&] {
            pirn::generator<int> numbers{[&](auto& yield) {
                struct leaving {
                    // It suspends, on the stack of a coroutine that is being unwound by a task.
                    ~leaving() {
                        pirn::detail::let_others_run();
                        ++count;
                    }
                    int& count;
                } const on_the_way_out{left};
                for (int i = 0;; ++i) yield(i);
            }};
            for (const int number : numbers) {
                pirn::yield_now();
                if (number == 3) break;
            }
        })
        .get();
    EXPECT_EQ(left, 1);
}

// ---- exceptions of its own

TEST_F(task, suspended_in_a_catch_block_rethrows_its_own_exception) {
    pirn::scheduler tasks;
    std::vector<std::string> rethrown;
    const auto fail = [&](const char* what) {
        try {
            try {
                throw std::runtime_error{what};
            } catch (...) {
                pirn::yield_now();
                pirn::yield_now();
                throw;
            }
        } catch (const std::runtime_error& found) {
            rethrown.emplace_back(found.what());
        }
    };
    for (const char* what : {"a", "b", "c"}) tasks.spawn([&fail, what] { fail(what); }).detach();
    tasks.run();
    EXPECT_EQ(rethrown, (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(task, counts_only_its_own_uncaught_exceptions) {
    pirn::scheduler tasks;
    struct waits_while_unwinding {
        ~waits_while_unwinding() {
            EXPECT_EQ(std::uncaught_exceptions(), 1);
            pirn::detail::let_others_run();
            EXPECT_EQ(std::uncaught_exceptions(), 1);
        }
    };
    tasks
        .spawn([] {
            try {
                const waits_while_unwinding here;
                throw 1;
            } catch (int) {
                EXPECT_EQ(std::uncaught_exceptions(), 0);
            }
        })
        .detach();
    tasks
        .spawn([] {
            EXPECT_EQ(std::uncaught_exceptions(), 0);
            EXPECT_EQ(std::current_exception(), nullptr);
            pirn::yield_now();
            EXPECT_EQ(std::uncaught_exceptions(), 0);
        })
        .detach();
    tasks.run();
    EXPECT_EQ(std::uncaught_exceptions(), 0);
}

TEST_F(task, that_is_asked_to_stop_counts_as_unwound) {
    pirn::scheduler tasks;
    std::string log;
    struct transaction {
        ~transaction() { *log += std::uncaught_exceptions() > count ? 'R' : 'C'; }
        std::string* log;
        int count = std::uncaught_exceptions();
    };
    const auto waits = [&log] {
        const transaction outer{&log};
        pirn::generator<int> numbers{[&log](auto& self) {
            const transaction within{&log};
            int number = 0;
            for (;;) {
                self.yield(number);
            }
        }};
        for ([[maybe_unused]] const int number : numbers) {
            pirn::yield_now();
        }
    };
    auto asked = tasks.spawn(waits);
    asked.request_stop();
    tasks.run();
    EXPECT_EQ(log, "RR");
    EXPECT_THROW(asked.get(), pirn::cancelled);
    EXPECT_EQ(std::uncaught_exceptions(), 0);
}

TEST_F(task, is_clean_of_the_exception_that_whoever_drives_the_scheduler_is_handling) {
    pirn::scheduler tasks;
    try {
        throw std::runtime_error{"outside"};
    } catch (const std::runtime_error&) {
        tasks.spawn([] { EXPECT_EQ(std::current_exception(), nullptr); }).get();
        EXPECT_NE(std::current_exception(), nullptr);
    }
}

// ---- what nobody asked for

std::string said_about(void (*body)()) {
    testing::internal::CaptureStderr();
    {
        pirn::scheduler tasks;
        tasks.spawn({.name = "session"}, body).detach();
        tasks.run();
    }
    return testing::internal::GetCapturedStderr();
}

TEST_F(task, whose_error_nobody_asked_for_is_reported_with_name_site_and_reason) {
    const std::string said = said_about([] { throw std::runtime_error{"the disk is full"}; });
    EXPECT_NE(said.find("task \"session\""), std::string::npos) << said;
    EXPECT_NE(said.find("task_test.cpp:"), std::string::npos) << said;
    EXPECT_NE(said.find("the disk is full"), std::string::npos) << said;
    EXPECT_NE(said_about([] { throw 1; }).find("not a std::exception"), std::string::npos);
}

TEST_F(task, whose_error_was_got_is_not_reported) {
    testing::internal::CaptureStderr();
    pirn::scheduler tasks;
    EXPECT_THROW(tasks.spawn([] { throw std::runtime_error{"known"}; }).get(), std::runtime_error);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(task, whose_handle_goes_without_asking_is_reported) {
    testing::internal::CaptureStderr();
    pirn::scheduler tasks;
    {
        const auto handle = tasks.spawn([] { throw std::runtime_error{"dropped"}; });
        tasks.run();
    }
    EXPECT_NE(testing::internal::GetCapturedStderr().find("dropped"), std::string::npos);
}

TEST_F(task, that_leaves_as_it_was_asked_to_is_no_news) {
    testing::internal::CaptureStderr();
    pirn::scheduler tasks;
    {
        const auto handle = tasks.spawn(&support::stand_still);
        tasks.tick();
    }
    tasks.spawn([] { throw pirn::cancelled{}; }).detach();
    tasks.run();
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(task, without_name_or_known_site_is_reported_without_pretending) {
    testing::internal::CaptureStderr();
    {
        pirn::scheduler tasks;
        // A pack of arguments leaves no place for the spawn site.
        tasks.spawn([](int number) { throw number; }, 1).detach();
        tasks.run();
    }
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("\"unnamed\""), std::string::npos) << said;
    EXPECT_EQ(said.find("at :0"), std::string::npos) << said;
}

} // namespace
