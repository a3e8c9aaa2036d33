// SPDX-License-Identifier: MIT
//
// Programmer errors: each is caught, says what was done and to which coroutine, and leaves the coroutine
// as it was (which only a test can see, because normally the program ends there).
#include "support/misuse.hpp"

#include <pirn/coro/coroutine.hpp>

#include "support/account.hpp"
#include "support/child.hpp"
#include "support/stacks.hpp"

#include <array>
#include <csignal>
#include <exception>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

namespace {

using support::complains;

class misuse : public support::balanced<> {};

constexpr auto cannot_be_resumed =
    "only a coroutine that has not started or is suspended can be resumed";
constexpr auto from_outside = "its yielder was used from outside of it";

// Neither would say more than "terminate called".
TEST_F(misuse, destroying_what_is_suspended_in_a_noexcept_function) {
    const support::child_end end = support::in_child([] {
        pirn::coroutine<> waits{{.name = "waits"}, [](pirn::yielder<>& yield) {
                                    const auto careful = [&]() noexcept { yield(); };
                                    careful();
                                }};
        waits.resume();
    });
    EXPECT_TRUE(end.killed_by(SIGABRT) && end.said("suspended inside a noexcept function")) << end;
    EXPECT_TRUE(end.said("name=\"waits\"") && end.said("misuse_test.cpp:")) << end;
}

TEST_F(misuse, other_reasons_to_terminate_are_left_to_the_handler_before) {
    const support::child_end end = support::in_child([] {
        { // a coroutine that is unwound as it should be
            pirn::coroutine<> waits{[](pirn::yielder<>& yield) { yield(); }};
            waits.resume();
        }
        std::terminate();
    });
    EXPECT_TRUE(end.killed_by(SIGABRT) && !end.said("noexcept function")) << end;
}

TEST_F(misuse, resuming_the_done) {
    pirn::coroutine<> ended{{.name = "ended"}, [] {}};
    ended.resume();
    EXPECT_TRUE(
        complains([&] { ended.resume(); }, cannot_be_resumed, R"(name="ended", status="done")"));
    EXPECT_EQ(ended.status(), pirn::coroutine_status::done);
}

TEST_F(misuse, resuming_the_failed) {
    pirn::coroutine<> failed{[] { throw 1; }};
    EXPECT_THROW(failed.resume(), int);
    EXPECT_TRUE(complains([&] { failed.resume(); }, cannot_be_resumed, R"(status="done")"));
}

TEST_F(misuse, resuming_oneself) {
    pirn::coroutine<>* handle = nullptr;
    int laps = 0;
    pirn::coroutine<> snake{{.name = "snake"}, [&](auto& self) {
                                EXPECT_TRUE(complains([&] { handle->resume(); }, cannot_be_resumed,
                                                      R"(name="snake", status="active")"));
                                ++laps;
                                self.suspend();
                                ++laps;
                            }};
    handle = &snake;
    EXPECT_TRUE(snake.resume());
    EXPECT_FALSE(snake.resume()) << "it goes on as if nothing had been";
    EXPECT_EQ(laps, 2);
}

TEST_F(misuse, resuming_who_waits_for_us) {
    pirn::coroutine<>* grandmother = nullptr;
    pirn::coroutine<> first{[&](auto&) {
        pirn::coroutine<> second{[&](auto&) {
            pirn::coroutine<> third{[&](auto&) {
                EXPECT_TRUE(complains([&] { grandmother->resume(); }, cannot_be_resumed,
                                      R"(status="active")"));
            }};
            third.resume();
        }};
        second.resume();
    }};
    grandmother = &first;
    EXPECT_FALSE(first.resume());
}

TEST_F(misuse, resuming_the_moved_from) {
    pirn::coroutine<> one{[](auto& self) { self.suspend(); }};
    const pirn::coroutine<> other{std::move(one)};
    // NOLINTNEXTLINE(bugprone-use-after-move)
    EXPECT_TRUE(complains([&] { one.resume(); }, "a moved-from coroutine was resumed"));
    std::thread{[&] {
        // The thread's first use of a coroutine at all.
        EXPECT_TRUE(complains([&] { one.resume(); }, "a moved-from coroutine was resumed"));
    }}.join();
}

TEST_F(misuse, asking_for_a_value_that_is_not_there) {
    constexpr auto words = "only a suspended coroutine has a yielded value";
    pirn::coroutine<int>* handle = nullptr;
    pirn::coroutine<int> yields{[&](auto& self) {
        EXPECT_TRUE(complains([&] { handle->value(); }, words, R"(status="active")"));
        self.yield(1);
        EXPECT_TRUE(complains([&] { handle->value(); }, words, R"(status="active")"));
    }};
    handle = &yields;
    EXPECT_TRUE(complains([&] { yields.value(); }, words, R"(status="start")"));
    yields.resume();
    EXPECT_EQ(yields.value(), 1);
    yields.resume();
    EXPECT_TRUE(complains([&] { yields.value(); }, words, R"(status="done")"));
    const pirn::coroutine<int> moved{std::move(yields)};
    // NOLINTNEXTLINE(bugprone-use-after-move)
    EXPECT_TRUE(complains([&] { yields.value(); }, words, R"(status="done")"));
}

TEST_F(misuse, asking_for_a_result_that_is_not_there) {
    constexpr auto words = "only a coroutine whose function has returned has a result";
    pirn::coroutine<int, void, int> returns{[](auto& self) {
        self.yield(1);
        return 2;
    }};
    EXPECT_TRUE(complains([&] { returns.result(); }, words, R"(status="start")"));
    returns.resume();
    EXPECT_TRUE(complains([&] { returns.result(); }, words, R"(status="suspended")"));
    returns.resume();
    EXPECT_EQ(returns.result(), 2);

    pirn::coroutine<int, void, int> throws{[](auto& self) -> int {
        self.yield(1);
        throw 'x';
    }};
    throws.resume();
    EXPECT_THROW(throws.resume(), char);
    EXPECT_TRUE(complains([&] { throws.result(); }, words, R"(status="done")"))
        << "what was yielded before is no result";
    EXPECT_TRUE(complains([&] { throws.finish(); }, cannot_be_resumed));
}

TEST_F(misuse, injecting_before_there_is_a_yield_to_return_it) {
    pirn::coroutine<void, int> takes{{.name = "early"}, [](auto& self) { self.suspend(); }};
    EXPECT_TRUE(complains([&] { takes.resume(1); },
                          "a value can be injected only into a suspended coroutine",
                          R"(name="early", status="start")"));
    takes.resume();
    takes.resume(1);
    EXPECT_TRUE(complains([&] { takes.resume(1); },
                          "a value can be injected only into a suspended coroutine",
                          R"(status="done")"));
}

TEST_F(misuse, injecting_nothing_where_a_value_is_waited_for) {
    pirn::coroutine<void, int> takes{[](auto& self) { self.suspend(); }};
    takes.resume();
    EXPECT_TRUE(complains([&] { takes.resume(); },
                          "a started coroutine that takes values must be resumed with one",
                          R"(status="suspended")"));
}

TEST_F(misuse, next_where_it_returns_and_finish_where_it_yields) {
    pirn::coroutine<int> returns{{.name = "short"}, [] {}};
    EXPECT_TRUE(complains([&] { returns.next(); }, "returned instead of yielding", "short"));
    pirn::coroutine<int> yields{{.name = "long"}, [](auto& self) { self.yield(1); }};
    EXPECT_TRUE(complains([&] { yields.finish(); }, "yielded instead of returning", "long"));
}

TEST_F(misuse, yielding_for_a_coroutine_that_waits) {
    pirn::yielder<int>* stolen = nullptr;
    pirn::coroutine<int> owner{{.name = "owner"}, [&](auto& self) {
                                   stolen = &self;
                                   self.yield(1);
                               }};
    owner.resume();
    EXPECT_TRUE(
        complains([&] { stolen->yield(2); }, from_outside, R"(name="owner", status="suspended")"));
    pirn::coroutine<> stranger{
        [&] { EXPECT_TRUE(complains([&] { stolen->yield(2); }, from_outside)); }};
    stranger.resume();
    std::thread{[&] {
        EXPECT_TRUE(complains([&] { stolen->yield(2); }, from_outside)) << "from a fresh thread";
    }}.join();
    EXPECT_FALSE(owner.resume());
}

TEST_F(misuse, yielding_from_a_coroutine_that_was_only_created_inside) {
    pirn::yielder<int>* outer_yielder = nullptr;
    pirn::coroutine<> inner{
        [&] { EXPECT_TRUE(complains([&] { outer_yielder->yield(2); }, from_outside)); }};
    pirn::coroutine<int> outer{[&](auto& self) {
        outer_yielder = &self;
        self.yield(1);
    }};
    outer.resume();
    inner.resume(); // by us, not by outer
    EXPECT_FALSE(outer.resume());
}

TEST_F(misuse, destroying_the_active) {
    const support::child_end end = support::in_child([] {
        std::optional<pirn::coroutine<>> own;
        own.emplace(pirn::coroutine_options{.name = "saw"}, [&](auto&) { own.reset(); });
        own->resume();
    });
    EXPECT_TRUE(end.killed_by(SIGABRT)) << end;
    EXPECT_TRUE(end.said("a coroutine was destroyed while it is active")) << end;
    EXPECT_TRUE(end.said(R"(name="saw")")) << end;
}

TEST_F(misuse, memory_that_is_too_small) {
    for (const std::size_t size : {1U, 15U, 16U, 17U, 64U, 128U, 512U}) {
        const support::raw_memory memory{size};
        EXPECT_TRUE(complains([&] { pirn::coroutine<> small{{.memory = memory.all()}, [] {}}; },
                              "too small"))
            << size;
    }
    pirn::mapped_stack_source mapped;
    EXPECT_TRUE(
        complains([&] { pirn::coroutine<> small{{.stack_size = 0, .stacks = &mapped}, [] {}}; },
                  "too small"));
    const support::raw_memory memory{std::size_t{64} * 1024};
    const std::array<char, 64 * 1024> large{};
    EXPECT_TRUE(complains(
        [&] { pirn::coroutine<> small{{.memory = memory.all()}, [large] { return large[0]; }}; },
        "too small"));
}

} // namespace
