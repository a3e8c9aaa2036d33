// SPDX-License-Identifier: MIT
//
// What many stacks cost, lent out together and given back in random order: see support/growth.hpp.
#include "support/growth.hpp"

#include <pirn/stack/slab.hpp>
#include <pirn/stack/sources.hpp>
#include <pirn/stack/stack.hpp>

#include "stack/areas.hpp"

#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

namespace {

constexpr std::size_t stack_size = std::size_t{16} * 1024;

// All at once, touched where a coroutine begins, and back in random order.
void lend_and_give_back(pirn::stack_source& source, std::size_t n) {
    std::vector<pirn::stack> lent;
    lent.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
        lent.push_back(source.allocate(stack_size));
        lent.back().memory.back() = std::byte{1};
    }
    for (const std::size_t i : support::shuffled(n)) source.deallocate(lent[i]);
}

// Two or three mappings each, of 65,530 that the kernel allows.
TEST(growth, mapped_stacks_given_back_in_random_order) {
    support::expect_linear(200, [](std::size_t n) {
        pirn::mapped_stack_source source;
        lend_and_give_back(source, n);
    });
}

// With those that a thread keeps for reuse, which would make the first thousand cheaper than the others.
TEST(growth, default_stacks_given_back_in_random_order) {
    support::expect_linear(500, [](std::size_t n) {
        lend_and_give_back(pirn::default_stack_source(), n);
        pirn::trim_default_stacks();
    });
}

TEST(growth, slab_stacks_given_back_in_random_order) {
    support::expect_linear(1000, [](std::size_t n) {
        pirn::slab_stack_source source{{.stack_size = stack_size}};
        lend_and_give_back(source, n);
    });
}

TEST(growth, pooled_stacks_given_back_in_random_order) {
    support::expect_linear(1000, [](std::size_t n) {
        pirn::slab_stack_source slab{{.stack_size = stack_size}};
        pirn::pooled_stack_source source{slab, stack_size};
        lend_and_give_back(source, n);
    });
}

// Areas as far apart as mapped stacks of 256 KiB are. The addresses are numbers: nothing is read there.
TEST(growth, table_of_areas) {
    support::expect_linear(4000, [](std::size_t n) {
        constexpr std::size_t distance = std::size_t{320} * 1024;
        const auto low = [](std::size_t i) {
            return reinterpret_cast<std::byte*>((std::size_t{1} << 45U) + i * distance);
        };
        for (std::size_t i = 0; i < n; ++i) {
            pirn::detail::list_area({low(i), distance, distance, 0, nullptr});
        }
        for (const std::size_t i : support::shuffled(n)) pirn::detail::unlist_area(low(i));
    });
}

} // namespace
