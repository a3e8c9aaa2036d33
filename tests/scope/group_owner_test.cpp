// SPDX-License-Identifier: MIT
//
// A group and its owner: the error of a task ends the owner's block, and comes out where the block is left.
#include <pirn/coro/generator.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/sched/report.hpp>
#include <pirn/scope/all_any.hpp>
#include <pirn/scope/as_completed.hpp>
#include <pirn/scope/cancel_scope.hpp>
#include <pirn/scope/task_group.hpp>
#include <pirn/scope/timeout.hpp>
#include <pirn/sync/event.hpp>

#include "support/account.hpp"
#include "support/child.hpp"
#include "support/misuse.hpp"
#include "support/tasks.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using support::stand_still;

// On one thread and on four.
class owners : public support::balanced<testing::TestWithParam<std::size_t>> {
  protected:
    static void in_runtime(const std::function<void()>& main) {
        pirn::run({.threads = GetParam()}, main);
    }
};

INSTANTIATE_TEST_SUITE_P(threads, owners, testing::Values(std::size_t{1}, std::size_t{4}),
                         testing::PrintToStringParamName());

[[noreturn]] void fail_soon() {
    pirn::yield_now();
    throw std::runtime_error{"refused"};
}

TEST_P(owners, error_of_a_task_ends_a_block_that_waits_for_something_else) {
    EXPECT_THROW(in_runtime([] {
                     pirn::task_group group;
                     group.spawn(fail_soon);
                     stand_still();
                 }),
                 std::runtime_error);
}

TEST_P(owners, error_of_a_task_comes_out_of_the_groups_run) {
    in_runtime([] {
        pirn::task_group group;
        bool cancelled = false;
        std::string cause;
        try {
            group.run([&] {
                group.spawn(fail_soon);
                try {
                    pirn::sleep_for(1h);
                } catch (const pirn::cancelled&) {
                    cancelled = true;
                    cause = pirn::cancel_cause();
                    throw;
                }
            });
            ADD_FAILURE() << "no error";
        } catch (const std::runtime_error& error) {
            EXPECT_STREQ(error.what(), "refused");
        }
        EXPECT_TRUE(cancelled);
        EXPECT_TRUE(cause.starts_with("a task of its group failed (spawned at ")) << cause;
        EXPECT_TRUE(cause.ends_with("): refused")) << cause;
        EXPECT_FALSE(pirn::stop_requested()) << "it has been delivered";
        pirn::yield_now();
    });
}

TEST_P(owners, run_returns_the_result_of_its_function) {
    in_runtime([] {
        pirn::task_group group;
        int done = 0;
        EXPECT_EQ(group.run([&] {
            group.spawn([&] {
                pirn::yield_now();
                done = 1;
            });
            return 7;
        }),
                  7);
        EXPECT_EQ(done, 1) << "it has waited";
        const auto pointer = group.run([] { return std::make_unique<int>(8); });
        EXPECT_EQ(*pointer, 8);
    });
}

TEST_P(owners, run_ends_the_tasks_when_its_function_throws) {
    in_runtime([] {
        int left = 0;
        bool ended = false;
        pirn::task_group group; // below what its tasks use
        EXPECT_THROW(group.run([&] {
            group.spawn([&] {
                const support::leaving counts{left};
                try {
                    stand_still();
                } catch (const pirn::cancelled&) {
                    ended = true;
                    throw;
                }
            });
            pirn::sleep_for(1ms);
            throw std::logic_error{"mine"};
        }),
                     std::logic_error);
        EXPECT_EQ(group.size(), 0U);
        EXPECT_TRUE(ended);
    });
}

TEST_P(owners, error_passes_through_scopes_and_timeouts_around_the_block) {
    in_runtime([] {
        EXPECT_THROW(pirn::with_timeout(1h,
                                        [] {
                                            pirn::task_group group;
                                            group.spawn(fail_soon);
                                            stand_still();
                                        }),
                     std::runtime_error);
        EXPECT_THROW(static_cast<void>(pirn::try_with_timeout(1h,
                                                              [] {
                                                                  pirn::task_group group;
                                                                  pirn::cancel_scope inside;
                                                                  group.spawn(fail_soon);
                                                                  std::ignore =
                                                                      inside.run(stand_still);
                                                              })),
                     std::runtime_error);
        EXPECT_FALSE(pirn::stop_requested());
    });
}

