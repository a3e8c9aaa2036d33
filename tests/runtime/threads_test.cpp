// SPDX-License-Identifier: MIT
//
// A runtime with several threads: everything that tasks do with each other, across them.
#include "support/threads.hpp"

#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "os/processors.hpp"
#include "support/account.hpp"
#include "support/misuse.hpp"
#include "support/sanitizers.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>

using namespace std::chrono_literals;
using support::thread_now;

namespace {

class threads : public support::balanced<testing::TestWithParam<std::size_t>> {
  protected:
    pirn::runtime_options options() const { return {.threads = GetParam()}; }
};

TEST_P(threads, run_tasks_on_all_of_them) {
    std::mutex guard;
    std::set<std::thread::id> seen;
    const std::size_t count = GetParam();
    pirn::run(options(), [&] {
        std::vector<pirn::join_handle<>> handles;
        for (std::size_t i = 0; i < count; ++i) {
            handles.push_back(pirn::spawn([&] {
                const auto patience = std::chrono::steady_clock::now() + 10s;
                // Each holds its thread until every thread has been seen.
                for (bool all = false; !all && std::chrono::steady_clock::now() < patience;) {
                    const std::scoped_lock lock{guard};
                    seen.insert(std::this_thread::get_id());
                    all = seen.size() == count;
                }
            }));
        }
    });
    EXPECT_EQ(seen.size(), count);
}

TEST_P(threads, return_what_main_returns_and_throw_what_it_throws) {
    EXPECT_EQ(pirn::run(options(), [] { return 42; }), 42);
    EXPECT_THROW(pirn::run(options(), [] { throw std::runtime_error{"no"}; }), std::runtime_error);
}

TEST_P(threads, wait_for_detached_tasks) {
    std::atomic<int> ended{0};
    pirn::run(options(), [&] {
        for (int i = 0; i < 50; ++i) {
            pirn::spawn([&ended, i] {
                pirn::sleep_for(std::chrono::milliseconds{i % 5});
                ++ended;
            }).detach();
        }
    });
    EXPECT_EQ(ended, 50);
}

TEST_P(threads, stop_the_others_when_main_fails) {
    std::atomic<int> left{0};
    EXPECT_THROW(pirn::run(options(),
                           [&] {
                               for (int i = 0; i < 20; ++i) {
                                   pirn::spawn([&left] {
                                       struct counting {
                                           ~counting() { ++count; }
                                           std::atomic<int>& count;
                                       } const at_the_end{left};
                                       pirn::sleep_for(1h);
                                   }).detach();
                               }
                               pirn::sleep_for(5ms);
                               throw std::runtime_error{"no"};
                           }),
                 std::runtime_error);
    EXPECT_EQ(left, 20);
}

TEST_P(threads, keep_each_task_on_the_thread_that_it_began_on) {
    pirn::run(options(), [] {
        std::vector<pirn::join_handle<>> handles;
        for (int i = 0; i < 100; ++i) {
            handles.push_back(pirn::spawn([] {
                const std::thread::id mine = thread_now();
                for (int k = 0; k < 5; ++k) {
                    pirn::sleep_for(100us);
                    EXPECT_EQ(thread_now(), mine);
                }
            }));
        }
    });
}

TEST_P(threads, may_be_stopped_and_started_again_and_again) {
    const int rounds = 60 / support::slowness;
    for (int i = 0; i < rounds; ++i) {
        std::atomic<int> ran{0};
        pirn::run(options(), [&] {
            for (int k = 0; k < 8; ++k) {
                pirn::spawn([&ran] { ++ran; }).detach();
            }
        });
        EXPECT_EQ(ran, 8);
    }
}

TEST_P(threads, report_and_stop_what_a_runtime_is_left_with) {
    testing::internal::CaptureStderr();
    {
        pirn::runtime left{options()};
        left.scheduler().spawn({.name = "forgotten"}, [] { pirn::sleep_for(1h); }).detach();
    }
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("ends with 1 task(s) alive"), std::string::npos) << said;
    EXPECT_NE(said.find("\"forgotten\""), std::string::npos) << said;
}

