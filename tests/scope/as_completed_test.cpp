// SPDX-License-Identifier: MIT
//
// Results in the order in which they come.
#include <pirn/scope/as_completed.hpp>

#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"

#include <chrono>
#include <functional>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace {

class as_completed : public support::balanced<> {};

TEST_F(as_completed, gives_the_fastest_first) {
    pirn::run([] {
        std::vector<std::function<int()>> questions;
        for (const int turns : {30, 1, 15}) { // of one thread, which gives them in turn
            questions.emplace_back([turns] {
                for (int i = 0; i < turns; ++i) pirn::yield_now();
                return turns;
            });
        }
        std::vector<std::size_t> order;
        for (auto& answer : pirn::as_completed(questions)) {
            order.push_back(answer.index);
            EXPECT_EQ(answer.get(), answer.index == 0 ? 30 : answer.index == 1 ? 1 : 15);
        }
        EXPECT_EQ(order, (std::vector<std::size_t>{1, 2, 0}));
    });
}

TEST_F(as_completed, of_nothing_ends_at_once) {
    pirn::run([] {
        std::vector<std::function<void()>> none;
        for (auto& answer : pirn::as_completed(none)) {
            answer.get();
            ADD_FAILURE();
        }
    });
}

TEST_F(as_completed, hands_out_errors_one_by_one) {
    pirn::run([] {
        std::vector<std::function<void()>> functions{[] { throw std::runtime_error{"no"}; },
                                                     [] { pirn::sleep_for(1ms); }};
        int failed = 0;
        int fine = 0;
        for (auto& answer : pirn::as_completed(functions)) {
            if (answer.failed()) {
                EXPECT_THROW(answer.get(), std::runtime_error);
                ++failed;
            } else {
                answer.get();
                ++fine;
            }
        }
        EXPECT_EQ(failed, 1);
        EXPECT_EQ(fine, 1);
    });
}

TEST_F(as_completed, cancels_the_rest_when_left_early) {
    for (const std::size_t threads : {1U, 2U}) {
        pirn::run({.threads = threads}, [] {
            std::vector<std::function<void()>> functions{[] {}, [] { pirn::sleep_for(1h); }};
            auto all = pirn::as_completed(functions);
            const auto* const first = all.next();
            ASSERT_NE(first, nullptr);
            EXPECT_EQ(first->index, 0U);
        });
    }
}

TEST_F(as_completed, is_cancelled_with_the_task_that_waits) {
    pirn::run([] {
        auto task = pirn::spawn([] {
            std::vector<std::function<void()>> functions{[] { pirn::sleep_for(1h); }};
            auto all = pirn::as_completed(functions);
            EXPECT_THROW(all.next(), pirn::cancelled);
        });
        pirn::sleep_for(1ms);
        task.request_stop();
        task.join();
    });
}

} // namespace
