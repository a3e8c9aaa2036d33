// SPDX-License-Identifier: MIT
//
// How much of its stack a coroutine has used, seen from outside and inside, and the account of all of them.
#include <pirn/stack/usage.hpp>

#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/current.hpp>
#include <pirn/coro/reclaim.hpp>
#include <pirn/stack/slab.hpp>

#include "coro/deep.hpp"
#include "os/residency.hpp"
#include "support/account.hpp"
#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace pirn {

inline void PrintTo(stack_precision by, std::ostream* out) {
    *out << (by == stack_precision::page ? "page" : "byte");
}

} // namespace pirn

namespace {

bool kernel_tells() { return pirn::os::way_to_page_map() != pirn::os::page_map_way::none; }

// What a coroutine and the frames around use_stack take themselves, in whatever build.
constexpr std::size_t own_use = support::under_sanitizer || support::by_ucontext ? 16384 : 4096;

// ---- To the byte

class usage_on_each_stack : public support::on_each_stack {};
INSTANTIATE_TEST_SUITE_P(on, usage_on_each_stack, support::every_stack_kind(), support::name_of);

TEST_P(usage_on_each_stack, is_exact_where_it_is_measured) {
    pirn::coroutine_options options = stack();
    options.measure = true;
    pirn::coroutine<> uses{options, [](auto& self) {
                               for (const std::size_t bytes : {10'000U, 60'000U, 5'000U}) {
                                   use_stack(bytes);
                                   self.suspend();
                               }
                           }};
    const auto fresh = uses.stack_used();
    ASSERT_TRUE(fresh);
    EXPECT_LE(*fresh, own_use) << "the control block";
    EXPECT_GT(*fresh, 100U);
    std::vector<std::size_t> seen;
    while (uses.resume()) {
        seen.push_back(*uses.stack_used());
    }
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_GE(seen[0], 10'000U);
    EXPECT_LE(seen[0], 10'000U + own_use);
    EXPECT_GE(seen[1], 60'000U);
    EXPECT_LE(seen[1], 60'000U + own_use);
    EXPECT_EQ(seen[2], seen[1]) << "it is the high-water mark";
    EXPECT_EQ(*uses.stack_used(), seen[1]) << "also when it is done";
}

TEST_P(usage_on_each_stack, differs_by_what_was_used) {
    const auto used_by = [&](std::size_t bytes) {
        pirn::coroutine_options options = stack();
        options.measure = true;
        pirn::coroutine<> uses{options, [bytes] { use_stack(bytes); }};
        uses.resume();
        return *uses.stack_used();
    };
    // Two stacks may have their tops at different offsets of a page.
    EXPECT_NEAR(static_cast<double>(used_by(20'000 + 16384) - used_by(20'000)), 16384, 1024);
}

TEST_P(usage_on_each_stack, is_all_of_it_where_the_stack_was_used_up) {
    pirn::coroutine_options options = stack();
    options.measure = true;
    pirn::coroutine<> uses{options, [] { use_stack(pirn::remaining_stack() - 1024); }};
    uses.resume();
    EXPECT_GE(*uses.stack_used(), stack_size - 2048);
}

TEST_P(usage_on_each_stack, is_known_from_inside) {
    pirn::coroutine_options options = stack();
    options.measure = true;
    pirn::coroutine<> uses{options, [] {
                               use_stack(30'000);
                               const auto used = pirn::current()->stack_used();
                               ASSERT_TRUE(used);
                               EXPECT_GE(*used, 30'000U);
                               EXPECT_LE(*used, 30'000U + own_use);
                           }};
    uses.resume();
}

TEST_P(usage_on_each_stack, without_measuring_is_by_the_page_or_unknown) {
    pirn::coroutine<> uses{stack(), [](auto& self) {
                               use_stack(50'000);
                               self.suspend();
                           }};
    uses.resume();
    const auto used = uses.stack_used();
    const bool callers = GetParam() == support::stack_kind::callers_memory ||
                         GetParam() == support::stack_kind::fixed;
    ASSERT_EQ(used.has_value(), !callers && kernel_tells());
    if (used) {
        EXPECT_GE(*used, 50'000U);
        EXPECT_EQ(*used % page, 0U);
    }
}

// ---- By the page

class usage : public support::balanced<> {
  protected:
    usage() { pirn::forget_stack_sites(); }
    ~usage() override {
        pirn::measure_stacks(false);
        pirn::forget_stack_sites();
    }
};

TEST_F(usage, of_a_moved_from_coroutine_is_nothing) {
    pirn::coroutine<> one{[] {}};
    const pirn::coroutine<> other{std::move(one)};
    EXPECT_FALSE(one.stack_used()); // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(other.ref().stack_used(), other.stack_used());
}

TEST_F(usage, by_the_page_is_close) {
    if (!kernel_tells()) {
        GTEST_SKIP() << "this kernel does not tell";
    }
    pirn::mapped_stack_source mapped;
    pirn::coroutine<> uses{{.stacks = &mapped}, [](auto& self) {
                               self.suspend();
                               use_stack(100'000);
                               self.suspend();
                           }};
    uses.resume();
    EXPECT_LE(*uses.stack_used(), own_use + page);
    uses.resume();
    EXPECT_GE(*uses.stack_used(), 100'000U);
    EXPECT_LE(*uses.stack_used(), 100'000U + own_use + page);
}

// ---- The account

const pirn::stack_site* site_of(const std::vector<pirn::stack_site>& all, unsigned line) {
    const auto found =
        std::find_if(all.begin(), all.end(), [line](const auto& one) { return one.line == line; });
    return found == all.end() ? nullptr : &*found;
}

TEST_F(usage, is_not_counted_unless_it_is_wanted) {
    {
        pirn::coroutine<> one{[] {}};
        one.resume();
    }
    EXPECT_TRUE(pirn::stack_sites().empty());
    // By option, without turning it on for all.
    {
        pirn::coroutine<> one{{.measure = true}, [] {}};
    }
    EXPECT_EQ(pirn::stack_sites().size(), 1U);
}

class usage_account : public usage, public testing::WithParamInterface<pirn::stack_precision> {};
INSTANTIATE_TEST_SUITE_P(by, usage_account,
                         testing::Values(pirn::stack_precision::page, pirn::stack_precision::byte),
                         [](const testing::TestParamInfo<pirn::stack_precision>& by) {
                             return by.param == pirn::stack_precision::page ? "page" : "byte";
                         });

TEST_P(usage_account, has_each_coroutine_that_ended_by_its_place) {
    pirn::measure_stacks(true, GetParam());
    const unsigned modest_line = __LINE__ + 3;
    for (int i = 0; i < 200; ++i) {
        // One of a hundred goes deep.
        pirn::coroutine<> modest{[i] { use_stack(i % 100 == 50 ? 100'000 : 6'000); }};
        modest.resume();
    }
    const auto goes_deep = [](auto& self) {
        use_stack(150'000);
        self.suspend();
    };
    const unsigned greedy_line = __LINE__ + 1;
    pirn::coroutine<> greedy{{.name = "greedy"}, goes_deep};
    greedy.resume();
    EXPECT_EQ(site_of(pirn::stack_sites(), greedy_line), nullptr) << "it has not ended";
    {
        const pirn::coroutine<> ended{std::move(greedy)};
    }
    pirn::measure_stacks(false);
    {
        pirn::coroutine<> not_counted{[] {}};
    }

    const auto all = pirn::stack_sites();
    ASSERT_EQ(all.size(), 2U);
    const pirn::stack_site* modest = site_of(all, modest_line);
    ASSERT_NE(modest, nullptr);
    EXPECT_EQ(modest->coroutines, 200U);
    // The stacks were reused after the deep one, and must not count its use for their own.
    EXPECT_GE(modest->p99, 6'000U);
    EXPECT_LE(modest->median, (6'000U + own_use + page) * 9 / 8 + 64);
    EXPECT_LE(modest->p99, (6'000U + own_use + page) * 9 / 8 + 64);
    EXPECT_GE(modest->most, 100'000U);
    EXPECT_EQ(modest->stack_size, pirn::default_stack_size);
    EXPECT_EQ(modest->recommended, 262'144U);
    const pirn::stack_site* greedy_site = site_of(all, greedy_line);
    ASSERT_NE(greedy_site, nullptr);
    EXPECT_EQ(greedy_site->coroutines, 1U);
    EXPECT_GE(greedy_site->most, 150'000U);
    if (kernel_tells()) {
        EXPECT_EQ(modest->precision, GetParam());
    }
    EXPECT_NE(pirn::stack_report().find("p99 of 200 coroutines from "), std::string::npos);
}

TEST_P(usage_account, is_right_on_unguarded_stacks_of_a_slab) {
    pirn::measure_stacks(true, GetParam());
    pirn::slab_stack_source slab{{.stack_size = 128 * 1024, .guard_size = 0}};
    for (const std::size_t bytes : {100'000U, 10'000U}) {
        pirn::coroutine<> uses{{.stack_size = 128 * 1024, .stacks = &slab, .where = {}},
                               [bytes] { use_stack(bytes); }};
        uses.resume();
        EXPECT_GE(*uses.stack_used(), bytes);
        EXPECT_LE(*uses.stack_used(), bytes + own_use + page);
    }
}

TEST_P(usage_account, tells_small_stacks_and_the_callers_memory_by_the_byte) {
    pirn::measure_stacks(true, GetParam());
    const support::raw_memory memory{std::size_t{64} * 1024};
    pirn::coroutine<> uses{{.memory = memory.all()}, [] { use_stack(10'000); }};
    uses.resume();
    EXPECT_GE(*uses.stack_used(), 10'000U);
    EXPECT_LE(*uses.stack_used(), 10'000U + own_use);
}

TEST_P(usage_account, remembers_what_was_used_before_pages_were_given_back) {
    SKIP_WHEN(support::by_ucontext, "nothing is given back with the portable switch");
    pirn::measure_stacks(true, GetParam());
    pirn::coroutine<> uses{[](auto& self) {
        use_stack(100'000);
        self.suspend();
        use_stack(20'000);
        self.suspend();
    }};
    uses.resume();
    const auto before = uses.stack_used();
    EXPECT_GT(pirn::reclaim(uses.ref()), 80'000U);
    if (!kernel_tells()) {
        EXPECT_FALSE(uses.stack_used().has_value()) << "the paint went with the pages";
        return;
    }
    EXPECT_GE(*uses.stack_used(), *before);
    EXPECT_LE(*uses.stack_used(), *before + 16);
    uses.resume();
    EXPECT_LE(*uses.stack_used(), *before + 16);
}

TEST_P(usage_account, is_shared_by_threads) {
    pirn::measure_stacks(true, GetParam());
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([] {
            for (int j = 0; j < 100; ++j) {
                pirn::coroutine<> one{[] { use_stack(1000); }};
                one.resume();
            }
        });
    }
    for (std::thread& one : threads) {
        one.join();
    }
    ASSERT_EQ(pirn::stack_sites().size(), 1U);
    EXPECT_EQ(pirn::stack_sites()[0].coroutines, 400U);
}

} // namespace