// A hundred tasks that are cancelled at random moments while they wait for each other and for the time.
TEST_P(threads, lose_no_wake_to_random_requests_to_stop) {
    static constexpr int rounds = 40 / support::slowness + 1;
    pirn::run(options(), [] {
        std::atomic<std::uint32_t> seed{1};
        const auto random = [&seed] { return seed.fetch_add(0x9e3779b9U) * 2654435761U >> 16U; };
        for (int round = 0; round < rounds; ++round) {
            std::vector<pirn::join_handle<>> tasks;
            for (int i = 0; i < 100; ++i) {
                tasks.push_back(pirn::spawn([&random] {
                    for (int k = 0; k < 3; ++k) {
                        switch (random() % 3) {
                        case 0: pirn::yield_now(); break;
                        case 1: pirn::sleep_for(std::chrono::microseconds{random() % 500}); break;
                        default: {
                            auto child = pirn::spawn([] { pirn::sleep_for(50us); });
                            child.join();
                        }
                        }
                    }
                }));
            }
            for (auto& each : tasks) {
                if (random() % 2 == 0) {
                    each.request_stop();
                }
                if (random() % 8 == 0) {
                    pirn::yield_now();
                }
            }
            for (auto& each : tasks) {
                each.join();
            }
        }
    });
}

INSTANTIATE_TEST_SUITE_P(of, threads, testing::Values(1U, 2U, 4U, 8U),
                         [](const auto& instance) { return std::to_string(instance.param); });

TEST(processors, honour_the_affinity_mask) {
    cpu_set_t before;
    ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    EXPECT_LE(pirn::available_processors(), static_cast<std::size_t>(CPU_COUNT(&before)));
    cpu_set_t one;
    CPU_ZERO(&one);
    for (std::size_t i = 0; i < CPU_SETSIZE; ++i) {
        if (CPU_ISSET(i, &before)) {
            CPU_SET(i, &one);
            break;
        }
    }
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(pirn::available_processors(), 1U);
    EXPECT_EQ(pirn::run({.threads = 0}, [] { return pirn::scheduler::current()->shares_with(); }),
              nullptr);
    ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

TEST(processors, honour_the_quota_of_the_control_group) {
    using pirn::os::parse_quota;
    EXPECT_EQ(parse_quota("max 100000\n"), 0U);
    EXPECT_EQ(parse_quota("200000 100000\n"), 2U);
    EXPECT_EQ(parse_quota("150000 100000\n"), 2U);
    EXPECT_EQ(parse_quota("1000 100000\n"), 1U);
    EXPECT_EQ(parse_quota("nonsense"), 0U);
    EXPECT_EQ(parse_quota(""), 0U);

    namespace files = std::filesystem;
    const files::path root =
        files::temp_directory_path() / ("pirn-cgroups-" + std::to_string(::getpid()));
    files::create_directories(root / "a/b");
    const auto write = [&root](const char* name, const char* text) {
        std::ofstream{root / name} << text;
    };
    write("membership", "0::/a/b\n");
    const std::string membership = (root / "membership").string();
    EXPECT_EQ(pirn::os::quota_in(membership, root.string()), 0U);
    write("a/cpu.max", "300000 100000\n");
    EXPECT_EQ(pirn::os::quota_in(membership, root.string()), 3U) << "of the group above";
    write("a/b/cpu.max", "max 100000\n");
    EXPECT_EQ(pirn::os::quota_in(membership, root.string()), 3U);
    write("a/b/cpu.max", "50000 100000\n");
    EXPECT_EQ(pirn::os::quota_in(membership, root.string()), 1U);
    files::create_directories(root / "cpu/old");
    write("cpu/old/cpu.cfs_quota_us", "250000\n");
    write("cpu/old/cpu.cfs_period_us", "100000\n");
    write("membership", "12:memory:/a\n3:cpu,cpuacct:/old\n");
    EXPECT_EQ(pirn::os::quota_in(membership, root.string()), 3U) << "version 1";
    EXPECT_EQ(pirn::os::quota_in("/nowhere", root.string()), 0U);
    files::remove_all(root);
}

} // namespace
