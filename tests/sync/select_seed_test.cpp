// SPDX-License-Identifier: MIT
//
// The order in which select tries its cases comes from the scheduler's seed; and a select of very many cases.
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/sched/scheduler.hpp>
#include <pirn/sync/channel.hpp>
#include <pirn/sync/select.hpp>

#include "support/account.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using pirn::on;
using seeds = support::balanced<>;

// The cases that are chosen, one after the other, from three that are always ready. Suspends.
std::vector<std::size_t> choices() {
    std::vector<std::size_t> chosen;
    pirn::channel<int> some{1};
    some.send(1);
    const auto back = [&some](std::optional<int> value) { some.send(*value); };
    for (int i = 0; i < 64; ++i) {
        chosen.push_back(pirn::select(on(some.receiving(), back), on(some.receiving(), back),
                                      on(some.receiving(), back)));
    }
    return chosen;
}

std::vector<std::size_t> choices_with(std::uint64_t seed) {
    return pirn::run({.scheduler = {.seed = seed}}, [] { return choices(); });
}

TEST_F(seeds, make_the_same_choices_again) {
    EXPECT_EQ(choices_with(7), choices_with(7));
    EXPECT_EQ(choices_with(0), pirn::run([] { return choices(); }));
}

TEST_F(seeds, that_differ_make_other_choices) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        EXPECT_NE(choices_with(seed), choices_with(seed + 1)) << seed;
    }
}

TEST_F(seeds, are_not_used_up_by_threads_without_tasks) {
    const auto expected = choices_with(7);
    const auto with_threads = pirn::run({.scheduler = {.seed = 7}}, [] {
        std::thread{[] { choices(); }}.join();
        return choices();
    });
    EXPECT_EQ(with_threads, expected);
}

TEST_F(seeds, give_each_thread_a_sequence_of_its_own) {
    std::vector<std::size_t> first;
    std::vector<std::size_t> second;
    pirn::run({.threads = 2, .scheduler = {.seed = 7}}, [&] {
        auto on_first = pirn::spawn({.worker = 0}, [&] { first = choices(); });
        auto on_second = pirn::spawn({.worker = 1}, [&] { second = choices(); });
        on_first.join();
        on_second.join();
    });
    EXPECT_NE(first, second);
}

// A function of another type for each case.
template <std::size_t Index>
struct number {
    std::size_t operator()(std::optional<int> /*value*/) const { return Index; }
};

template <std::size_t... Index>
std::size_t select_from(std::vector<std::unique_ptr<pirn::channel<int>>>& from,
                        std::index_sequence<Index...> /*all*/) {
    return pirn::select(on(from[Index]->receiving(), number<Index>{})...);
}

TEST(selects_of_many_cases, call_the_function_of_the_one_that_is_ready) {
    constexpr std::size_t cases = 300;
    std::vector<std::unique_ptr<pirn::channel<int>>> channels;
    for (std::size_t i = 0; i < cases; ++i) {
        channels.push_back(std::make_unique<pirn::channel<int>>(1));
    }
    for (const std::size_t which : {std::size_t{0}, std::size_t{1}, cases / 2, cases - 1}) {
        channels[which]->send(1);
        EXPECT_EQ(select_from(channels, std::make_index_sequence<cases>{}), which);
    }
}

} // namespace
