// SPDX-License-Identifier: MIT
//
// How much of a stack was used, and the account of it by place. What coroutines make of it: tests/coro.
#include <pirn/stack/usage.hpp>

#include <pirn/stack/slab.hpp>
#include <pirn/stack/sources.hpp>

#include "os/residency.hpp"
#include "stack/expectations.hpp"
#include "stack/measure.hpp"
#include "support/child.hpp"
#include "support/forbid.hpp"
#include "support/misuse.hpp"
#include "support/stacks.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <map>
#include <source_location>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/syscall.h>

namespace {

using pirn::stack_precision;
using pirn::stack_usage;

// ---- By the page

class usage_by_page : public testing::Test {
  protected:
    void SetUp() override {
        if (pirn::os::way_to_page_map() == pirn::os::page_map_way::none) {
            GTEST_SKIP() << "this kernel does not tell";
        }
    }
};

// A stack of a mapping of its own.
class owned {
  public:
    explicit owned(std::size_t guard, std::size_t size = 16 * page)
        : source_{guard}, it{source_.allocate(size)} {}
    ~owned() { source_.deallocate(it); }
    owned(const owned&) = delete;
    owned& operator=(const owned&) = delete;

    // Writes so many bytes below the high end.
    void touch(std::size_t bytes) const { it.memory[it.memory.size() - bytes] = mark; }

  private:
    pirn::mapped_stack_source source_;

  public:
    const pirn::stack it;
};

std::optional<stack_usage> pages(std::size_t count) {
    return stack_usage{count * page, stack_precision::page};
}

TEST_F(usage_by_page, is_from_the_lowest_touched_page_to_the_high_end) {
    const owned one{page};
    EXPECT_EQ(pirn::stack_usage_of(one.it), pages(0));
    one.touch(1);
    EXPECT_EQ(pirn::stack_usage_of(one.it), pages(1));
    one.touch(page + 1);
    EXPECT_EQ(pirn::stack_usage_of(one.it), pages(2));
    one.touch(7 * page);
    EXPECT_EQ(pirn::stack_usage_of(one.it), pages(7)) << "though pages between were not touched";
    one.touch(16 * page);
    EXPECT_EQ(pirn::stack_usage_of(one.it), pages(16));
}

TEST_F(usage_by_page, does_not_take_the_canary_for_use) {
    const owned one{0};
    ASSERT_EQ(one.it.guard_size, 0U);
    std::fill_n(one.it.memory.data(), 8, mark);
    EXPECT_EQ(pirn::stack_usage_of(one.it), pages(0));
    one.touch(100);
    EXPECT_EQ(pirn::stack_usage_of(one.it), pages(1));
    one.touch(15 * page);
    EXPECT_EQ(pirn::stack_usage_of(one.it), pages(15)) << "the page next to the canary's";
    one.touch(15 * page + 80);
    EXPECT_EQ(pirn::stack_usage_of(one.it), (stack_usage{15 * page + 80, stack_precision::page}));
}

TEST_F(usage_by_page, of_a_whole_slab_is_one_question) {
    pirn::slab_stack_source slab{{.stack_size = 4 * page, .guard_size = page}};
    std::vector<pirn::stack> all;
    for (std::size_t i = 0; i < 1000; ++i) {
        all.push_back(slab.allocate(4 * page));
    }
    std::vector<stack_usage> expected;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const std::size_t used = i % 5;
        if (used != 0) {
            all[i].memory[(4 - used) * page] = mark;
        }
        expected.push_back({used * page, stack_precision::page});
    }
    std::vector<stack_usage> found(all.size());
    EXPECT_TRUE(pirn::stack_usage_of(all, found));
    EXPECT_EQ(found, expected);
    // In another order it takes longer.
    std::reverse(all.begin(), all.end());
    std::reverse(expected.begin(), expected.end());
    EXPECT_TRUE(pirn::stack_usage_of(all, found));
    EXPECT_EQ(found, expected);
    for (const pirn::stack& one : all) {
        slab.deallocate(one);
    }
}

