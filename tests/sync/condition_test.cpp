// SPDX-License-Identifier: MIT
//
// Conditions, as std::condition_variable and Boost.Fiber's suite have them.
#include <pirn/sync/condition.hpp>

#include <pirn/base/error.hpp>

#include "support/misuse.hpp"
#include "sync/crew.hpp"

#include <mutex>
#include <string>

namespace {

using condition = sync_tests::with_crews;
using conditions = support::balanced<>;
using sync_tests::crew;

TEST_P(condition, hands_a_value_to_and_fro) {
    constexpr int rounds = 300;
    pirn::mutex door;
    pirn::condition changed;
    int value = 0;
    crew all{GetParam()};
    for (const int parity : {0, 1}) {
        all.add([&, parity] {
            for (int i = 0; i < rounds; ++i) {
                std::unique_lock lock{door};
                changed.wait(lock, [&] { return value % 2 == parity; });
                ++value;
                changed.notify_all();
            }
        });
    }
    all.run();
    EXPECT_EQ(value, 2 * rounds);
}

TEST_P(condition, loses_no_notification_between_unlock_and_wait) {
    pirn::mutex door;
    pirn::condition changed;
    int tokens = 0;
    int taken = 0;
    crew all{GetParam()};
    all.add(4, [&] {
        for (int i = 0; i < 100; ++i) {
            std::unique_lock lock{door};
            changed.wait(lock, [&] { return tokens > 0; });
            --tokens;
            ++taken;
        }
    });
    all.add(4, [&] {
        for (int i = 0; i < 100; ++i) {
            {
                const std::scoped_lock lock{door};
                ++tokens;
            }
            changed.notify_one();
        }
    });
    all.run();
    EXPECT_EQ(taken, 400);
    EXPECT_EQ(tokens, 0);
}

struct waiting_room {
    pirn::scheduler tasks;
    pirn::mutex door;
    pirn::condition called;
    std::string order;

    auto patient(char name) {
        return tasks.spawn([this, name] {
            std::unique_lock lock{door};
            called.wait(lock);
            EXPECT_TRUE(door.held_by_caller());
            order += name;
        });
    }
};

TEST_F(conditions, notify_one_wakes_the_one_that_waited_longest) {
    waiting_room room;
    for (const char name : {'a', 'b', 'c'}) room.patient(name).detach();
    room.tasks.tick();
    room.called.notify_one();
    while (room.tasks.tick()) {
    }
    EXPECT_EQ(room.order, "a");
    room.called.notify_all();
    room.tasks.run();
    EXPECT_EQ(room.order, "abc");
}

TEST_F(conditions, a_notification_with_nobody_there_is_not_remembered) {
    waiting_room room;
    room.called.notify_one();
    room.called.notify_all();
    auto patient = room.patient('a');
    while (room.tasks.tick()) {
    }
    EXPECT_FALSE(patient.done());
    room.called.notify_one();
    patient.get();
}

TEST_F(conditions, a_cancelled_wait_ends_with_the_lock_and_takes_no_notification) {
    waiting_room room;
    auto stopped = room.tasks.spawn([&] {
        std::unique_lock lock{room.door};
        EXPECT_THROW(room.called.wait(lock), pirn::cancelled);
        EXPECT_TRUE(lock.owns_lock());
        EXPECT_TRUE(room.door.held_by_caller());
    });
    auto patient = room.patient('a');
    room.tasks.tick();
    stopped.request_stop();
    room.called.notify_one();
    patient.get();
    stopped.get();
}

TEST_F(conditions, a_wait_that_was_notified_before_the_request_to_stop_returns) {
    waiting_room room;
    auto patient = room.patient('a');
    room.tasks.tick();
    room.called.notify_one();
    patient.request_stop();
    patient.get();
    EXPECT_EQ(room.order, "a");
}

TEST_F(conditions, a_predicate_that_holds_does_not_wait) {
    pirn::mutex door;
    pirn::condition called;
    std::unique_lock lock{door};
    called.wait(lock, [] { return true; });
    EXPECT_TRUE(lock.owns_lock());
}

TEST_F(conditions, are_not_waited_for_without_the_lock) {
    pirn::mutex door;
    pirn::condition called;
    std::unique_lock lock{door, std::defer_lock};
    EXPECT_TRUE(support::complains([&] { called.wait(lock); }, "without the lock"));
}

FOR_ALL_CREWS(condition);

} // namespace
