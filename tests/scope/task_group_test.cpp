// SPDX-License-Identifier: MIT
//
// Groups of tasks: they end together, whatever ends them.
#include <pirn/scope/task_group.hpp>

#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/timeout.hpp>

#include "support/account.hpp"
#include "support/child.hpp"
#include "support/misuse.hpp"
#include "support/sanitizers.hpp"
#include "support/tasks.hpp"

#include <chrono>
#include <cstdlib>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using groups = support::balanced<>;
using support::stand_still;

TEST_F(groups, wait_for_all_their_tasks) {
    pirn::run([] {
        pirn::task_group group;
        group.wait(); // for nobody
        std::vector<int> ended;
        for (int i = 0; i < 3; ++i) {
            group.spawn([&ended, i] {
                for (int turn = 0; turn < 3 - i; ++turn) pirn::yield_now();
                ended.push_back(i);
            });
        }
        EXPECT_EQ(group.size(), 3U);
        EXPECT_TRUE(ended.empty()) << "none runs inside spawn";
        group.wait();
        EXPECT_EQ(group.size(), 0U);
        EXPECT_EQ(ended, (std::vector{2, 1, 0}));
        group.spawn([&] { ended.push_back(3); });
        group.wait();
        EXPECT_EQ(ended.size(), 4U) << "it can be used again";
    });
}

TEST_F(groups, take_arguments_that_can_only_be_moved) {
    pirn::run([] {
        pirn::task_group group;
        int got = 0;
        group.spawn([&got](std::unique_ptr<int> value, int more) { got = *value + more; },
                    std::make_unique<int>(40), 2);
        group.spawn(
            {.name = "named"}, [&got](std::unique_ptr<int> value) { got += *value; },
            std::make_unique<int>(100));
        group.wait();
        EXPECT_EQ(got, 142);
    });
}

TEST_F(groups, wait_for_tasks_that_their_tasks_spawn) {
    pirn::run([] {
        pirn::task_group group;
        int ended = 0;
        const auto grow = [&](auto& self, int depth) -> void {
            for (int i = 0; i < 2 && depth > 0; ++i) {
                group.spawn([&self, depth] { self(self, depth - 1); });
            }
            ++ended;
        };
        group.spawn([&] { grow(grow, 6); });
        group.wait();
        EXPECT_EQ(ended, 127);
    });
}

TEST_F(groups, throw_the_first_error_and_cancel_the_others) {
    pirn::run([] {
        pirn::task_group group;
        int cancelled = 0;
        for (int i = 0; i < 3; ++i) {
            group.spawn([&] {
                try {
                    stand_still();
                } catch (const pirn::cancelled&) {
                    EXPECT_TRUE(pirn::cancel_cause().ends_with(": first")) << pirn::cancel_cause();
                    ++cancelled;
                    throw;
                }
            });
        }
        group.spawn([] {
            pirn::yield_now();
            throw std::runtime_error{"first"};
        });
        try {
            group.wait();
            ADD_FAILURE() << "no error";
        } catch (const std::runtime_error& error) {
            EXPECT_STREQ(error.what(), "first");
        }
        EXPECT_EQ(cancelled, 3);
        EXPECT_TRUE(group.further_errors().empty());
        group.wait(); // it has been told
    });
}

TEST_F(groups, keep_the_errors_that_follow_the_first) {
    pirn::run([] {
        pirn::task_group group;
        for (const char* text : {"one", "two", "three"}) {
            group.spawn([text] { throw std::runtime_error{text}; });
        }
        EXPECT_THROW(group.wait(), std::runtime_error);
        ASSERT_EQ(group.further_errors().size(), 2U);
        try {
            std::rethrow_exception(group.further_errors()[1]);
        } catch (const std::runtime_error& error) {
            EXPECT_STREQ(error.what(), "three");
        }
    });
}

TEST_F(groups, cancel_what_is_left_when_their_block_ends) {
    pirn::run([] {
        int left = 0;
        struct notes {
            ~notes() { ++count; }
            int& count;
        };
        EXPECT_THROW(([&] {
                         pirn::task_group group;
                         for (int i = 0; i < 3; ++i) {
                             group.spawn([&] {
                                 const notes here{left};
                                 stand_still();
                             });
                         }
                         pirn::yield_now();
                         throw std::logic_error{"the block fails"};
                     }()),
                     std::logic_error);
        EXPECT_EQ(left, 3);
        pirn::yield_now();
    });
}

TEST_F(groups, can_be_cancelled_and_tell_late_comers) {
    pirn::run([] {
        pirn::task_group group;
        bool began = false;
        bool went_on = false;
        group.cancel();
        EXPECT_TRUE(group.cancel_requested());
        group.spawn([&] {
            began = true;
            pirn::yield_now();
            went_on = true;
        });
        group.wait(); // does not throw: the owner is not asked
        EXPECT_TRUE(began);
        EXPECT_FALSE(went_on);
    });
}

TEST_F(groups, end_with_their_owner_who_hears_of_it_afterwards) {
    pirn::run([] {
        int ended = 0;
        auto owner = pirn::spawn([&] {
            pirn::task_group group;
            group.spawn([&] {
                try {
                    stand_still();
                } catch (...) {
                    pirn::cancel_scope shield;
                    shield.shield();
                    std::ignore = shield.run([] { pirn::sleep_for(2ms); });
                    ++ended;
                    throw;
                }
            });
            pirn::yield_now();
            group.wait();
        });
        pirn::yield_now();
        pirn::yield_now();
        owner.request_stop();
        EXPECT_THROW(owner.get(), pirn::cancelled);
        EXPECT_EQ(ended, 1) << "wait has waited for the task, although its owner was asked to stop";
    });
}

