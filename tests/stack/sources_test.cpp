// SPDX-License-Identifier: MIT
//
// The stack sources: what they give, when they have no more, and what becomes of it when it comes back.
#include <pirn/stack/sources.hpp>

#include "stack/expectations.hpp"
#include "support/child.hpp"
#include "support/misuse.hpp"
#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace {

using support::complains;

// ---- fixed

class fixed_source : public testing::Test {
  protected:
    support::raw_memory memory_{4 * slot + 1000};
    pirn::fixed_stack_source source_{memory_.all(), slot};
};

TEST_F(fixed_source, lends_its_slots_out_once_each) {
    std::vector<pirn::stack> lent;
    for (std::size_t left = 4; left > 0; --left) {
        EXPECT_EQ(source_.available(), left);
        lent.push_back(source_.allocate(slot));
        expect_usable(lent.back(), slot);
        EXPECT_EQ(lent.back().guard_size, 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            EXPECT_FALSE(overlap(lent[i], lent[j]));
        }
        EXPECT_GE(lent[i].memory.data(), memory_.all().data());
        EXPECT_LE(&lent[i].memory.back(), &memory_.all()[4 * slot - 1]);
    }
}

TEST_F(fixed_source, has_no_more_than_it_has_and_recovers) {
    std::vector<pirn::stack> lent;
    for (int i = 0; i < 4; ++i) {
        lent.push_back(source_.allocate(100));
    }
    EXPECT_THROW(source_.allocate(100), std::bad_alloc);
    EXPECT_EQ(source_.available(), 0U);
    source_.deallocate(lent[2]);
    EXPECT_EQ(source_.available(), 1U);
    EXPECT_EQ(source_.allocate(slot).memory.data(), lent[2].memory.data());
    EXPECT_THROW(source_.allocate(100), std::bad_alloc);
}

TEST_F(fixed_source, lends_what_came_back_last_first) {
    const pirn::stack a = source_.allocate(slot);
    const pirn::stack b = source_.allocate(slot);
    source_.deallocate(b);
    source_.deallocate(a);
    EXPECT_EQ(source_.allocate(slot).memory.data(), a.memory.data());
    EXPECT_EQ(source_.allocate(slot).memory.data(), b.memory.data());
    EXPECT_EQ(source_.available(), 2U);
}

TEST_F(fixed_source, refuses_what_is_larger_than_a_slot) {
    EXPECT_THROW(source_.allocate(slot + 1), std::bad_alloc);
    EXPECT_EQ(source_.available(), 4U);
}

TEST_F(fixed_source, touches_nothing_before_it_lends) {
    support::raw_memory fresh{4 * slot};
    std::fill(fresh.all().begin(), fresh.all().end(), std::byte{0x11});
    pirn::fixed_stack_source source{fresh.all(), slot};
    static_cast<void>(source.allocate(slot));
    EXPECT_TRUE(std::all_of(fresh.all().begin(), fresh.all().end(),
                            [](std::byte b) { return b == std::byte{0x11}; }));
}

TEST_F(fixed_source, says_what_is_wrong_with_its_memory) {
    const std::span<std::byte> all = memory_.all();
    constexpr auto multiple = "a multiple of 16";
    EXPECT_TRUE(complains([&] { pirn::fixed_stack_source{all, 0}; }, multiple, "slot_size=0"));
    EXPECT_TRUE(complains([&] { pirn::fixed_stack_source{all, 8}; }, multiple));
    EXPECT_TRUE(complains([&] { pirn::fixed_stack_source{all, 1000}; }, multiple));
    EXPECT_TRUE(
        complains([&] { pirn::fixed_stack_source(all.subspan(1), slot); }, "aligned to 16"));
}

TEST_F(fixed_source, of_no_memory_is_empty) {
    pirn::fixed_stack_source source{memory_.all().first(slot - 16), slot};
    EXPECT_EQ(source.available(), 0U);
    EXPECT_THROW(source.allocate(16), std::bad_alloc);
}

// ---- mapped

TEST(mapped_source, gives_whole_pages_of_zeros_above_a_guard) {
    pirn::mapped_stack_source source;
    for (const std::size_t size : {std::size_t{1}, page, page + 1, std::size_t{1} << 20}) {
        const pirn::stack given = source.allocate(size);
        EXPECT_EQ(given.memory.size() % page, 0U);
        EXPECT_LT(given.memory.size(), size + page);
        EXPECT_EQ(given.guard_size, std::size_t{64} * 1024);
        EXPECT_TRUE(std::all_of(given.memory.begin(), given.memory.end(),
                                [](std::byte b) { return b == std::byte{0}; }));
        expect_usable(given, size);
        source.deallocate(given);
    }
}

