// SPDX-License-Identifier: MIT
//
// The mutex: one inside at a time, first come, first served, and what it refuses.
#include <pirn/sync/mutex.hpp>

#include <pirn/base/error.hpp>
#include <pirn/sync/shared_mutex.hpp>

#include "support/child.hpp"
#include "support/misuse.hpp"
#include "support/sanitizers.hpp"
#include "sync/crew.hpp"

#include <array>
#include <csignal>
#include <cstddef>
#include <mutex>
#include <string>

namespace {

using mutex = sync_tests::with_crews;
using mutexes = support::balanced<>;
using support::complains;
using sync_tests::crew;

TEST_P(mutex, lets_in_one_at_a_time) {
    pirn::mutex door;
    long count = 0; // guarded
    bool inside = false;
    crew all{GetParam()};
    all.add(8, [&] {
        for (int i = 0; i < 200; ++i) {
            const std::scoped_lock lock{door};
            EXPECT_FALSE(std::exchange(inside, true));
            ++count;
            if (pirn::scheduler::current() != nullptr && i % 4 == 0) pirn::yield_now();
            inside = false;
        }
    });
    all.run();
    EXPECT_EQ(count, 1600);
}

TEST_P(mutex, is_taken_in_pairs_without_deadlock) {
    pirn::mutex left;
    pirn::mutex right;
    long count = 0;
    crew all{GetParam()};
    const auto one_way = [&](pirn::mutex& first, pirn::mutex& second) {
        for (int i = 0; i < 200; ++i) {
            const std::scoped_lock both{first, second};
            ++count;
        }
    };
    all.add(2, [&] { one_way(left, right); });
    all.add(2, [&] { one_way(right, left); });
    all.run();
    EXPECT_EQ(count, 800);
}

TEST_F(mutexes, are_handed_to_the_first_that_waits_and_nobody_gets_in_between) {
    pirn::scheduler tasks;
    pirn::mutex door;
    std::string order;
    auto holds = tasks.spawn([&] {
        door.lock();
        pirn::yield_now();
        pirn::yield_now();
        door.unlock();
        EXPECT_FALSE(door.try_lock()) << "it is the next one's already";
        door.lock(); // behind those who wait
        order += 'h';
        door.unlock();
    });
    for (const char name : {'a', 'b', 'c'}) {
        tasks
            .spawn([&, name] {
                const std::unique_lock lock{door};
                order += name;
                pirn::yield_now();
            })
            .detach();
    }
    tasks.run();
    EXPECT_EQ(order, "abch");
}

TEST_F(mutexes, lose_no_turn_to_a_cancelled_wait) {
    pirn::scheduler tasks;
    pirn::mutex door;
    door.lock();
    auto stopped = tasks.spawn([&] {
        EXPECT_THROW(door.lock(), pirn::cancelled);
        EXPECT_FALSE(door.held_by_caller());
    });
    auto waits = tasks.spawn([&] { const std::scoped_lock lock{door}; });
    tasks.tick();
    stopped.request_stop();
    door.unlock();
    waits.get();
    tasks.run();
    EXPECT_TRUE(door.try_lock());
    door.unlock();
}

TEST_F(mutexes, handed_over_before_the_request_to_stop_are_kept) {
    pirn::scheduler tasks;
    pirn::mutex door;
    door.lock();
    auto waits = tasks.spawn([&] {
        const std::scoped_lock lock{door};
        EXPECT_TRUE(door.held_by_caller());
    });
    tasks.tick();
    door.unlock();
    waits.request_stop();
    waits.get();
}

TEST_F(mutexes, can_be_locked_on_the_way_out) {
    pirn::scheduler tasks;
    pirn::mutex door;
    auto holds = tasks.spawn([&] {
        const std::scoped_lock lock{door};
        for (int i = 0; i < 5; ++i) pirn::yield_now();
    });
    bool cleaned = false;
    auto leaves = tasks.spawn([&] {
        try {
            for (;;) pirn::yield_now();
        } catch (const pirn::cancelled&) {
            door.lock_shielded();
            cleaned = true;
            door.unlock();
            throw;
        }
    });
    tasks.tick();
    leaves.request_stop();
    tasks.run();
    EXPECT_TRUE(cleaned);
}

TEST_F(mutexes, are_the_tasks_own_also_within_its_coroutines) {
    pirn::scheduler tasks;
    pirn::mutex door;
    tasks
        .spawn([&] {
            EXPECT_FALSE(door.held_by_caller());
            door.lock();
            EXPECT_TRUE(door.held_by_caller());
            EXPECT_TRUE(complains([&] { door.lock(); }, "has it already"));
            EXPECT_TRUE(complains([&] { door.lock_shielded(); }, "has it already"));
            EXPECT_FALSE(door.try_lock());
            door.unlock();
        })
        .get();
}

TEST_F(mutexes, are_unlocked_by_their_owner_only) {
    pirn::scheduler tasks;
    pirn::mutex door;
    const char* const words = "does not have it";
    EXPECT_TRUE(complains([&] { door.unlock(); }, words));
    auto holds = tasks.spawn([&] {
        door.lock();
        pirn::yield_now();
        door.unlock();
    });
    tasks.tick();
    EXPECT_TRUE(complains([&] { door.unlock(); }, words)) << "the thread is not the task";
    tasks.spawn([&] { EXPECT_TRUE(complains([&] { door.unlock(); }, words)); }).get();
    tasks.run();
}

TEST_F(mutexes, may_not_be_destroyed_while_they_are_locked) {
    const support::child_end end = support::in_child([] {
        pirn::mutex door;
        door.lock();
    });
    EXPECT_TRUE(end.killed_by(SIGABRT) && end.said("destroyed while it is locked")) << end;
}

// The end of a task that has a mutex, or of a writer, stops the program; both the task and what waits are named.
template <class Mutex>
support::child_end ends_while_it_has_one() {
    return support::in_child([] {
        pirn::scheduler tasks;
        Mutex door;
        tasks
            .spawn({.name = "forgets"},
                   [&] {
                       door.lock();
                       pirn::yield_now();
                   })
            .detach();
        tasks.spawn({.name = "waits"}, [&] { door.lock(); }).detach();
        tasks.run();
    });
}

TEST_F(mutexes, are_not_left_locked_by_a_task_that_ends) {
    for (const support::child_end& end :
         {ends_while_it_has_one<pirn::mutex>(), ends_while_it_has_one<pirn::shared_mutex>()}) {
        EXPECT_TRUE(end.killed_by(SIGABRT) && end.said("has ended while it has a mutex locked"))
            << end;
        EXPECT_TRUE(end.said("task=\"forgets\"") && end.said("first waiter=\"waits\"")) << end;
        EXPECT_TRUE(end.said("mutex_test.cpp:")) << end;
    }
}

TEST_F(mutexes, may_be_unlocked_in_any_order) {
    pirn::scheduler tasks;
    std::array<pirn::mutex, 3> some;
    tasks
        .spawn([&] {
            for (const std::size_t first : {0U, 1U, 2U}) {
                for (pirn::mutex& each : some) {
                    each.lock();
                }
                for (const std::size_t i : {first, (first + 2) % 3, (first + 1) % 3}) {
                    some[i].unlock();
                }
            }
        })
        .get();
    tasks.run();
}

FOR_ALL_CREWS(mutex);

} // namespace
