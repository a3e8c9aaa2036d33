// SPDX-License-Identifier: MIT
//
// Coroutines and threads: one thread at a time, but not always the same (hazard 2).
#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/current.hpp>

#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <cerrno>
#include <optional>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

class threads : public support::on_each_stack {};
INSTANTIATE_TEST_SUITE_P(on, threads, support::every_stack_kind(), support::name_of);

thread_local int number_of_thread = 0;

// Not inlined, or the compiler remembers the variable's address over a suspension.
PIRN_NOINLINE int thread_number() {
    asm volatile("");
    return number_of_thread;
}

TEST_P(threads, may_take_turns_with_a_coroutine) {
    constexpr int rounds = 500;
    int wrong = 0;
    pirn::coroutine<int> wanders{stack("wanders"), [&](auto& self) {
                                     for (int i = 0;; ++i) {
                                         wrong += thread_number() != i % 2 ? 1 : 0;
                                         wrong += pirn::current()->name() != "wanders" ? 1 : 0;
                                         self.yield(i);
                                     }
                                 }};
    std::binary_semaphore ours{1};
    std::binary_semaphore theirs{0};
    const auto take_turns = [&](int number, std::binary_semaphore& mine,
                                std::binary_semaphore& other) {
        number_of_thread = number;
        for (int i = 0; i < rounds; ++i) {
            mine.acquire();
            EXPECT_EQ(wanders.next(), 2 * i + number);
            EXPECT_FALSE(pirn::current());
            other.release();
        }
    };
    std::thread second{[&] { take_turns(1, theirs, ours); }};
    take_turns(0, ours, theirs);
    second.join();
    EXPECT_EQ(wrong, 0);
}

TEST_P(threads, may_begin_a_coroutine_that_another_created) {
    std::optional<pirn::coroutine<pid_t>> tells;
    tells.emplace(stack(), [](auto& self) { self.yield(::gettid()); });
    std::thread{[&] {
        EXPECT_EQ(tells->next(), ::gettid());
        EXPECT_FALSE(tells->resume());
    }}.join();
    EXPECT_TRUE(tells->done());
}

TEST_P(threads, may_go_on_inside_a_coroutine_of_their_own) {
    pirn::coroutine<std::string> tells{stack("inner"), [](auto& self) {
                                           for (;;) {
                                               const auto parent = pirn::current()->parent();
                                               self.yield(parent ? std::string{parent->name()}
                                                                 : "none");
                                           }
                                       }};
    EXPECT_EQ(tells.next(), "none");
    std::thread{[&] {
        pirn::coroutine<> outer{{.name = "outer"}, [&] { EXPECT_EQ(tells.next(), "outer"); }};
        outer.resume();
        EXPECT_EQ(tells.next(), "none");
    }}.join();
    EXPECT_EQ(tells.next(), "none");
}

TEST_P(threads, that_have_ended_leave_no_trace_in_a_coroutine) {
    pirn::coroutine<int> counts{stack(), [](auto& self) {
                                    for (int i = 0;; ++i) {
                                        self.yield(i);
                                    }
                                }};
    for (int i = 0; i < 20; ++i) {
        std::thread{[&] { EXPECT_EQ(counts.next(), i); }}.join();
    }
    EXPECT_EQ(counts.next(), 20);
}

TEST_P(threads, run_coroutines_of_their_own_without_a_care) {
    std::vector<std::thread> all;
    for (int t = 0; t < 4; ++t) {
        all.emplace_back([t] {
            for (int round = 0; round < 50; ++round) {
                std::vector<pirn::coroutine<int>> mine;
                for (int k = 0; k < 10; ++k) {
                    mine.emplace_back(
                        [](auto& self, int start) {
                            for (int i = start;; ++i) {
                                self.yield(i);
                            }
                        },
                        100 * t + k);
                }
                for (int i = 0; i < 20; ++i) {
                    for (int k = 0; k < 10; ++k) {
                        ASSERT_EQ(mine[static_cast<std::size_t>(k)].next(), 100 * t + k + i);
                    }
                }
            }
        });
    }
    for (std::thread& one : all) {
        one.join();
    }
}

class hand_over : public support::balanced<> {};

TEST_F(hand_over, of_many_coroutines_through_many_threads_loses_none) {
    constexpr int hops = 2000 / support::slowness;
    constexpr std::size_t workers = 3;
    // Each worker resumes what is in its box and puts it into the next one's.
    struct box {
        std::binary_semaphore full{0};
        std::optional<pirn::coroutine<int>> content;
    };
    std::vector<box> boxes(workers);
    boxes[0].content.emplace([](auto& self) {
        for (int i = 0;; ++i) {
            self.yield(i);
        }
    });
    boxes[0].full.release();
    std::vector<std::thread> all;
    for (std::size_t w = 0; w < workers; ++w) {
        all.emplace_back([&, w] {
            for (int hop = 0; hop < hops; ++hop) {
                boxes[w].full.acquire();
                pirn::coroutine<int> mine = std::move(*boxes[w].content);
                EXPECT_EQ(mine.next(), hop * static_cast<int>(workers) + static_cast<int>(w));
                box& next = boxes[(w + 1) % workers];
                next.content.emplace(std::move(mine));
                next.full.release();
            }
        });
    }
    for (std::thread& one : all) {
        one.join();
    }
}

} // namespace