TEST_F(groups, may_stand_inside_one_another) {
    pirn::run([] {
        pirn::task_group outer;
        int stopped = 0;
        for (int i = 0; i < 2; ++i) {
            outer.spawn([&] {
                pirn::task_group inner;
                for (int k = 0; k < 2; ++k) {
                    inner.spawn([&] {
                        try {
                            stand_still();
                        } catch (...) {
                            ++stopped;
                            throw;
                        }
                    });
                }
                inner.wait();
            });
        }
        outer.spawn([] {
            pirn::yield_now();
            pirn::yield_now();
            throw 1;
        });
        EXPECT_THROW(outer.wait(), int);
        EXPECT_EQ(stopped, 4);
    });
}

TEST_F(groups, start_a_task_and_wait_until_it_is_ready) {
    pirn::run([] {
        pirn::task_group group;
        std::vector<std::string> story;
        const int port = group.start<int>([&](pirn::started<int>& ready) {
            pirn::yield_now();
            story.emplace_back("ready");
            ready(80);
            story.emplace_back("goes on");
            pirn::yield_now();
            story.emplace_back("ends");
        });
        EXPECT_EQ(port, 80);
        EXPECT_EQ(group.size(), 1U);
        EXPECT_EQ(story, (std::vector<std::string>{"ready", "goes on"}));
        group.start([&](pirn::started<>& ready) { ready(); });
        group.wait();
        EXPECT_EQ(story.back(), "ends");
    });
}

TEST_F(groups, whose_task_does_not_start_say_so_to_the_starter_alone) {
    pirn::run([] {
        pirn::task_group group;
        EXPECT_THROW(group.start([](pirn::started<>&) { throw std::runtime_error{"no"}; }),
                     std::runtime_error);
        try {
            group.start<int>([](pirn::started<int>&) {});
            ADD_FAILURE() << "it was not ready";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), std::errc::operation_canceled);
        }
        EXPECT_FALSE(group.cancel_requested());
        group.wait();
        group.start([](pirn::started<>& ready) {
            ready();
            EXPECT_TRUE(support::complains([&] { ready(); }, "said twice"));
            throw std::logic_error{"later"};
        });
        EXPECT_THROW(group.wait(), std::logic_error) << "an error after the start is the group's";
    });
}

TEST_F(groups, whose_starter_is_cancelled_end_the_task_too) {
    pirn::run([] {
        bool ended = false;
        EXPECT_FALSE(pirn::try_with_timeout(1ms, [&] {
            pirn::task_group group;
            group.start([&](pirn::started<>&) {
                try {
                    stand_still();
                } catch (...) {
                    ended = true;
                    throw;
                }
            });
        }));
        EXPECT_TRUE(ended);
    });
}

TEST(groups_left_alone, report_an_error_that_nobody_asked_for) {
    const auto seen = support::in_child([] {
        pirn::run([] {
            pirn::task_group group;
            group.spawn([] { throw std::runtime_error{"unheard"}; });
            group.spawn({.name = "loud"}, [](int) { throw std::runtime_error{"second"}; }, 1);
        });
    });
    // Each names the task that it has left.
    const std::string left = "an error left a task of a group, and nobody asked: ";
    EXPECT_TRUE(seen.said(left + "unheard (spawned at ")) << seen.errors;
    EXPECT_TRUE(seen.said(left + "second (\"loud\", spawned at ")) << seen.errors;
    EXPECT_TRUE(seen.said("task_group_test.cpp:")) << seen.errors;
}

TEST_F(groups, of_many_tasks_end_at_random_without_losing_one) {
    constexpr int rounds = 200 / support::slowness;
    std::mt19937 random{17}; // NOLINT: the same every time
    pirn::run([&] {
        for (int round = 0; round < rounds; ++round) {
            int begun = 0;
            int ended = 0;
            struct counts {
                ~counts() { ++count; }
                int& count;
            };
            try {
                pirn::task_group group;
                group.run([&] {
                    for (int i = 0; i < 50; ++i) {
                        group.spawn([&, turns = random() % 6, how = random() % 12] {
                            ++begun;
                            const counts here{ended};
                            for (unsigned turn = 0; turn < turns; ++turn) pirn::yield_now();
                            if (how == 0) throw std::runtime_error{"fails"};
                            if (how == 1) group.cancel();
                            if (how == 2) stand_still();
                        });
                    }
                    for (unsigned turn = 0; turn < random() % 8; ++turn) pirn::yield_now();
                    if (random() % 2 == 0) group.cancel();
                    group.cancel();
                });
            } catch (const std::runtime_error&) {
            }
            ASSERT_EQ(begun, 50);
            ASSERT_EQ(ended, 50);
        }
    });
}

TEST_F(groups, a_hundred_thousand_tasks_wide_are_cancelled_at_once) {
    if (const char* backend = std::getenv("PIRN_BACKEND"); backend != nullptr && *backend == 'e') {
        GTEST_SKIP() << "nothing here asks the loop: one backend is enough";
    }
    constexpr std::size_t width =
        100'000 / static_cast<std::size_t>(support::slowness * support::slowness);
    pirn::run([] {
        pirn::task_group group;
        for (std::size_t i = 0; i < width; ++i) {
            group.spawn({.stack_size = 32 * 1024}, [] { stand_still(); });
        }
        pirn::yield_now();
        group.cancel();
        group.wait();
        EXPECT_EQ(group.size(), 0U);
    });
}

TEST_F(groups, used_wrongly_say_so) {
    EXPECT_TRUE(support::complains([] { const pirn::task_group outside; }, "outside of any task"));
    pirn::run([] {
        pirn::task_group group;
        auto other = pirn::spawn(
            [&] { EXPECT_TRUE(support::complains([&] { group.wait(); }, "by another task")); });
        other.join();
    });
}

} // namespace
