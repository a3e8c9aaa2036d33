// SPDX-License-Identifier: MIT
//
// A tree of tasks that are joined, and tasks that wait beside it. The time is the test's own: a leaf takes a tenth of a
// millisecond of it.
#include <pirn/base/time.hpp>
#include <pirn/sched/park.hpp>
#include <pirn/sched/scheduler.hpp>

#include "support/account.hpp"
#include "support/helpers.hpp"
#include "support/sanitizers.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <string>

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace {

class trees : public support::balanced<testing::TestWithParam<bool>> {
  protected:
    // Alone, or in a crew, where what has not begun waits in another queue.
    static void run(const std::function<void(pirn::scheduler&)>& does) {
        if (GetParam()) {
            support::with_helpers(0, does);
        } else {
            pirn::scheduler tasks;
            does(tasks);
        }
    }
};

struct own_time {
    ~own_time() { pirn::detail::tell_time_by(before); }
    pirn::time_point now = pirn::clock::now();
    const pirn::time_point* before = pirn::detail::tell_time_by(&now);
};

constexpr auto leaf_time = 100us;
constexpr int levels = support::slowness > 1 ? 3 : 4;
constexpr int leaves = support::slowness > 1 ? 1000 : 10'000;

// The tree: ten below each.
struct walk {
    pirn::scheduler& tasks;
    own_time& time;
    int begun = 0; // and not ended
    int most_begun = 0;
    int leaves = 0;

    void below(int levels) {
        most_begun = std::max(most_begun, ++begun);
        if (levels == 0) {
            time.now += leaf_time;
            ++leaves;
        } else {
            std::array<pirn::join_handle<void>, 10> parts;
            for (auto& part : parts) {
                part = tasks.spawn([this, levels] { below(levels - 1); });
            }
            for (auto& part : parts) part.join();
        }
        --begun;
    }
};

// How long a task beside the tree had no turn, at most, while the tree was walked.
struct onlooker {
    explicit onlooker(walk& tree) : last{tree.time.now} {
        tree.tasks
            .spawn([this, &tree] {
                tree.below(levels);
                over = true;
            })
            .detach();
    }
    bool over = false;
    pirn::time_point last;
    pirn::duration longest{};
    void turn(pirn::time_point now) {
        longest = std::max(longest, now - last);
        last = now;
    }
};

TEST_P(trees, are_walked_in_few_places_however_long_it_takes) {
    own_time time;
    run([&](pirn::scheduler& tasks) {
        walk all{tasks, time};
        tasks.spawn([&] { all.below(levels); }).detach();
        tasks.run();
        EXPECT_EQ(all.leaves, leaves); // which took a second, or a tenth
        EXPECT_LT(all.most_begun, 100);
    });
}

TEST_P(trees, let_a_task_that_yields_in_every_other_millisecond) {
    own_time time;
    run([&](pirn::scheduler& tasks) {
        walk all{tasks, time};
        onlooker other{all};
        tasks
            .spawn([&] {
                while (!other.over) {
                    other.turn(time.now);
                    pirn::yield_now();
                }
            })
            .detach();
        tasks.run();
        EXPECT_LE(other.longest, 2ms + leaf_time);
    });
}

// As a server does for each client.
TEST_P(trees, let_a_task_that_is_never_joined_in_every_other_millisecond) {
    own_time time;
    run([&](pirn::scheduler& tasks) {
        walk all{tasks, time};
        onlooker other{all};
        struct again {
            walk& all;
            onlooker& other;
            void spawn() {
                all.tasks
                    .spawn([this] {
                        other.turn(all.time.now);
                        if (!other.over) spawn();
                    })
                    .detach();
            }
        } each{all, other};
        each.spawn();
        tasks.run();
        EXPECT_LE(other.longest, 2ms + leaf_time);
    });
}

TEST_P(trees, let_a_task_that_may_be_joined_in_sooner_or_later) {
    own_time time;
    run([&](pirn::scheduler& tasks) {
        walk all{tasks, time};
        pirn::join_handle<void> other;
        pirn::time_point begun{};
        const auto begin = time.now;
        tasks
            .spawn([&] {
                other = tasks.spawn([&] { begun = time.now; });
                all.below(levels);
            })
            .detach();
        tasks.run();
        EXPECT_LE(begun - begin, 1ms + 2 * leaf_time);
    });
}

// What waits when one tree has been walked, does not pay for it in the next.
TEST_P(trees, forget_how_long_the_one_before_took) {
    own_time time;
    run([&](pirn::scheduler& tasks) {
        walk all{tasks, time};
        tasks.spawn([&] { all.below(levels); }).detach();
        tasks.run();
        pirn::join_handle<void> other;
        pirn::time_point begun{};
        pirn::time_point begin{};
        tasks
            .spawn([&] {
                begin = time.now;
                other = tasks.spawn([&] { begun = time.now; });
                all.below(levels - 1);
            })
            .detach();
        tasks.run();
        EXPECT_LE(begun - begin, 1ms + 2 * leaf_time);
    });
}

INSTANTIATE_TEST_SUITE_P(where, trees, testing::Bool(), [](const auto& with) {
    return std::string{with.param ? "in_a_crew" : "alone"};
});

} // namespace
