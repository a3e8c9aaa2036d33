// SPDX-License-Identifier: MIT
//
// Readers together, writers alone, neither starved.
#include <pirn/sync/shared_mutex.hpp>

#include <pirn/base/error.hpp>

#include "support/child.hpp"
#include "support/misuse.hpp"
#include "sync/crew.hpp"

#include <atomic>
#include <csignal>
#include <mutex>
#include <shared_mutex>
#include <string>

namespace {

using shared_mutex = sync_tests::with_crews;
using shared_mutexes = support::balanced<>;
using support::complains;
using sync_tests::crew;

TEST_P(shared_mutex, keeps_readers_and_writers_apart) {
    pirn::shared_mutex door;
    std::atomic<int> readers{0};
    std::atomic<int> writers{0};
    long written = 0;
    std::atomic<long> read{0};
    crew all{GetParam()};
    const auto pause = [] {
        if (pirn::scheduler::current() != nullptr) pirn::yield_now();
    };
    all.add(6, [&] {
        for (int i = 0; i < 100; ++i) {
            const std::shared_lock lock{door};
            ++readers;
            EXPECT_EQ(writers, 0);
            pause();
            read += written >= 0;
            --readers;
        }
    });
    all.add(2, [&] {
        for (int i = 0; i < 100; ++i) {
            const std::unique_lock lock{door};
            EXPECT_EQ(++writers, 1);
            EXPECT_EQ(readers, 0);
            pause();
            ++written;
            --writers;
        }
    });
    all.run();
    EXPECT_EQ(written, 200);
    EXPECT_EQ(read, 600);
}

// What the letters mean: r and w enter, R and W leave.
struct story {
    pirn::scheduler tasks;
    pirn::shared_mutex door;
    std::string order;

    auto reader(int turns) {
        return tasks.spawn([this, turns] {
            const std::shared_lock lock{door};
            order += 'r';
            for (int i = 0; i < turns; ++i) pirn::yield_now();
            order += 'R';
        });
    }
    auto writer(int turns) {
        return tasks.spawn([this, turns] {
            const std::unique_lock lock{door};
            order += 'w';
            for (int i = 0; i < turns; ++i) pirn::yield_now();
            order += 'W';
        });
    }
};

TEST_F(shared_mutexes, let_readers_in_together) {
    story s;
    s.reader(3).detach();
    s.reader(3).detach();
    s.tasks.run();
    EXPECT_EQ(s.order, "rrRR");
}

TEST_F(shared_mutexes, let_a_writer_in_before_the_readers_that_came_later) {
    story s;
    s.reader(3).detach();
    s.writer(1).detach();
    s.reader(1).detach();
    s.reader(1).detach();
    s.writer(1).detach();
    s.tasks.run();
    EXPECT_EQ(s.order, "rRwWrrRRwW");
}

TEST_F(shared_mutexes, let_the_readers_in_that_stood_behind_a_writer_that_was_cancelled) {
    story s;
    auto first = s.reader(100);
    auto writer = s.writer(1);
    auto second = s.reader(1);
    for (int i = 0; i < 5; ++i) s.tasks.tick();
    EXPECT_EQ(s.order, "r");
    writer.request_stop();
    second.get();
    EXPECT_EQ(s.order, "rrR");
    EXPECT_FALSE(first.done());
    EXPECT_THROW(writer.get(), pirn::cancelled);
    first.get();
}

TEST_F(shared_mutexes, let_a_writer_in_behind_a_reader_that_was_cancelled) {
    story s;
    auto first = s.writer(5);
    auto reader = s.reader(1);
    auto second = s.writer(1);
    s.tasks.tick();
    reader.request_stop();
    s.tasks.run();
    EXPECT_EQ(s.order, "wWwW");
    EXPECT_THROW(reader.get(), pirn::cancelled);
}

TEST_F(shared_mutexes, try_without_waiting) {
    pirn::shared_mutex door;
    EXPECT_TRUE(door.try_lock_shared());
    EXPECT_TRUE(door.try_lock_shared());
    EXPECT_FALSE(door.try_lock());
    door.unlock_shared();
    EXPECT_FALSE(door.try_lock());
    door.unlock_shared();
    EXPECT_TRUE(door.try_lock());
    EXPECT_FALSE(door.try_lock());
    EXPECT_FALSE(door.try_lock_shared());
    door.unlock();
}

TEST_F(shared_mutexes, are_not_tried_past_a_writer_that_waits) {
    story s;
    s.reader(3).detach();
    s.writer(0).detach();
    s.tasks.tick();
    EXPECT_FALSE(s.door.try_lock_shared());
    s.tasks.run();
}

TEST_F(shared_mutexes, refuse_what_makes_no_sense) {
    pirn::shared_mutex door;
    EXPECT_TRUE(complains([&] { door.unlock(); }, "does not have it alone"));
    EXPECT_TRUE(complains([&] { door.unlock_shared(); }, "nobody reads"));
    door.lock();
    EXPECT_TRUE(complains([&] { door.lock(); }, "has it already"));
    EXPECT_TRUE(complains([&] { door.lock_shared(); }, "has it alone"));
    door.unlock();
    const support::child_end end = support::in_child([] {
        pirn::shared_mutex locked;
        locked.lock_shared();
    });
    EXPECT_TRUE(end.killed_by(SIGABRT) && end.said("while it is locked")) << end;
}

FOR_ALL_CREWS(shared_mutex);

} // namespace