TEST_F(usage_by_page, of_unguarded_stacks_beside_each_other_is_kept_apart) {
    pirn::slab_stack_source slab{{.stack_size = 4 * page, .guard_size = 0}};
    std::vector<pirn::stack> all;
    for (std::size_t i = 0; i < 100; ++i) {
        all.push_back(slab.allocate(4 * page));
        all[i].memory[0] = mark; // as if it were a canary
        all[i].memory[(3 - i % 3) * page + 5] = mark;
    }
    std::vector<stack_usage> found(all.size());
    EXPECT_TRUE(pirn::stack_usage_of(all, found));
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(found[i].bytes, (1 + i % 3) * page) << i;
        slab.deallocate(all[i]);
    }
}

TEST_F(usage_by_page, is_unknown_where_pages_are_shared) {
    pirn::slab_stack_source slab{{.stack_size = 1024, .guard_size = 0}};
    const pirn::stack a = slab.allocate(1024);
    const pirn::stack b = slab.allocate(1024);
    EXPECT_FALSE(pirn::stack_usage_of(b));
    slab.deallocate(a);
    slab.deallocate(b);
}

TEST_F(usage_by_page, is_unknown_where_the_kernel_does_not_tell) {
    const owned one{page};
    one.touch(1);
    const auto end = support::in_child([&] {
        if (!support::forbid({SYS_openat}, support::fail_with(EACCES))) {
            ::_exit(0);
        }
        ::_exit(pirn::stack_usage_of(one.it) ? 1 : 0);
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
}

TEST_F(usage_by_page, wants_a_place_for_each_answer) {
    const owned one{page};
    stack_usage used;
    EXPECT_TRUE(support::complains([&] { pirn::stack_usage_of({&one.it, 1}, {&used, 0}); },
                                   "one place for each", "places=0"));
}

// ---- By the byte

TEST(paint, is_found_up_to_the_first_word_that_changed) {
    support::raw_memory memory{8000};
    const std::span<std::byte> all = memory.all();
    pirn::detail::paint(all);
    EXPECT_EQ(pirn::detail::painted(all), all.size());
    all[4007] = std::byte{0};
    EXPECT_EQ(pirn::detail::painted(all), 4000U);
    all[16] = std::byte{0};
    EXPECT_EQ(pirn::detail::painted(all), 16U);
    EXPECT_EQ(pirn::detail::painted(all.subspan(24)), 4000U - 24);
    EXPECT_EQ(pirn::detail::painted(all.first(0)), 0U);
}

// ---- By place

class usage_by_place : public testing::Test {
  protected:
    usage_by_place() { pirn::forget_stack_sites(); }
    ~usage_by_place() override { pirn::forget_stack_sites(); }

    static void record(std::size_t bytes, std::size_t size = std::size_t{256} * 1024,
                       std::source_location where = std::source_location::current()) {
        pirn::detail::record_stack(where.file_name(), where.line(), {bytes, stack_precision::page},
                                   size);
    }
};

TEST_F(usage_by_place, is_empty_at_the_beginning) {
    EXPECT_TRUE(pirn::stack_sites().empty());
    EXPECT_EQ(pirn::stack_report(), "");
}

TEST_F(usage_by_place, counts_each_place_by_itself_and_the_busiest_first) {
    const unsigned line = __LINE__;
    record(8192);
    for (int i = 0; i < 3; ++i) {
        record(4096);
    }
    const auto sites = pirn::stack_sites();
    ASSERT_EQ(sites.size(), 2U);
    EXPECT_EQ(sites[0].line, line + 3);
    EXPECT_EQ(sites[0].coroutines, 3U);
    EXPECT_EQ(sites[0].most, 4096U);
    EXPECT_EQ(sites[1].line, line + 1);
    EXPECT_EQ(sites[1].most, 8192U);
    EXPECT_NE(sites[1].file.find("usage_test.cpp"), std::string::npos);
}

TEST_F(usage_by_place, p99_is_what_one_of_a_hundred_exceeds) {
    const auto here = std::source_location::current();
    for (int i = 0; i < 990; ++i) {
        record(8192, 262144, here);
    }
    for (int i = 0; i < 10; ++i) {
        record(100'000, 262144, here);
    }
    EXPECT_EQ(pirn::stack_sites()[0].p99, 8192U + 960) << "the end of its bucket";
    EXPECT_EQ(pirn::stack_sites()[0].median, 8192U + 960);
    EXPECT_EQ(pirn::stack_sites()[0].most, 100'000U);
    record(100'000, 262144, here);
    EXPECT_EQ(pirn::stack_sites()[0].p99, 100'000U) << "the most, though its bucket goes further";
}

TEST_F(usage_by_place, percentiles_are_at_most_an_eighth_too_high_and_never_too_low) {
    constexpr bool is_wide = std::numeric_limits<std::size_t>::digits == 64;
    constexpr std::size_t highest = std::size_t{1} << (is_wide ? 36 : 30);
    for (std::size_t bytes = 1; bytes < highest; bytes += bytes / 13 + 1) {
        pirn::forget_stack_sites();
        record(bytes, 0, {});
        record(bytes, 0, {});
        record(2 * highest, 0, {});
        const std::size_t median = pirn::stack_sites()[0].median;
        ASSERT_GE(median, bytes);
        ASSERT_LE(median, bytes + bytes / 8 + 64) << bytes;
    }
}

TEST_F(usage_by_place, recommends_the_most_and_half_of_it_again_as_a_power_of_two) {
    const std::map<std::size_t, std::size_t> expected{
        {0, 4096},         {300, 4096},
        {2730, 4096},      {2732, 8192},
        {4096, 8192},      {8192, 16384},
        {10000, 16384},    {11000, 32768},
        {100'000, 262144}, {~std::size_t{0}, ~(~std::size_t{0} >> 1)}};
    for (const auto& [most, recommended] : expected) {
        pirn::forget_stack_sites();
        record(most);
        EXPECT_EQ(pirn::stack_sites()[0].recommended, recommended) << most;
    }
}

TEST_F(usage_by_place, is_told_in_one_line_for_each_place) {
    const unsigned line = __LINE__ + 2;
    for (int i = 0; i < 12'000; ++i) {
        record(8192);
    }
    record(2000, 1024 * 1024, {});
    EXPECT_EQ(pirn::stack_report(),
              "p99 of 12,000 coroutines from " __FILE__ ":" + std::to_string(line) +
                  " used 8 KiB of 256 KiB, the most 8 KiB; 16 KiB would do\n"
                  "p99 of 1 coroutine from an unknown place used 2 KiB of 1 MiB, the most 2 KiB; "
                  "4 KiB would do\n");
}

TEST_F(usage_by_place, keeps_a_bounded_number_of_places_apart) {
    for (unsigned line = 1; line <= 3000; ++line) {
        pirn::detail::record_stack("made_up.cpp", line, {100, stack_precision::byte}, 4096);
    }
    const auto sites = pirn::stack_sites();
    EXPECT_EQ(sites.size(), 1025U);
    EXPECT_EQ(sites[0].coroutines, 3000U - 1024) << "the rest, counted together";
    EXPECT_EQ(sites[0].file, "");
}

TEST_F(usage_by_place, is_counted_by_many_threads_at_once) {
    const auto here = std::source_location::current();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (std::size_t j = 0; j < 1000; ++j) {
                record(j, 4096, here);
            }
        });
    }
    for (std::thread& one : threads) {
        one.join();
    }
    ASSERT_EQ(pirn::stack_sites().size(), 1U);
    EXPECT_EQ(pirn::stack_sites()[0].coroutines, 4000U);
    EXPECT_EQ(pirn::stack_sites()[0].most, 999U);
}

} // namespace