TEST(mapped_source, rounds_its_guard_to_pages) {
    pirn::mapped_stack_source one_byte{1};
    const pirn::stack guarded = one_byte.allocate(page);
    EXPECT_EQ(guarded.guard_size, page);
    one_byte.deallocate(guarded);
    pirn::mapped_stack_source none{0};
    const pirn::stack bare = none.allocate(page);
    EXPECT_EQ(bare.guard_size, 0U);
    none.deallocate(bare);
}

TEST(mapped_source, faults_everywhere_in_the_guard_and_nowhere_else) {
    pirn::mapped_stack_source source{3 * page};
    const pirn::stack given = source.allocate(page);
    for (const std::size_t below : {std::size_t{1}, page, page + 1, 3 * page}) {
        const auto write = support::in_child([&] {
            std::signal(SIGSEGV, SIG_DFL); // the sanitizers would make it an exit
            given.memory.data()[-static_cast<std::ptrdiff_t>(below)] = std::byte{1};
        });
        EXPECT_TRUE(write.killed_by(SIGSEGV)) << below << " bytes below: " << write;
        const auto read = support::in_child([&] {
            std::signal(SIGSEGV, SIG_DFL);
            const volatile std::byte& seen =
                given.memory.data()[-static_cast<std::ptrdiff_t>(below)];
            static_cast<void>(static_cast<std::byte>(seen));
        });
        EXPECT_TRUE(read.killed_by(SIGSEGV)) << below << " bytes below: " << read;
    }
    expect_usable(given, page);
    source.deallocate(given);
}

// The address space in use, in pages.
std::size_t address_space() {
    std::ifstream file{"/proc/self/statm"};
    std::size_t pages = 0;
    file >> pages;
    return pages;
}

TEST(mapped_source, gives_back_all_that_it_took) {
    SKIP_WHEN(support::under_sanitizer, "the sanitizers map memory of their own meanwhile");
    SKIP_WHEN(support::under_valgrind, "valgrind maps memory of its own meanwhile");
    SKIP_WHEN(support::under_emulator, "/proc/self/statm counts what qemu-user itself maps");
    pirn::mapped_stack_source source;
    source.deallocate(source.allocate(page));
    const std::size_t before = address_space();
    for (int i = 0; i < 1000; ++i) {
        source.deallocate(source.allocate(std::size_t{256} * 1024));
    }
    EXPECT_EQ(address_space(), before);
}

TEST(mapped_source, refuses_sizes_that_no_address_space_has) {
    pirn::mapped_stack_source source;
    constexpr std::size_t everything = ~std::size_t{0};
    for (const std::size_t size :
         {everything, everything - page, everything - 16 * page, everything / 4 * 3}) {
        EXPECT_THROW(source.allocate(size), std::bad_alloc) << size;
    }
}

TEST(mapped_source, refuses_when_the_address_space_is_used_up_and_recovers) {
    SKIP_WHEN(support::under_sanitizer, "the sanitizers take the address space for themselves");
    SKIP_WHEN(support::under_emulator, "qemu-user sets no limit on the address space");
    const auto end = support::in_child([] {
        pirn::mapped_stack_source source;
        std::vector<pirn::stack> lent;
        lent.reserve(10000);
        const std::size_t room = std::size_t{64} << 20;
        const rlimit limit{address_space() * page + room, RLIM_INFINITY};
        ::setrlimit(RLIMIT_AS, &limit);
        bool refused = false;
        while (lent.size() < 10000 && !refused) {
            try {
                lent.push_back(source.allocate(std::size_t{1} << 20));
            } catch (const std::bad_alloc&) {
                refused = true;
            }
        }
        // Something was given, then refused, and what came back can be given again.
        bool good = refused && lent.size() > 30 && lent.size() < 64;
        source.deallocate(lent.back());
        lent.pop_back();
        const pirn::stack again = source.allocate(std::size_t{1} << 20);
        again.memory[0] = std::byte{1};
        ::_exit(good ? 0 : 1);
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
}

} // namespace
