// SPDX-License-Identifier: MIT
//
// What many files, signals, programs and messages cost: see support/growth.hpp.
#include "support/growth.hpp"

#include <pirn/io/directory.hpp>
#include <pirn/io/file_watch.hpp>
#include <pirn/io/framing.hpp>
#include <pirn/io/memory_pipe.hpp>
#include <pirn/io/notifier.hpp>
#include <pirn/io/process.hpp>
#include <pirn/io/reader.hpp>
#include <pirn/io/signal.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/task_group.hpp>

#include "io/folder.hpp"
#include "support/account.hpp"
#include "support/warm_stacks.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

namespace io = pirn::io;

class growth : public support::balanced<> {};

void trim() { pirn::trim_default_stacks(); }

// The kernel allows a user 8,192 and more.
TEST_F(growth, watched_files_removed_in_random_order) {
    const support::folder here;
    std::vector<std::filesystem::path> paths;
    for (int i = 0; i < 4000; ++i) paths.push_back(here.put(std::to_string(i), ""));
    support::expect_linear(500, [&](std::size_t n) {
        pirn::run([&] {
            io::file_watch watch;
            for (std::size_t i = 0; i < n; ++i) watch.add(paths[i], io::change::written);
            for (const std::size_t i : support::shuffled(n)) watch.remove(paths[i]);
            for (std::size_t i = 0; i < n; ++i) {
                EXPECT_TRUE(io::has(watch.next().what, io::change::ended));
            }
        });
    });
}

TEST_F(growth, entries_of_a_folder) {
    const support::folder here;
    for (std::size_t n = 200; n <= 1600; n *= 2) {
        std::filesystem::create_directory(here / std::to_string(n));
        for (std::size_t i = 0; i < n; ++i) {
            here.put(std::to_string(n) + "/" + std::to_string(i), "");
        }
    }
    std::filesystem::create_directory(here / "16");
    for (int i = 0; i < 16; ++i) here.put("16/" + std::to_string(i), "");
    support::expect_linear(
        200,
        [&](std::size_t n) {
            pirn::run([&] {
                std::size_t found = 0;
                io::directory all{here / std::to_string(n)};
                while (all.next() != nullptr) ++found;
                EXPECT_EQ(found, n);
            });
        },
        trim, support::processor::of_process);
}

// Of a message, memory is taken for what has come, and its bytes are moved a few times, however long it is.
TEST_F(growth, message_with_its_length_before_it) {
    support::expect_linear(std::size_t{1} << 20, [](std::size_t n) {
        pirn::run([n] {
            auto [near, far] = io::memory_pipe();
            const std::vector<std::byte> sent(n, std::byte{'x'});
            auto sender = pirn::spawn(
                [&, to = std::make_unique<io::memory_stream>(std::move(near))]() mutable {
                    io::length_framed{std::move(to), {.message_max = sent.size()}}.send(sent);
                });
            io::length_framed in{std::make_unique<io::memory_stream>(std::move(far)),
                                 {.message_max = n}};
            std::vector<std::byte> got;
            EXPECT_TRUE(in.receive(got));
            EXPECT_EQ(got.size(), n);
            sender.join();
        });
    });
}

// A line in a reader of its size, that comes by a few bytes.
TEST_F(growth, long_line) {
    support::expect_linear(std::size_t{1} << 18, [](std::size_t n) {
        pirn::run([n] {
            auto [near, far] = io::memory_pipe(1024);
            auto sender = pirn::spawn([&] {
                near.write_all(std::string(n, 'x') + "\n");
                near.close();
            });
            io::reader in{far, n + 1};
            EXPECT_EQ(in.line().value_or("").size(), n);
            sender.join();
        });
    });
}

// Three descriptors each.
TEST_F(growth, signal_sets_that_end_in_the_order_of_their_making) {
    const std::size_t most = std::min<std::size_t>(500, support::descriptors_available() / 3 / 8);
    if (most < 16) GTEST_SKIP() << "too few descriptors";
    support::expect_linear(most, [](std::size_t n) {
        std::vector<std::unique_ptr<io::signal_set>> all;
        for (std::size_t i = 0; i < n; ++i) {
            all.push_back(std::make_unique<io::signal_set>(std::initializer_list<int>{SIGUSR1}));
        }
        return support::time_of([&] {
            for (auto& each : all) each.reset();
        });
    });
}

TEST_F(growth, tasks_that_wait_for_one_signal) {
    const std::size_t most = std::min<std::size_t>(200, support::descriptors_available() / 3 / 8);
    if (most < 16) GTEST_SKIP() << "too few descriptors";
    support::expect_linear(
        most,
        [](std::size_t n) {
            pirn::run([n] {
                std::vector<pirn::join_handle<>> all;
                for (std::size_t i = 0; i < n; ++i) {
                    all.push_back(pirn::spawn(support::on_warm_stack(), [] {
                        io::signal_set signals{SIGUSR1};
                        EXPECT_EQ(signals.wait(), SIGUSR1);
                    }));
                }
                pirn::yield_now();
                const auto order = support::shuffled(n);
                for (std::size_t i = 0; i < n / 2; ++i) all[order[i]].request_stop();
                pirn::yield_now();
                ::kill(::getpid(), SIGUSR1);
                for (auto& each : all) each.join();
            });
        },
        trim);
}

TEST_F(growth, changes_of_an_environment) {
    support::expect_linear(
        500,
        [](std::size_t n) {
            std::vector<std::string> changes;
            for (std::size_t i = 0; i < n; ++i)
                changes.push_back("PIRN_" + std::to_string(i) + "=x");
            pirn::run([&] {
                io::process{{"true"}, {.environment = changes, .environment_changes = changes}}
                    .wait();
            });
        },
        trim);
}

TEST_F(growth, programs_that_run_beside_each_other) {
    support::expect_linear(
        16,
        [](std::size_t n) {
            pirn::run([n] {
                std::vector<pirn::join_handle<>> all;
                for (std::size_t i = 0; i < n; ++i) {
                    all.push_back(pirn::spawn([] {
                        io::process child{{"sleep", "100"}};
                        child.wait();
                    }));
                }
                pirn::yield_now();
                for (const std::size_t i : support::shuffled(n)) all[i].request_stop();
                for (auto& each : all) each.join();
            });
        },
        trim);
}

TEST_F(growth, notifiers_that_are_waited_for_cancelled_in_random_order) {
    const std::size_t most = std::min<std::size_t>(500, support::descriptors_available() / 8);
    if (most < 16) GTEST_SKIP() << "too few descriptors";
    support::expect_linear(
        most,
        [](std::size_t n) {
            pirn::run([n] {
                std::vector<std::unique_ptr<io::notifier>> bells;
                std::vector<pirn::join_handle<>> all;
                for (std::size_t i = 0; i < n; ++i) {
                    bells.push_back(std::make_unique<io::notifier>());
                    all.push_back(pirn::spawn(support::on_warm_stack(),
                                              [bell = bells.back().get()] { bell->wait(); }));
                }
                pirn::yield_now();
                const auto order = support::shuffled(n);
                for (std::size_t i = 0; i < n / 2; ++i) all[order[i]].request_stop();
                pirn::yield_now();
                for (auto& each : bells) each->notify();
                for (auto& each : all) each.join();
            });
        },
        trim);
}

} // namespace
