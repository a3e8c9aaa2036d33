// SPDX-License-Identifier: MIT
//
// Suspending with a function that is called once the coroutine is suspended.
#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/current.hpp>

#include "support/misuse.hpp"
#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

class suspend_then : public support::on_each_stack {};
INSTANTIATE_TEST_SUITE_P(on, suspend_then, support::every_stack_kind(), support::name_of);

TEST_P(suspend_then, calls_when_the_coroutine_is_suspended_and_before_resume_returns) {
    std::vector<std::string> story;
    std::optional<pirn::coroutine<>> one;
    one.emplace(stack("one"), [&](auto& self) {
        story.emplace_back("runs");
        self.suspend_then([&] {
            story.emplace_back(to_string(one->status()));
            EXPECT_FALSE(pirn::current()) << "it runs on the resumer's stack";
        });
        story.emplace_back("goes on");
    });
    EXPECT_TRUE(one->resume());
    story.emplace_back("returned");
    EXPECT_FALSE(one->resume());
    EXPECT_EQ(story, (std::vector<std::string>{"runs", "suspended", "returned", "goes on"}));
}

TEST_P(suspend_then, may_resume_the_coroutine_itself) {
    std::optional<pirn::coroutine<>> one;
    int rounds = 0;
    one.emplace(stack("one"), [&](auto& self) {
        self.suspend_then([&] { EXPECT_TRUE(one->resume()); });
        ++rounds;
        self.suspend();
        ++rounds;
    });
    EXPECT_TRUE(one->resume());
    EXPECT_EQ(rounds, 1);
    EXPECT_FALSE(one->resume());
    EXPECT_EQ(rounds, 2);
}

TEST_P(suspend_then, may_destroy_the_coroutine) {
    auto alive = std::make_shared<int>(1);
    const std::weak_ptr<int> seen = alive;
    std::optional<pirn::coroutine<>> one;
    one.emplace(stack("one"), [&one, alive = std::move(alive)](auto& self) {
        const auto on_the_stack = alive;
        self.suspend_then([&one] { one.reset(); });
        FAIL() << "it was destroyed";
    });
    EXPECT_TRUE(one->resume());
    EXPECT_FALSE(one);
    EXPECT_TRUE(seen.expired());
}

TEST_P(suspend_then, takes_what_can_only_be_moved) {
    auto content = std::make_unique<int>(7);
    int got = 0;
    pirn::coroutine<> one{stack("one"), [&](auto& self) {
                              self.suspend_then([&got, mine = std::move(content)] { got = *mine; });
                          }};
    one.resume();
    EXPECT_EQ(got, 7);
}

TEST_P(suspend_then, returns_what_the_next_resume_injects) {
    std::vector<int> got;
    pirn::coroutine<void, int> one{stack("one"), [&](auto& self) {
                                       got.push_back(self.suspend_then([] {}));
                                       got.push_back(self.suspend_then([] {}));
                                   }};
    one.resume();
    one.resume(3);
    one.resume(4);
    EXPECT_EQ(got, (std::vector{3, 4}));
}

TEST_P(suspend_then, comes_with_a_value_too) {
    int called = 0;
    pirn::coroutine<std::string> one{stack("one"), [&](auto& self) {
                                         self.yield_then("first", [&] { ++called; });
                                         std::string kept = "second";
                                         self.yield_then(kept, [&] { ++called; });
                                         EXPECT_EQ(kept, "second, changed");
                                     }};
    EXPECT_TRUE(one.resume());
    EXPECT_EQ(one.value(), "first");
    EXPECT_EQ(one.next(), "second");
    one.value() += ", changed";
    EXPECT_FALSE(one.resume());
    EXPECT_EQ(called, 2);
}

TEST_P(suspend_then, lets_an_exception_of_the_function_out_of_resume) {
    int rounds = 0;
    pirn::coroutine<> one{stack("one"), [&](auto& self) {
                              self.suspend_then([] { throw std::runtime_error{"no"}; });
                              ++rounds;
                          }};
    EXPECT_THROW(one.resume(), std::runtime_error);
    EXPECT_EQ(one.status(), pirn::coroutine_status::suspended)
        << "nothing happened to the coroutine";
    EXPECT_FALSE(one.resume());
    EXPECT_EQ(rounds, 1);
}

TEST_P(suspend_then, works_inside_of_a_handler_and_from_within_a_nested_coroutine) {
    std::vector<int> called;
    pirn::coroutine<> outer{stack("outer"), [&](auto& self) {
                                try {
                                    throw 5;
                                } catch (int value) {
                                    pirn::coroutine<> inner{stack("inner"), [&](auto&) {
                                                                self.suspend_then([&] {
                                                                    EXPECT_FALSE(
                                                                        std::current_exception());
                                                                    called.push_back(value);
                                                                });
                                                            }};
                                    inner.resume();
                                    EXPECT_TRUE(std::current_exception());
                                }
                            }};
    EXPECT_TRUE(outer.resume());
    EXPECT_EQ(called, std::vector{5});
    EXPECT_FALSE(outer.resume());
}

TEST_P(suspend_then, is_unwound_like_any_suspension) {
    struct notes {
        explicit notes(int& of) noexcept : count{&of} {}
        ~notes() { ++*count; }
        int* count;
    };
    int ended = 0;
    int called = 0;
    {
        pirn::coroutine<> one{stack("one"), [&](auto& self) {
                                  const notes here{ended};
                                  self.suspend_then([&] { ++called; });
                              }};
        one.resume();
    }
    EXPECT_EQ(ended, 1);
    EXPECT_EQ(called, 1);
}

// What it is for: the coroutine is put into a queue in which other threads wait, and one of them takes it
// while the first is still in the function that put it there.
TEST(suspend_then_to_other_threads, they_may_resume_at_once) {
    constexpr int hops = 100000 / support::slowness;
    constexpr int crowd = 8;
    struct queue {
        void push(pirn::coroutine<>* one) {
            const std::scoped_lock lock{mutex};
            waiting.push_back(one);
            changed.notify_one();
        }
        pirn::coroutine<>* pop() {
            std::unique_lock lock{mutex};
            changed.wait(lock, [&] { return !waiting.empty() || running == 0; });
            if (waiting.empty()) {
                return nullptr;
            }
            pirn::coroutine<>* const first = waiting.front();
            waiting.pop_front();
            return first;
        }
        void one_has_ended() {
            const std::scoped_lock lock{mutex};
            --running;
            changed.notify_all();
        }
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<pirn::coroutine<>*> waiting;
        int running = crowd;
    } ready;

    std::vector<std::unique_ptr<pirn::coroutine<>>> all;
    std::atomic<long> steps{0};
    for (int i = 0; i < crowd; ++i) {
        all.push_back(std::make_unique<pirn::coroutine<>>([&, i](auto& self) {
            for (int hop = 0; hop < hops; ++hop) {
                steps.fetch_add(1, std::memory_order_relaxed);
                self.suspend_then([&, i] { ready.push(all[static_cast<std::size_t>(i)].get()); });
            }
            ready.one_has_ended();
        }));
    }
    for (const auto& one : all) {
        ready.push(one.get());
    }
    const auto work = [&] {
        while (pirn::coroutine<>* const next = ready.pop()) {
            next->resume();
        }
    };
    std::thread second{work};
    std::thread third{work};
    work();
    second.join();
    third.join();
    EXPECT_EQ(steps.load(), long{crowd} * hops);
}

} // namespace
