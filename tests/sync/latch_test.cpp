// SPDX-License-Identifier: MIT
//
// Latches.
#include <pirn/sync/latch.hpp>

#include <pirn/base/error.hpp>

#include "support/misuse.hpp"
#include "sync/crew.hpp"

#include <atomic>

namespace {

using latch = sync_tests::with_crews;
using latches = support::balanced<>;
using sync_tests::crew;

TEST_P(latch, opens_when_all_have_arrived) {
    pirn::latch all_there{6};
    std::atomic<int> arrived{0};
    crew all{GetParam()};
    all.add(4, [&] {
        ++arrived;
        all_there.arrive_and_wait();
        EXPECT_EQ(arrived, 6);
    });
    all.add([&] {
        all_there.wait();
        EXPECT_EQ(arrived, 6);
    });
    all.add([&] {
        arrived += 2;
        all_there.count_down(2);
    });
    all.run();
    EXPECT_TRUE(all_there.try_wait());
}

TEST_F(latches, of_none_are_open) {
    pirn::latch open{0};
    EXPECT_TRUE(open.try_wait());
    open.wait();
}

TEST_F(latches, cancelled_waits_leave_the_count_alone) {
    pirn::scheduler tasks;
    pirn::latch one{1};
    auto stopped = tasks.spawn([&] { EXPECT_THROW(one.wait(), pirn::cancelled); });
    tasks.tick();
    stopped.request_stop();
    stopped.get();
    EXPECT_FALSE(one.try_wait());
    one.count_down();
}

TEST_F(latches, do_not_go_below_zero) {
    pirn::latch one{1};
    EXPECT_TRUE(support::complains([&] { one.count_down(2); }, "below zero", "count=1, steps=2"));
    one.count_down();
}

FOR_ALL_CREWS(latch);

} // namespace
