// SPDX-License-Identifier: MIT
//
// A million coroutines at once, each on a guarded stack of its own: what they cost in memory and in
// mappings, and that they all work. A program of its own, because it takes seconds and 4 GB.
#include <pirn/coro/coroutine.hpp>
#include <pirn/stack/slab.hpp>

#include "support/account.hpp"
#include "support/memory.hpp"
#include "support/sanitizers.hpp"

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

constexpr std::size_t million = 1'000'000;

std::size_t available_memory() {
    std::ifstream file{"/proc/meminfo"};
    for (std::string key; file >> key;) {
        if (std::size_t kilobytes = 0; key == "MemAvailable:" && file >> kilobytes) {
            return kilobytes * 1024;
        }
    }
    return 0;
}

class a_million : public support::balanced<testing::TestWithParam<std::size_t>> {};

TEST_P(a_million, coroutines_of_a_page_take_little_more_than_a_page_each) {
    SKIP_WHEN(support::under_sanitizer, "a fiber of a sanitizer takes far more than a page");
    SKIP_WHEN(support::by_ucontext, "the control block of the portable switch is two kilobytes");
    if (available_memory() < std::size_t{6} << 30) {
        GTEST_SKIP() << "needs 6 GiB of memory";
    }
    const std::size_t guard = GetParam();
    if (guard != 0 && !support::kernel_marks_guards()) {
        GTEST_SKIP() << "this kernel has no guards without mappings";
    }
    const std::size_t resident_before = support::resident_memory();
    pirn::slab_stack_source source{
        {.stack_size = 4096, .max_stacks = million, .guard_size = guard}};
    std::vector<pirn::coroutine<std::uint32_t>> all;
    all.reserve(million);
    // Told to end instead of being unwound: the unwinder alone needs more than a page of stack.
    bool ends = false;
    for (std::uint32_t i = 0; i < million; ++i) {
        const pirn::coroutine_options options{.stack_size = 4096, .stacks = &source};
        all.emplace_back(
            options,
            [&ends](auto& self, std::uint32_t number) {
                while (!ends) {
                    self.yield(number);
                    number += 3;
                }
            },
            i);
        all.back().resume();
    }
    EXPECT_LE(support::mappings(), 100U);
    EXPECT_LE(support::resident_memory(), 4'500'000'000U);
    const std::size_t handles = million * sizeof(all[0]);
    const std::size_t each = (support::resident_memory() - resident_before - handles) / million;
    EXPECT_LE(each, 4200U);
    EXPECT_EQ(pirn::live().coroutines, static_cast<std::int64_t>(million));

    std::size_t wrong = 0;
    for (std::uint32_t i = 0; i < million; ++i) {
        all[i].resume();
        wrong += all[i].value() != i + 3;
    }
    EXPECT_EQ(wrong, 0U);
    ends = true;
    for (auto& one : all) {
        wrong += one.resume();
    }
    EXPECT_EQ(wrong, 0U);
    all.clear();
    EXPECT_EQ(source.lent(), 0U);
    source.trim();
    EXPECT_LE(support::resident_memory(), resident_before + (std::size_t{64} << 20));
}

INSTANTIATE_TEST_SUITE_P(, a_million, testing::Values(std::size_t{4096}, std::size_t{0}),
                         [](const testing::TestParamInfo<std::size_t>& guard) {
                             return guard.param != 0 ? "guarded" : "bare";
                         });

} // namespace
