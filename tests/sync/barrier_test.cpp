// SPDX-License-Identifier: MIT
//
// Barriers: nobody is ever a phase ahead.
#include <pirn/sync/barrier.hpp>

#include <pirn/base/error.hpp>

#include "support/misuse.hpp"
#include "sync/crew.hpp"

#include <array>
#include <atomic>

namespace {

using barrier = sync_tests::with_crews;
using barriers = support::balanced<>;
using sync_tests::crew;

TEST_P(barrier, keeps_all_in_step) {
    constexpr int parties = 5;
    constexpr int phases = 100;
    int completed = 0;
    std::atomic<int> arrived{0};
    pirn::barrier round{parties, [&]() noexcept {
                            ++completed;
                            EXPECT_EQ(arrived, completed * parties);
                        }};
    crew all{GetParam()};
    all.add(parties, [&] {
        for (int phase = 1; phase <= phases; ++phase) {
            ++arrived;
            round.arrive_and_wait();
            EXPECT_GE(arrived, phase * parties);
            EXPECT_GE(completed, phase);
        }
    });
    all.run();
    EXPECT_EQ(completed, phases);
}

TEST_F(barriers, let_a_party_arrive_first_and_wait_later) {
    pirn::scheduler tasks;
    pirn::barrier round{2};
    bool waited = false;
    auto one = tasks.spawn([&] {
        auto phase = round.arrive();
        pirn::yield_now();
        round.wait(phase);
        waited = true;
    });
    for (int i = 0; i < 5; ++i) tasks.tick();
    EXPECT_FALSE(waited);
    tasks.spawn([&] { round.arrive_and_wait(); }).get();
    one.get();
    EXPECT_TRUE(waited);
}

TEST_F(barriers, go_on_with_fewer_when_one_drops_out) {
    pirn::scheduler tasks;
    int completed = 0;
    pirn::barrier round{3, [&]() noexcept { ++completed; }};
    for (int i = 0; i < 2; ++i) {
        tasks
            .spawn([&] {
                round.arrive_and_wait();
                round.arrive_and_wait();
            })
            .detach();
    }
    tasks.spawn([&] { round.arrive_and_drop(); }).detach();
    tasks.run();
    EXPECT_EQ(completed, 2);
}

TEST_F(barriers, take_back_an_arrival_that_was_cancelled) {
    pirn::scheduler tasks;
    int completed = 0;
    pirn::barrier round{2, [&]() noexcept { ++completed; }};
    auto stopped = tasks.spawn([&] { EXPECT_THROW(round.arrive_and_wait(), pirn::cancelled); });
    tasks.tick();
    stopped.request_stop();
    stopped.get();
    auto one = tasks.spawn([&] { round.arrive_and_wait(); });
    while (tasks.tick()) {
    }
    EXPECT_EQ(completed, 0) << "one of two is there";
    tasks.spawn([&] { round.arrive_and_wait(); }).get();
    one.get();
    EXPECT_EQ(completed, 1);
}

TEST_F(barriers, keep_an_arrival_when_the_phase_is_complete) {
    pirn::scheduler tasks;
    pirn::barrier round{2};
    auto waits = tasks.spawn([&] { round.arrive_and_wait(); });
    tasks.tick();
    tasks.spawn([&] { round.arrive_and_wait(); }).get();
    waits.request_stop();
    waits.get();
}

TEST_F(barriers, whose_completion_suspends_hold_all_until_it_is_over) {
    pirn::scheduler tasks;
    bool complete = false;
    pirn::barrier round{2, [&]() noexcept {
                            for (int i = 0; i < 3; ++i) pirn::yield_now();
                            complete = true;
                        }};
    auto waits = tasks.spawn([&] {
        round.arrive_and_wait();
        EXPECT_TRUE(complete);
    });
    tasks.tick();
    auto last = tasks.spawn([&] { round.arrive_and_wait(); });
    tasks.tick();
    EXPECT_FALSE(complete);
    waits.request_stop(); // too late: the phase is as good as complete
    waits.get();
    last.get();
}

TEST_F(barriers, expect_no_more_than_their_parties) {
    pirn::barrier round{2};
    EXPECT_TRUE(support::complains([&] { static_cast<void>(round.arrive(3)); }, "than are missing",
                                   "arrived=3, missing=2"));
    EXPECT_TRUE(support::complains([] { pirn::barrier{0}; }, "at least one party"));
}

FOR_ALL_CREWS(barrier);

} // namespace
