// SPDX-License-Identifier: MIT
//
// What many sleeping and calling tasks cost: see support/growth.hpp.
#include "support/growth.hpp"

#include <pirn/loop/test_clock.hpp>
#include <pirn/runtime/alarm.hpp>
#include <pirn/runtime/blocking.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"
#include "support/warm_stacks.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;

class growth : public support::balanced<> {};

void trim() { pirn::trim_default_stacks(); }

TEST_F(growth, tasks_asleep_within_a_tick_of_a_test_clock) {
    support::expect_linear(
        1000,
        [](std::size_t n) {
            pirn::test_clock clock{pirn::when_idle::jumps};
            pirn::run({.loop = {.time = &clock}}, [&] {
                for (std::size_t i = 0; i < n; ++i) {
                    pirn::spawn(support::on_warm_stack(), [i] {
                        pirn::sleep_for(std::chrono::nanoseconds{1 + i % 60'000});
                    }).detach();
                }
            });
        },
        trim);
}

TEST_F(growth, sleeping_tasks_stopped_in_random_order) {
    support::expect_linear(
        1000,
        [](std::size_t n) {
            pirn::run([n] {
                std::vector<pirn::join_handle<>> all;
                for (std::size_t i = 0; i < n; ++i) {
                    all.push_back(pirn::spawn(support::on_warm_stack(), [i] {
                        pirn::sleep_for(1h + std::chrono::milliseconds{i});
                    }));
                }
                pirn::yield_now();
                for (const std::size_t i : support::shuffled(n)) {
                    all[i].request_stop();
                    all[i].join();
                }
            });
        },
        trim);
}

// Waves that begin and end in random order, on stacks of the default size, as a program without options makes them.
TEST_F(growth, waves_of_tasks_on_default_stacks) {
    support::expect_linear(
        300,
        [](std::size_t n) {
            pirn::run([n] {
                for (int wave = 0; wave < 2; ++wave) {
                    std::vector<pirn::join_handle<>> all;
                    for (std::size_t i = 0; i < n; ++i) {
                        all.push_back(pirn::spawn([] { pirn::sleep_for(1h); }));
                    }
                    pirn::yield_now();
                    for (const std::size_t i : support::shuffled(n)) {
                        all[i].request_stop();
                        if (i % 2 == 0) all[i].join();
                    }
                    for (auto& each : all) each.join();
                }
            });
            trim(); // or the first thousand were cheaper than the others
        },
        trim);
}

TEST_F(growth, blocking_calls_that_wait_for_a_thread_stopped_in_random_order) {
    support::expect_linear(
        1000,
        [](std::size_t n) {
            pirn::run([n] {
                std::atomic<bool> over{false};
                std::vector<pirn::join_handle<>> busy;
                std::vector<pirn::join_handle<>> all;
                for (int i = 0; i < 64; ++i) { // more than there are threads for calls
                    busy.push_back(pirn::spawn(support::on_warm_stack(),
                                               [&] { pirn::blocking([&] { over.wait(false); }); }));
                }
                for (std::size_t i = 0; i < n; ++i) {
                    all.push_back(
                        pirn::spawn(support::on_warm_stack(), [] { pirn::blocking([] {}); }));
                }
                pirn::yield_now();
                for (const std::size_t i : support::shuffled(n)) all[i].request_stop();
                for (auto& each : all) each.join();
                over = true;
                over.notify_all();
                for (auto& each : busy) each.join();
            });
        },
        trim);
}

// Each on a worker of its own, woken by the end of the other.
TEST_F(growth, tasks_joined_from_another_worker) {
    support::expect_linear(
        300,
        [](std::size_t n) {
            pirn::run({.threads = 2}, [n] {
                std::vector<pirn::join_handle<>> all;
                for (std::size_t i = 0; i < n; ++i) {
                    all.push_back(pirn::spawn(
                        {.stack_size = std::size_t{16} * 1024, .worker = static_cast<int>(i % 2)},
                        [] { pirn::yield_now(); }));
                }
                for (const std::size_t i : support::shuffled(n)) all[i].join();
            });
            trim();
        },
        trim, support::processor::of_process);
}

} // namespace