TEST_P(owners, error_becomes_the_failure_of_the_owning_task) {
    in_runtime([] {
        const auto owner = [] {
            pirn::task_group group;
            group.spawn(fail_soon);
            stand_still();
        };
        auto handle = pirn::spawn(owner);
        EXPECT_THROW(handle.get(), std::runtime_error);

        pirn::task_group outer;
        outer.spawn(owner);
        EXPECT_THROW(outer.wait(), std::runtime_error) << "of a group in a task of a group";

        EXPECT_THROW(pirn::all(owner, owner), std::runtime_error);
        EXPECT_EQ(pirn::any(
                      [&] {
                          owner();
                          return 1;
                      },
                      [] {
                          pirn::sleep_for(5ms);
                          return 2;
                      }),
                  2)
            << "a failure like others";
        std::vector<std::function<void()>> functions{owner};
        for (auto& each : pirn::as_completed(functions)) {
            EXPECT_THROW(each.get(), std::runtime_error);
        }
    });
}

TEST_P(owners, error_of_an_inner_group_ends_the_inner_block_alone) {
    in_runtime([] {
        pirn::task_group outer;
        bool outer_task_ended = false;
        outer.spawn([&] {
            try {
                stand_still();
            } catch (const pirn::cancelled&) {
                outer_task_ended = true;
                throw;
            }
        });
        pirn::task_group inner;
        EXPECT_THROW(inner.run([&] {
            inner.spawn(fail_soon);
            stand_still();
        }),
                     std::runtime_error);
        pirn::sleep_for(1ms);
        EXPECT_FALSE(outer_task_ended);
        outer.cancel();
        outer.wait();
        EXPECT_TRUE(outer_task_ended);
    });
}

TEST_P(owners, error_of_an_outer_group_ends_blocks_and_groups_inside) {
    in_runtime([] {
        pirn::task_group outer;
        EXPECT_THROW(outer.run([&] {
            outer.spawn(fail_soon);
            pirn::task_group inner;
            inner.spawn(stand_still);
            inner.wait();
        }),
                     std::runtime_error);
    });
}

TEST_P(owners, error_does_not_reach_into_a_shield) {
    in_runtime([] {
        pirn::task_group group;
        bool slept = false;
        EXPECT_THROW(group.run([&] {
            group.spawn(fail_soon);
            pirn::cancel_scope shielded;
            shielded.shield();
            EXPECT_TRUE(shielded.run([&group] {
                while (!group.cancel_requested()) pirn::sleep_for(1ms);
                pirn::sleep_for(1ms);
            }));
            slept = true;
            pirn::yield_now();
            ADD_FAILURE() << "outside of the shield it counts";
        }),
                     std::runtime_error);
        EXPECT_TRUE(slept);
    });
}

TEST_P(owners, wait_delivers_the_error_and_the_block_goes_on) {
    in_runtime([] {
        pirn::task_group group;
        group.spawn(fail_soon);
        EXPECT_THROW(group.wait(), std::runtime_error);
        EXPECT_FALSE(pirn::stop_requested());
        pirn::sleep_for(1ms); // not cancelled any more
        EXPECT_TRUE(group.cancel_requested()) << "its tasks stay so";

        pirn::task_group other;
        pirn::cancel_scope scope;
        EXPECT_TRUE(scope.run([&] {
            other.spawn(fail_soon);
            EXPECT_THROW(other.wait(), std::runtime_error);
            pirn::sleep_for(1ms);
        })) << "the scopes inside the block too";
    });
}

