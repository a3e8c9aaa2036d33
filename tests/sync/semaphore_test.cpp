// SPDX-License-Identifier: MIT
//
// Semaphores: never more inside than tokens, and none lost.
#include <pirn/sync/semaphore.hpp>

#include <pirn/base/error.hpp>

#include "support/misuse.hpp"
#include "sync/crew.hpp"

#include <atomic>
#include <string>

namespace {

using semaphore = sync_tests::with_crews;
using semaphores = support::balanced<>;
using sync_tests::crew;

TEST_P(semaphore, lets_in_no_more_than_it_has_tokens) {
    pirn::semaphore three{3};
    std::atomic<int> inside{0};
    std::atomic<int> entered{0};
    crew all{GetParam()};
    all.add(10, [&] {
        for (int i = 0; i < 100; ++i) {
            three.acquire();
            EXPECT_LE(++inside, 3);
            if (pirn::scheduler::current() != nullptr) pirn::yield_now();
            --inside;
            ++entered;
            three.release();
        }
    });
    all.run();
    EXPECT_EQ(entered, 1000);
    EXPECT_EQ(three.available(), 3U);
}

TEST_P(semaphore, brings_tokens_from_one_side_to_the_other) {
    pirn::semaphore tokens{0};
    std::atomic<int> taken{0};
    crew all{GetParam()};
    all.add(4, [&] {
        for (int i = 0; i < 250; ++i) {
            tokens.acquire();
            ++taken;
        }
    });
    all.add([&] {
        for (int i = 0; i < 100; ++i) tokens.release(10);
    });
    all.run();
    EXPECT_EQ(taken, 1000);
    EXPECT_EQ(tokens.available(), 0U);
}

TEST_F(semaphores, serve_in_the_order_of_arrival) {
    pirn::scheduler tasks;
    pirn::semaphore tokens{0};
    std::string order;
    for (const char name : {'a', 'b', 'c'}) {
        tasks
            .spawn([&, name] {
                tokens.acquire();
                order += name;
            })
            .detach();
    }
    tasks.tick();
    tokens.release(2);
    EXPECT_FALSE(tokens.try_acquire()) << "they belong to those who waited";
    tasks.tick();
    EXPECT_EQ(order, "ab");
    tokens.release();
    tasks.run();
    EXPECT_EQ(order, "abc");
}

TEST_F(semaphores, lose_no_token_to_a_cancelled_wait) {
    pirn::scheduler tasks;
    pirn::semaphore tokens{0};
    auto stopped = tasks.spawn([&] { EXPECT_THROW(tokens.acquire(), pirn::cancelled); });
    auto waits = tasks.spawn([&] { tokens.acquire(); });
    tasks.tick();
    stopped.request_stop();
    tokens.release();
    waits.get();
    tasks.run();
    EXPECT_EQ(tokens.available(), 0U);
}

TEST_F(semaphores, give_a_token_that_came_before_the_request_to_stop) {
    pirn::scheduler tasks;
    pirn::semaphore tokens{0};
    auto waits = tasks.spawn([&] {
        tokens.acquire();
        tokens.release();
    });
    tasks.tick();
    tokens.release();
    waits.request_stop();
    waits.get();
    EXPECT_EQ(tokens.available(), 1U);
}

TEST_F(semaphores, try_without_waiting) {
    pirn::semaphore one{1};
    EXPECT_TRUE(one.try_acquire());
    EXPECT_FALSE(one.try_acquire());
    one.release();
    EXPECT_TRUE(one.try_acquire());
}

TEST_F(semaphores, let_others_run_though_there_is_always_a_token) {
    pirn::scheduler tasks;
    pirn::semaphore one{1};
    bool other_ran = false;
    tasks
        .spawn([&] {
            while (!other_ran) {
                one.acquire();
                one.release();
            }
        })
        .detach();
    tasks.spawn([&] { other_ran = true; }).detach();
    tasks.run();
}

TEST_F(semaphores, have_a_limit) {
    pirn::semaphore full{pirn::semaphore::max};
    EXPECT_TRUE(support::complains([&] { full.release(); }, "too many tokens"));
    EXPECT_TRUE(support::complains([] { pirn::semaphore{pirn::semaphore::max + 1}; }, "too many"));
}

FOR_ALL_CREWS(semaphore);

} // namespace
