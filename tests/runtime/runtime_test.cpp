// SPDX-License-Identifier: MIT
//
// A runtime from outside: what run returns, what it waits for, and what it refuses.
#include <pirn/runtime/runtime.hpp>

#include <pirn/base/error.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"
#include "support/misuse.hpp"

#include <chrono>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using runtime = support::balanced<>;

TEST_F(runtime, returns_what_its_function_returns) {
    EXPECT_EQ(pirn::run([] { return 42; }), 42);
    EXPECT_EQ(*pirn::run([] { return std::make_unique<int>(7); }), 7);
    int local = 0;
    EXPECT_EQ(&pirn::run([&]() -> int& { return local; }), &local);
    pirn::run([] {});
}

TEST_F(runtime, throws_what_its_function_throws) {
    EXPECT_THROW(pirn::run([] { throw std::out_of_range{"far"}; }), std::out_of_range);
}

TEST_F(runtime, waits_for_detached_tasks) {
    bool ended = false;
    pirn::run([&] {
        pirn::spawn([&] {
            pirn::sleep_for(5ms);
            ended = true;
        }).detach();
    });
    EXPECT_TRUE(ended);
}

TEST_F(runtime, asks_the_others_to_stop_when_its_function_fails) {
    bool stopped = false;
    const auto fails = [&] {
        pirn::spawn([&] {
            try {
                pirn::sleep_for(1h);
            } catch (const pirn::cancelled&) {
                stopped = true;
                throw;
            }
        }).detach();
        pirn::yield_now();
        throw std::runtime_error{"main"};
    };
    EXPECT_THROW(pirn::run(fails), std::runtime_error);
    EXPECT_TRUE(stopped);
}

TEST_F(runtime, runs_several_functions_one_after_the_other) {
    pirn::runtime here;
    EXPECT_EQ(here.run([] { return 1; }), 1);
    EXPECT_EQ(here.run([] {
        pirn::sleep_for(1ms);
        return 2;
    }),
              2);
}

TEST_F(runtime, uses_the_backend_that_the_environment_names) {
    const char* wanted = std::getenv("PIRN_BACKEND");
    if (wanted == nullptr) {
        GTEST_SKIP() << "PIRN_BACKEND is not set";
    }
    const std::string served = pirn::run([] { return pirn::current_loop().backend_name(); });
    if (std::string_view{wanted} == "uring" && served == "epoll") {
        GTEST_SKIP() << "the kernel, its policy or the build does not grant io_uring";
    }
    EXPECT_EQ(served, wanted);
}

TEST_F(runtime, of_two_threads_do_not_know_each_other) {
    const auto ping = [] {
        int sum = 0;
        pirn::run([&] {
            for (int i = 0; i < 100; ++i) {
                pirn::spawn([&] {
                    pirn::sleep_for(1ms);
                    ++sum;
                }).detach();
            }
        });
        EXPECT_EQ(sum, 100);
    };
    std::thread other{ping};
    ping();
    other.join();
}

TEST_F(runtime, is_refused_inside_a_task) {
    pirn::run(
        [] { EXPECT_TRUE(support::complains([] { pirn::runtime inner; }, "inside a task")); });
}

TEST_F(runtime, has_no_loop_outside_of_it) {
    EXPECT_EQ(pirn::current_loop_or_null(), nullptr);
    pirn::scheduler without_io;
    without_io.spawn([] { EXPECT_EQ(pirn::current_loop_or_null(), nullptr); }).join();
    EXPECT_NE(pirn::run([] { return pirn::current_loop_or_null(); }), nullptr);
}

TEST_F(runtime, names_its_main_task_as_told) {
    const std::string name = "weaver";
    const pirn::runtime_options options{.main = {.name = name}};
    EXPECT_EQ(pirn::run(options, [] { return std::string{pirn::detail::current_task()->name()}; }),
              name);
}

TEST_F(runtime, lets_timers_expire_while_a_task_only_yields) {
    bool expired = false;
    pirn::run([&] {
        auto timer = pirn::spawn([&] {
            pirn::sleep_for(5ms);
            expired = true;
        });
        const auto patience = pirn::after(10s);
        while (!expired && pirn::clock::now() < patience) {
            pirn::yield_now();
        }
    });
    EXPECT_TRUE(expired);
}

} // namespace