TEST_P(owners, groups_may_end_in_any_order) {
    in_runtime([] {
        std::vector<std::unique_ptr<pirn::task_group>> groups;
        for (int i = 0; i < 4; ++i) {
            groups.push_back(std::make_unique<pirn::task_group>());
            groups.back()->spawn(stand_still);
        }
        pirn::cancel_scope scope;
        EXPECT_TRUE(scope.run([&] {
            groups.erase(groups.begin() + 1); // made outside of the scope
            pirn::yield_now();
            groups.erase(groups.begin());
            pirn::yield_now();
        }));
        EXPECT_FALSE(scope.run([&] {
            scope.cancel();
            groups.clear();
            pirn::yield_now();
        }));
        pirn::yield_now();
        EXPECT_FALSE(pirn::stop_requested());
    });
}

TEST_P(owners, group_in_a_generator_leaves_its_reader_cancelled_only_while_it_lives) {
    in_runtime([] {
        std::optional<pirn::generator<int>> numbers{std::in_place, [](auto& yield) {
                                                        pirn::task_group group;
                                                        group.spawn(fail_soon);
                                                        yield(1);
                                                        yield(2);
                                                    }};
        pirn::cancel_scope reading;
        EXPECT_THROW(std::ignore = reading.run([&] {
            auto at = numbers->begin();
            EXPECT_EQ(*at, 1);
            try {
                stand_still();
                ADD_FAILURE() << "the group has failed";
            } catch (const pirn::cancelled&) {
                numbers.reset();
                throw;
            }
        }),
                     std::runtime_error);
        EXPECT_FALSE(pirn::stop_requested());
    });
}

TEST(owners_left_alone, error_that_nothing_catches_is_printed_and_nothing_hangs) {
    const auto swallowed = support::in_child([] {
        pirn::run([] {
            try {
                pirn::task_group group;
                group.spawn(fail_soon);
                stand_still();
            } catch (...) { // the user's own, of `cancelled`
            }
        });
    });
    EXPECT_NE(swallowed.errors.find("refused"), std::string::npos) << swallowed.errors;

    const auto another = support::in_child([] {
        pirn::run([] {
            pirn::task_group group;
            group.spawn(fail_soon);
            group.spawn([] {
                try {
                    stand_still();
                } catch (const pirn::cancelled&) {
                    throw std::runtime_error{"second"};
                }
            });
            try {
                stand_still();
            } catch (const pirn::cancelled&) {
                return; // without an exception
            }
        });
    });
    EXPECT_NE(another.errors.find("refused"), std::string::npos) << another.errors;
    EXPECT_NE(another.errors.find("second"), std::string::npos) << another.errors;
}

TEST_P(owners, error_held_by_a_group_that_cannot_end_stands_in_the_tree) {
    in_runtime([] {
        pirn::event enough;
        pirn::cancel_scope shielded;
        shielded.shield();
        pirn::task_group group;
        group.spawn({.name = "cleans up"},
                    [&] { EXPECT_TRUE(shielded.run([&] { enough.wait(); })); });
        pirn::yield_now();
        group.spawn({.name = "fetch"}, fail_soon);
        const std::string held =
            "a request to stop (a task of its group failed (\"fetch\"): refused)";
        std::string tree;
        pirn::cancel_scope looking;
        looking.shield();
        EXPECT_TRUE(looking.run([&] {
            // On another thread it takes a moment until the task has heard of it, and waits again.
            const auto patience = pirn::after(10s);
            do {
                pirn::sleep_for(1ms);
                tree = pirn::task_tree();
            } while (tree.find(held) == std::string::npos && pirn::now() < patience);
        }));
        EXPECT_NE(tree.find(held), std::string::npos) << tree;
        enough.set();
        EXPECT_THROW(group.wait(), std::runtime_error);
    });
}

TEST(owners_left_alone, scope_that_ends_before_a_group_made_inside_it_is_a_programmer_error) {
    const auto seen = support::in_child([] {
        pirn::run([] {
            std::unique_ptr<pirn::task_group> escapes;
            pirn::cancel_scope scope;
            std::ignore = scope.run([&] { escapes = std::make_unique<pirn::task_group>(); });
        });
    });
    EXPECT_NE(seen.errors.find("ended before a task_group"), std::string::npos) << seen.errors;
}

} // namespace
