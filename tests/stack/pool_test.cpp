// SPDX-License-Identifier: MIT
//
// The pooled stack source: what it keeps, what it passes on, and what it wipes.
#include <pirn/stack/sources.hpp>

#include "stack/counting_source.hpp"
#include "stack/expectations.hpp"
#include "support/child.hpp"
#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <algorithm>
#include <cstdint>
#include <new>
#include <vector>

#include <gtest/gtest.h>

namespace {

class pooled_source : public testing::Test {
  protected:
    void TearDown() override { EXPECT_EQ(below_.lent, 0); }
    counting_source below_;
};

TEST_F(pooled_source, gives_the_same_stack_again) {
    pirn::pooled_stack_source pool{below_, slot};
    const pirn::stack a = pool.allocate(slot);
    const pirn::stack b = pool.allocate(slot);
    EXPECT_FALSE(overlap(a, b));
    EXPECT_EQ(pool.kept(), 0U);
    pool.deallocate(a);
    pool.deallocate(b);
    EXPECT_EQ(pool.kept(), 2U);
    const pirn::stack first = pool.allocate(slot);
    EXPECT_EQ(first.memory.data(), b.memory.data()) << "the last one is the warmest";
    EXPECT_EQ(first.memory.size(), b.memory.size());
    EXPECT_EQ(first.guard_size, b.guard_size);
    const pirn::stack second = pool.allocate(slot);
    EXPECT_EQ(second.memory.data(), a.memory.data());
    EXPECT_EQ(below_.asked, 2);
    pool.deallocate(first);
    pool.deallocate(second);
}

TEST_F(pooled_source, asks_below_only_for_as_many_as_are_in_use_at_once) {
    pirn::pooled_stack_source pool{below_, slot};
    for (int round = 0; round < 100; ++round) {
        const pirn::stack a = pool.allocate(slot);
        const pirn::stack b = pool.allocate(slot);
        expect_usable(a, slot);
        expect_usable(b, slot);
        pool.deallocate(a);
        pool.deallocate(b);
    }
    EXPECT_EQ(below_.asked, 2);
}

TEST_F(pooled_source, keeps_no_more_than_it_was_told) {
    pirn::pooled_stack_source pool{below_, slot, 3};
    std::vector<pirn::stack> lent;
    for (int i = 0; i < 5; ++i) {
        lent.push_back(pool.allocate(slot));
    }
    for (const pirn::stack& one : lent) {
        pool.deallocate(one);
    }
    EXPECT_EQ(pool.kept(), 3U);
    EXPECT_EQ(below_.lent, 3);
    pirn::pooled_stack_source none{below_, slot, 0};
    none.deallocate(none.allocate(slot));
    EXPECT_EQ(none.kept(), 0U);
}

TEST_F(pooled_source, hands_other_sizes_through) {
    pirn::pooled_stack_source pool{below_, slot};
    const pirn::stack large = pool.allocate(10 * slot);
    expect_usable(large, 10 * slot);
    pool.deallocate(large);
    EXPECT_EQ(pool.kept(), 0U) << "too large to be wasted on small wishes";
    const pirn::stack small = pool.allocate(100);
    expect_usable(small, slot);
    pool.deallocate(small);
    EXPECT_EQ(pool.kept(), 1U) << "a small wish got a whole stack";
    EXPECT_EQ(pool.allocate(slot).memory.data(), small.memory.data());
    pool.deallocate(small);
}

TEST_F(pooled_source, does_not_take_a_small_stack_for_its_own) {
    pirn::pooled_stack_source pool{below_, slot};
    const pirn::stack small = below_.allocate(page);
    pool.deallocate(small);
    EXPECT_EQ(pool.kept(), 0U);
}

TEST_F(pooled_source, wipes_what_it_lends_again_when_told) {
    pirn::mapped_stack_source mapped;
    support::raw_memory memory{4 * slot};
    pirn::fixed_stack_source fixed{memory.all(), slot};
    for (pirn::stack_source* below :
         {static_cast<pirn::stack_source*>(&mapped), static_cast<pirn::stack_source*>(&fixed)}) {
        pirn::pooled_stack_source pool{*below, {.size = slot, .keep = 1, .wipe = true}};
        const pirn::stack kept = pool.allocate(slot);
        const pirn::stack beyond = pool.allocate(slot);
        expect_usable(kept, slot); // which fills it
        expect_usable(beyond, slot);
        pool.deallocate(kept);
        const auto zeros = [](const pirn::stack& one, std::size_t link) {
            return std::all_of(one.memory.begin(), one.memory.end() - static_cast<long>(link),
                               [](std::byte b) { return b == std::byte{0}; });
        };
        const pirn::stack again = pool.allocate(slot);
        ASSERT_EQ(again.memory.data(), kept.memory.data());
        EXPECT_TRUE(zeros(again, 0));
        pool.deallocate(again);
        pool.deallocate(beyond); // to the source below, since one is kept already
        if (below == &fixed) {
            EXPECT_TRUE(zeros(beyond, sizeof(void*))) << "but for the link of the source below";
        }
    }
}

TEST_F(pooled_source, does_not_wipe_unless_told) {
    pirn::pooled_stack_source pool{below_, slot};
    const pirn::stack one = pool.allocate(slot);
    expect_usable(one, slot);
    pool.deallocate(one);
    EXPECT_EQ(one.memory[0], std::byte{0xa5});
}

TEST_F(pooled_source, gives_all_below_when_trimmed) {
    pirn::pooled_stack_source pool{below_, slot};
    const pirn::stack a = pool.allocate(slot);
    const pirn::stack b = pool.allocate(slot);
    pool.deallocate(a);
    pool.deallocate(b);
    pool.trim();
    EXPECT_EQ(pool.kept(), 0U);
    EXPECT_EQ(below_.lent, 0);
    pool.trim();
    pool.deallocate(pool.allocate(slot));
    EXPECT_EQ(pool.kept(), 1U);
}

// Lends out so many at once and takes them back.
void wave(pirn::stack_source& source, int height) {
    std::vector<pirn::stack> lent;
    for (int i = 0; i < height; ++i) {
        lent.push_back(source.allocate(slot));
    }
    for (const pirn::stack& one : lent) {
        source.deallocate(one);
    }
}

TEST_F(pooled_source, follows_the_demand_down) {
    pirn::pooled_stack_source pool{below_, slot};
    wave(pool, 500);
    ASSERT_GT(pool.kept(), 400U);
    for (int round = 0; round < 1'000'000 && pool.kept() > 3; ++round) {
        wave(pool, 3);
    }
    EXPECT_EQ(pool.kept(), 3U) << "as many as the demand is now";
    const int asked = below_.asked;
    for (int round = 0; round < 10'000; ++round) {
        wave(pool, 3);
    }
    EXPECT_EQ(below_.asked, asked) << "and those are enough";
}

TEST_F(pooled_source, keeps_what_comes_and_goes_in_waves) {
    pirn::pooled_stack_source pool{below_, slot};
    for (int round = 0; round < 10; ++round) {
        wave(pool, 900);
    }
    const int asked = below_.asked;
    for (int round = 0; round < 100; ++round) {
        wave(pool, 900);
    }
    EXPECT_LE(below_.asked - asked, 100 * 900 / 1000) << "one in a thousand, at most";
}

TEST_F(pooled_source, keeps_what_is_wanted_now_more_and_now_less) {
    pirn::pooled_stack_source pool{below_, slot};
    int returned = 0;
    while (returned < 200'000) { // as in a tree of tasks: mostly few for a while, and then many
        for (int round = 0; round < 50; ++round) {
            wave(pool, 20);
        }
        wave(pool, 60);
        returned += 50 * 20 + 60;
    }
    EXPECT_LE(below_.asked, 64 + returned / 4000) << "one in four thousand, once there are enough";
}

TEST_F(pooled_source, passes_on_a_refusal_and_serves_what_it_keeps) {
    pirn::pooled_stack_source pool{below_, slot};
    pool.deallocate(pool.allocate(slot));
    below_.refuses = true;
    const pirn::stack kept = pool.allocate(slot);
    EXPECT_THROW(pool.allocate(slot), std::bad_alloc);
    EXPECT_THROW(pool.allocate(10 * slot), std::bad_alloc);
    pool.deallocate(kept);
    EXPECT_EQ(pool.kept(), 1U);
}

} // namespace
