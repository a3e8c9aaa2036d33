// SPDX-License-Identifier: MIT
//
// The table where a debugger finds the stacks: what each source writes down, and that nothing of it stays.
#include "stack/areas.hpp"

#include <pirn/stack/slab.hpp>
#include <pirn/stack/sources.hpp>

#include <array>
#include <cstddef>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace {

using pirn::detail::stack_area;

const stack_area* find(const std::byte* low) {
    const pirn_stack_area_table& table = pirn_stack_areas;
    for (std::size_t i = 0; i < table.capacity; ++i) {
        if (table.entries[i].low == low) {
            return &table.entries[i];
        }
    }
    return nullptr;
}

class areas : public testing::Test {
  protected:
    void TearDown() override {
        EXPECT_EQ(pirn_stack_areas.count, before_);
        EXPECT_EQ(pirn_stack_areas.unlisted, 0U);
    }

  private:
    const std::size_t before_ = pirn_stack_areas.count;
};

TEST_F(areas, have_each_mapped_stack_while_it_is_there) {
    pirn::mapped_stack_source source;
    const pirn::stack lent = source.allocate(8192);
    std::byte* const low = lent.memory.data() - lent.guard_size;
    const stack_area* const found = find(low);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->size, lent.memory.size() + lent.guard_size);
    EXPECT_EQ(found->stride, found->size);
    EXPECT_EQ(found->guard, lent.guard_size);
    source.deallocate(lent);
    EXPECT_EQ(find(low), nullptr);
}

TEST_F(areas, have_a_slab_and_how_far_it_was_used) {
    pirn::slab_stack_source slab{{.stack_size = 4096, .max_stacks = 10, .guard_size = 4096}};
    const pirn::stack first = slab.allocate(4096);
    const pirn::stack second = slab.allocate(4096);
    const stack_area* const found = find(first.memory.data() - first.guard_size);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->size, std::size_t{10} * 8192);
    EXPECT_EQ(found->stride, 8192U);
    EXPECT_EQ(*found->fresh, second.memory.data() + second.memory.size());
    slab.deallocate(first);
    slab.deallocate(second);
}

TEST_F(areas, have_the_callers_slots) {
    alignas(16) std::array<std::byte, std::size_t{3} * 1024 + 100> memory;
    {
        const pirn::fixed_stack_source fixed{memory, 1024};
        const stack_area* const found = find(memory.data());
        ASSERT_NE(found, nullptr);
        EXPECT_EQ(found->size, std::size_t{3} * 1024);
        EXPECT_EQ(found->stride, 1024U);
    }
    EXPECT_EQ(find(memory.data()), nullptr);
    const pirn::fixed_stack_source nothing{std::span{memory}.first(16), 1024};
    EXPECT_EQ(find(memory.data()), nullptr);
}

// Comes and goes in such an order that entries stand behind others that are gone: none may be lost by that.
TEST_F(areas, are_all_there_while_the_table_grows_and_shrinks) {
    const std::size_t capacity = pirn_stack_areas.capacity;
    std::set<std::byte*> there;
    std::vector<std::byte> memory(64 * 3000); // only addresses
    std::uint32_t random = 1;
    const auto expect_all = [&] {
        for (std::byte* low : there) {
            const stack_area* const found = find(low);
            ASSERT_NE(found, nullptr);
            ASSERT_EQ(found->size, static_cast<std::size_t>(low - memory.data()));
        }
    };
    const auto change = [&](bool come) {
        random = random * 1664525 + 1013904223;
        std::byte* const low = memory.data() + std::size_t{64} * (random / 65536 % 3000);
        if (come && there.insert(low).second) {
            pirn::detail::list_area(
                {low, static_cast<std::size_t>(low - memory.data()), 1, 0, nullptr});
        } else if (!come && !there.empty()) {
            const auto next = there.lower_bound(low);
            std::byte* const goes = next == there.end() ? *there.begin() : *next;
            there.erase(goes);
            pirn::detail::unlist_area(goes);
        }
    };
    for (int i = 0; i < 4000; ++i) {
        change(i % 3 != 0);
        if (i % 100 == 0) {
            expect_all();
        }
    }
    expect_all();
    EXPECT_GT(pirn_stack_areas.capacity, capacity);
    while (!there.empty()) {
        change(false);
        if (there.size() % 100 == 0) {
            expect_all();
        }
    }
    EXPECT_EQ(pirn_stack_areas.capacity, capacity);
    pirn::detail::unlist_area(memory.data()); // what is not there does no harm
}

} // namespace
