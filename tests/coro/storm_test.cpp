// SPDX-License-Identifier: MIT
//
// Storms: the whole life of a coroutine, a million times on one pool, and a hundred thousand exceptions out of
// the functions of coroutines on several threads (hazard 17). Exceptions within them are exceptions_test.
#include <pirn/coro/coroutine.hpp>
#include <pirn/stack/sources.hpp>

#include "support/account.hpp"
#include "support/sanitizers.hpp"

#include <atomic>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

class storm : public support::balanced<> {};

TEST_F(storm, of_a_million_lives_takes_no_more_than_one_stack) {
    pirn::mapped_stack_source below;
    pirn::pooled_stack_source pool{below};
    long sum = 0;
    for (int i = 0; i < 1'000'000 / support::slowness_of_lives; ++i) {
        pirn::coroutine<int> lives{{.stacks = &pool}, [i](auto& self) {
                                       self.yield(i % 2);
                                       self.yield(0);
                                   }};
        sum += lives.next();
        if (i % 3 == 0) {
            continue; // destroyed while it is suspended
        }
        lives.next();
        lives.resume();
    }
    EXPECT_EQ(sum, 500'000 / support::slowness_of_lives);
    EXPECT_EQ(pool.kept(), 1U);
}

// leaves_as_it_was: whether this very exception, thrown out of a coroutine's function, comes out of the
// resume. With `levels`, out of coroutines in one another.
bool leaves_as_it_was(const pirn::coroutine_options& options, const std::exception_ptr& thrown,
                      int levels) {
    pirn::coroutine<> throws{options, [&] {
                                 if (levels > 0) {
                                     leaves_as_it_was(options, thrown, levels - 1);
                                 }
                                 std::rethrow_exception(thrown);
                             }};
    try {
        throws.resume();
    } catch (...) {
        return std::current_exception() == thrown && throws.done();
    }
    return false;
}

TEST_F(storm, of_exceptions_out_of_coroutines_on_many_threads_keeps_each_ones_identity) {
    constexpr int threads = 4;
    constexpr int throws = 100'000 / support::slowness_of_lives / threads;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> workers;
    for (int thread = 0; thread < threads; ++thread) {
        workers.emplace_back([&wrong, thread] {
            pirn::mapped_stack_source below;
            pirn::pooled_stack_source pool{below};
            const pirn::coroutine_options options{.stacks = &pool};
            for (int i = 0; i < throws; ++i) {
                const std::string text = std::to_string(thread) + ':' + std::to_string(i);
                const auto thrown = std::make_exception_ptr(std::runtime_error{text});
                wrong += leaves_as_it_was(options, thrown, i % 3) ? 0 : 1;
                // It is still what it was, and nobody else's.
                try {
                    std::rethrow_exception(thrown);
                } catch (const std::runtime_error& error) {
                    wrong += error.what() == text ? 0 : 1;
                }
            }
            wrong += std::uncaught_exceptions() + (std::current_exception() ? 1 : 0);
        });
    }
    for (std::thread& worker : workers) {
        worker.join();
    }
    EXPECT_EQ(wrong, 0);
}

TEST_F(storm, of_rethrown_exceptions_goes_through_ten_coroutines_by_new_objects_at_each) {
    struct nest {
        static void dive(int depth) {
            if (depth == 0) {
                throw std::runtime_error{"0"};
            }
            pirn::coroutine<> below{[depth] { dive(depth - 1); }};
            try {
                below.resume();
            } catch (const std::runtime_error& error) {
                std::throw_with_nested(std::runtime_error{error.what() + std::to_string(depth)});
            }
        }
        static int depth_of(const std::exception& outer) {
            try {
                std::rethrow_if_nested(outer);
            } catch (const std::exception& inner) {
                return 1 + depth_of(inner);
            }
            return 0;
        }
    };
    for (int round = 0; round < 100; ++round) {
        pirn::coroutine<> top{[] { nest::dive(9); }};
        try {
            top.resume();
            FAIL() << "nothing was thrown";
        } catch (const std::runtime_error& error) {
            EXPECT_STREQ(error.what(), "0123456789");
            EXPECT_EQ(nest::depth_of(error), 9);
        }
    }
}

} // namespace
