// SPDX-License-Identifier: MIT
//
// Trees of tasks as they are drawn, and deadlocks that are said.
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/sched/report.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/task_group.hpp>
#include <pirn/sync/channel.hpp>
#include <pirn/sync/mutex.hpp>

#include "support/account.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace {

class reports : public support::balanced<> {};

TEST_F(reports, draw_groups_as_a_tree) {
    pirn::run([] {
        pirn::task_group outer;
        outer.spawn({.name = "a"}, [] { pirn::sleep_for(10s); });
        outer.spawn({.name = "b"}, [] {
            pirn::task_group inner;
            inner.spawn({.name = "say \"x\""}, [] { pirn::sleep_for(10s); });
            inner.wait();
        });
        for (int i = 0; i < 3; ++i)
            pirn::yield_now(); // each has its turn, and then those of the group inside
        const std::string text = pirn::task_tree();
        EXPECT_EQ(text.find("4 tasks\n\"main\" #"), 0U) << text;
        EXPECT_NE(text.find("\n├─ \"a\" #"), std::string::npos) << text;
        EXPECT_NE(text.find(", waits for a point in time, spawned at "), std::string::npos) << text;
        EXPECT_NE(text.find("\n└─ \"b\" #"), std::string::npos) << text;
        EXPECT_NE(text.find("\n   └─ \"say \"x\"\" #"), std::string::npos) << text;
        const std::string json = pirn::task_tree_json();
        EXPECT_NE(
            json.find(R"("name":"say \"x\"","state":"waiting","waits_for":"a point in time")"),
            std::string::npos)
            << json;
        EXPECT_EQ(std::count(json.begin(), json.end(), '{'),
                  std::count(json.begin(), json.end(), '}'));
        outer.cancel();
        outer.wait();
    });
}

TEST_F(reports, may_be_asked_for_on_another_thread_while_tasks_come_and_go) {
    pirn::runtime all{{.threads = 3}};
    std::jthread looks{[&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            EXPECT_NE(pirn::task_tree(all.scheduler()).find("task"), std::string::npos);
        }
    }};
    all.run([] {
        for (int i = 0; i < 200; ++i) {
            pirn::task_group group;
            for (int k = 0; k < 10; ++k) {
                group.spawn([] { pirn::yield_now(); });
            }
            group.wait();
        }
    });
    looks.request_stop();
    looks.join();
}

// What is written to stderr while the function runs.
template <class Function>
std::string said_by(Function function) {
    testing::internal::CaptureStderr();
    function();
    return testing::internal::GetCapturedStderr();
}

pirn::runtime_options impatient(std::size_t threads) {
    return {.threads = threads, .scheduler = {.report_deadlock_after = 50ms}};
}

TEST_F(reports, say_that_all_wait_for_each_other) {
    for (const std::size_t threads : {1U, 2U}) {
        const std::string said = said_by([threads] {
            std::stop_source rescue;
            std::jthread later{[&rescue] {
                std::this_thread::sleep_for(1s);
                rescue.request_stop();
            }};
            pirn::run(impatient(threads), [&rescue] {
                pirn::mutex first;
                pirn::mutex second;
                std::atomic<int> holders{0};
                pirn::cancel_scope scope{rescue.get_token()};
                std::ignore = scope.run([&] {
                    pirn::task_group group;
                    group.spawn({.name = "left"}, [&] {
                        const std::scoped_lock one{first};
                        for (++holders; holders < 2;) pirn::sleep_for(1ms);
                        const std::scoped_lock two{second};
                    });
                    group.spawn({.name = "right"}, [&] {
                        const std::scoped_lock two{second};
                        for (++holders; holders < 2;) pirn::sleep_for(1ms);
                        const std::scoped_lock one{first};
                    });
                    group.wait();
                });
            });
        });
        EXPECT_NE(said.find("this is a deadlock:\n3 tasks\n"), std::string::npos) << said;
        EXPECT_NE(said.find("waits for a mutex: for\n"), std::string::npos) << said;
        EXPECT_NE(said.find(" again\n"), std::string::npos) << said;
        EXPECT_EQ(said.find("deadlock:"), said.rfind("deadlock:")) << "once is enough: " << said;
    }
}

TEST_F(reports, say_that_some_wait_for_each_other_while_others_go_on) {
    const std::string said = said_by([] {
        pirn::run(impatient(1), [] {
            auto one = std::make_shared<pirn::join_handle<>>();
            auto other = pirn::spawn({.name = "other"}, [one] {
                pirn::sleep_for(1ms);
                one->join();
            });
            *one = pirn::spawn({.name = "one"}, [&other] { other.join(); });
            pirn::sleep_for(200ms);
            one->request_stop();
            other.join();
        });
    });
    EXPECT_NE(said.find("tasks wait for each other, and none of them can go on:\n"),
              std::string::npos)
        << said;
    EXPECT_NE(said.find("waits for the end of a task: for\n"), std::string::npos) << said;
    EXPECT_EQ(said.find("wait for each other"), said.rfind("wait for each other")) << said;
}

// At each moment one of the two threads runs or has a wake under way, but each of them sleeps most of the time.
TEST_F(reports, say_nothing_while_tasks_wake_each_other_on_other_threads) {
    EXPECT_EQ(said_by([] {
                  pirn::runtime_options options = impatient(3);
                  options.scheduler.report_deadlock_after = 1ms;
                  pirn::run(options, [] {
                      const auto end = pirn::clock::now() + 1s;
                      pirn::channel<int> there;
                      pirn::channel<int> back;
                      pirn::task_group group;
                      group.spawn({.name = "one", .worker = 1}, [&] {
                          while (pirn::clock::now() < end) {
                              there.send(1);
                              static_cast<void>(back.receive());
                          }
                          there.close();
                      });
                      group.spawn({.name = "other", .worker = 2}, [&] {
                          while (there.receive()) back.send(1);
                      });
                      group.wait();
                  });
              }),
              "");
}

TEST_F(reports, say_nothing_while_a_timer_is_set_or_when_not_wanted) {
    EXPECT_EQ(said_by([] { pirn::run(impatient(1), [] { pirn::sleep_for(150ms); }); }), "");
    EXPECT_EQ(said_by([] {
                  std::stop_source rescue;
                  std::jthread later{[&rescue] {
                      std::this_thread::sleep_for(150ms);
                      rescue.request_stop();
                  }};
                  pirn::run({.scheduler = {.report_deadlock_after = 0ns}}, [&rescue] {
                      pirn::mutex held;
                      const std::scoped_lock lock{held};
                      pirn::cancel_scope scope{rescue.get_token()};
                      std::ignore = scope.run([&held] {
                          pirn::task_group group;
                          group.spawn([&held] { held.lock(); });
                          group.wait();
                      });
                  });
              }),
              "");
}

} // namespace
