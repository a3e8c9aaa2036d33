// SPDX-License-Identifier: MIT
//
// Done once, whoever comes first.
#include <pirn/sync/once.hpp>

#include <pirn/base/error.hpp>

#include "support/misuse.hpp"
#include "sync/crew.hpp"

#include <atomic>
#include <stdexcept>

namespace {

using once = sync_tests::with_crews;
using onces = support::balanced<>;
using sync_tests::crew;

TEST_P(once, is_done_once_and_seen_done_by_all) {
    pirn::once opened;
    int calls = 0;
    int value = 0;
    crew all{GetParam()};
    all.add(8, [&] {
        opened.call(
            [&](int given) {
                ++calls;
                if (pirn::scheduler::current() != nullptr) pirn::yield_now();
                value = given;
            },
            42);
        EXPECT_EQ(value, 42);
        EXPECT_TRUE(opened.done());
    });
    all.run();
    EXPECT_EQ(calls, 1);
}

TEST_P(once, is_tried_by_the_next_one_when_it_failed) {
    pirn::once opened;
    std::atomic<int> calls{0};
    std::atomic<int> failures{0};
    crew all{GetParam()};
    all.add(5, [&] {
        try {
            opened.call([&] {
                if (++calls < 4) throw std::runtime_error{"not yet"};
            });
        } catch (const std::runtime_error&) {
            ++failures;
        }
    });
    all.run();
    EXPECT_EQ(calls, 4);
    EXPECT_EQ(failures, 3);
    EXPECT_TRUE(opened.done());
}

TEST_F(onces, that_were_cancelled_while_at_it_pass_to_the_next) {
    pirn::scheduler tasks;
    pirn::once opened;
    auto stopped = tasks.spawn([&] {
        opened.call([] {
            for (;;) pirn::yield_now();
        });
    });
    bool done = false;
    auto next = tasks.spawn([&] { opened.call([&] { done = true; }); });
    tasks.tick();
    stopped.request_stop();
    next.get();
    EXPECT_TRUE(done);
    EXPECT_THROW(stopped.get(), pirn::cancelled);
}

TEST_F(onces, that_call_themselves_are_refused) {
    pirn::once opened;
    opened.call(
        [&] { EXPECT_TRUE(support::complains([&] { opened.call([] {}); }, "wait for itself")); });
}

FOR_ALL_CREWS(once);

} // namespace
