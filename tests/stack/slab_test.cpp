// SPDX-License-Identifier: MIT
//
// The slab: many stacks from one mapping. Where the world refuses, it is slab_limits_test.cpp.
#include <pirn/stack/slab.hpp>

#include <pirn/coro/coroutine.hpp>

#include "stack/expectations.hpp"
#include "stack/slabs.hpp"
#include "support/account.hpp"
#include "support/child.hpp"
#include "support/forbid.hpp"
#include "support/memory.hpp"
#include "support/sanitizers.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>

namespace {

bool all_zero(std::span<const std::byte> memory) {
    return std::all_of(memory.begin(), memory.end(), [](std::byte b) { return b == std::byte{0}; });
}

class slab : public support::balanced<> {};

TEST_F(slab, lends_stacks_apart_from_each_other_and_aligned) {
    for (const std::size_t guard : {std::size_t{0}, page, 2 * page}) {
        for (const std::size_t size : {std::size_t{1024}, std::size_t{1500}, page, 5 * page}) {
            pirn::slab_stack_source source{{.stack_size = size, .guard_size = guard}};
            stacks lent = lend(source, 700); // more than are made ready at a time
            EXPECT_EQ(source.lent(), 700U);
            std::sort(lent.begin(), lent.end(), [](const pirn::stack& a, const pirn::stack& b) {
                return a.memory.data() < b.memory.data();
            });
            for (std::size_t i = 0; i < lent.size(); ++i) {
                const pirn::stack& one = lent[i];
                EXPECT_GE(one.memory.size(), size);
                EXPECT_EQ(one.guard_size, guard);
                EXPECT_EQ(reinterpret_cast<std::uintptr_t>(one.memory.data()) % 64, 0U);
                EXPECT_EQ(one.memory.size() % 64, 0U);
                if (i > 0) {
                    EXPECT_GE(one.memory.data() - guard,
                              lent[i - 1].memory.data() + lent[i - 1].memory.size());
                }
                std::fill(one.memory.begin(), one.memory.end(), mark);
            }
            take_back(source, lent);
            EXPECT_EQ(source.lent(), 0U);
        }
    }
}

TEST_F(slab, puts_four_small_stacks_on_a_page) {
    pirn::slab_stack_source source{{.stack_size = 1024, .max_stacks = 400, .guard_size = 0}};
    EXPECT_EQ(source.stack_size(), 1024U);
    const stacks lent = lend(source, 400);
    EXPECT_EQ(lent.back().memory.data() - lent.front().memory.data(), 399 * 1024);
    take_back(source, lent);
}

TEST_F(slab, lends_what_came_back_last_first) {
    pirn::slab_stack_source source{{.stack_size = page}};
    const stacks lent = lend(source, 3);
    source.deallocate(lent[0]);
    source.deallocate(lent[2]);
    EXPECT_EQ(source.allocate(page).memory.data(), lent[2].memory.data());
    EXPECT_EQ(source.allocate(1).memory.data(), lent[0].memory.data());
    take_back(source, lent);
}

TEST_F(slab, keeps_to_its_limit_and_recovers) {
    pirn::slab_stack_source source{{.stack_size = page, .max_stacks = 20}};
    const stacks lent = lend(source, 20);
    EXPECT_THROW(source.allocate(page), std::bad_alloc);
    EXPECT_EQ(source.lent(), 20U);
    source.deallocate(lent[7]);
    EXPECT_EQ(source.allocate(page).memory.data(), lent[7].memory.data());
    EXPECT_THROW(source.allocate(page), std::bad_alloc);
    take_back(source, lent);
}

TEST_F(slab, refuses_what_is_larger_than_its_stacks) {
    pirn::slab_stack_source source{{.stack_size = page + 1}};
    EXPECT_EQ(source.stack_size(), 2 * page);
    EXPECT_THROW(source.allocate(2 * page + 1), std::bad_alloc);
    EXPECT_EQ(source.lent(), 0U);
}

TEST_F(slab, refuses_sizes_that_no_address_space_has) {
    constexpr std::size_t everything = ~std::size_t{0};
    for (const pirn::slab_options& options : {
             pirn::slab_options{.stack_size = everything, .guard_size = 0},
             pirn::slab_options{.stack_size = everything},
             pirn::slab_options{.stack_size = page, .guard_size = everything},
             pirn::slab_options{.stack_size = everything / 4 * 3, .guard_size = everything / 2},
             pirn::slab_options{.stack_size = page, .max_stacks = everything},
             pirn::slab_options{.stack_size = page, .max_stacks = everything / page},
         }) {
        EXPECT_THROW(pirn::slab_stack_source{options}.allocate(1), std::bad_alloc)
            << options.stack_size << " x " << options.max_stacks;
    }
}

TEST_F(slab, without_a_limit_takes_few_mappings) {
    SKIP_WHEN(support::under_sanitizer, "the sanitizers map memory of their own meanwhile");
    SKIP_WHEN(support::under_valgrind, "valgrind maps memory of its own meanwhile");
    if (!support::kernel_marks_guards()) {
        GTEST_SKIP() << "this kernel has no guards without mappings";
    }
    const std::size_t before = support::mappings();
    {
        pirn::slab_stack_source source{{.stack_size = page}};
        const stacks lent = lend(source, 40'000); // ordinary guards end at 32,000
        for (const pirn::stack& one : lent) {
            EXPECT_EQ(one.guard_size, page);
        }
        EXPECT_LE(support::mappings(), before + 24);
        take_back(source, lent);
        take_back(source, lend(source, 40'000));
    }
    EXPECT_LE(support::mappings(), before + 2); // the heap may have grown
}

TEST_F(slab, touches_no_page_by_lending_and_taking_back) {
    pirn::slab_stack_source source{{.stack_size = 4 * page, .max_stacks = 600}};
    const stacks lent = lend(source, 600);
    take_back(source, lent);
    take_back(source, lend(source, 300));
    for (const pirn::stack& one : lent) {
        EXPECT_EQ(support::resident_bytes(one.memory), 0U);
    }
}

TEST_F(slab, faults_in_the_guard_of_each_stack_and_nowhere_else) {
    pirn::slab_stack_source source{{.stack_size = page, .guard_size = 2 * page}};
    const stacks lent = lend(source, 100);
    for (const std::size_t which : {0U, 1U, 15U, 16U, 50U, 99U}) {
        std::byte* const low = lent[which].memory.data();
        for (const std::ptrdiff_t below : {1, 4096, 4097, 8192}) {
            const auto end = support::in_child([&] {
                std::signal(SIGSEGV, SIG_DFL); // the sanitizers would make it an exit
                *static_cast<volatile std::byte*>(low - below) = mark;
            });
            EXPECT_TRUE(end.killed_by(SIGSEGV)) << which << ", " << below << " below: " << end;
        }
    }
    take_back(source, lent);
    // Guards are still there when a stack is lent for the second time.
    const pirn::stack again = source.allocate(page);
    const auto end = support::in_child([&] {
        std::signal(SIGSEGV, SIG_DFL);
        *static_cast<volatile std::byte*>(again.memory.data() - 1) = mark;
    });
    EXPECT_TRUE(end.killed_by(SIGSEGV)) << end;
    source.deallocate(again);
}

TEST_F(slab, wipes_what_it_lends_again_when_told) {
    for (const std::size_t guard : {std::size_t{0}, page}) {
        for (const std::size_t size : {std::size_t{1024}, page, std::size_t{5 * page + 64}}) {
            pirn::slab_stack_source source{{.stack_size = size, .guard_size = guard, .wipe = true}};
            const stacks lent = lend(source, 9);
            for (const pirn::stack& one : lent) {
                std::fill(one.memory.begin(), one.memory.end(), mark);
            }
            for (std::size_t i = 0; i < lent.size(); i += 2) {
                source.deallocate(lent[i]);
            }
            for (std::size_t i = 0; i < lent.size(); ++i) {
                EXPECT_EQ(all_zero(lent[i].memory), i % 2 == 0) << i << " of " << size;
            }
            for (std::size_t i = 1; i < lent.size(); i += 2) {
                source.deallocate(lent[i]);
            }
        }
    }
}

TEST_F(slab, does_not_wipe_unless_told) {
    pirn::slab_stack_source source{{.stack_size = page}};
    const pirn::stack one = source.allocate(page);
    std::fill(one.memory.begin(), one.memory.end(), mark);
    source.deallocate(one);
    EXPECT_EQ(one.memory.back(), mark);
}

TEST_F(slab, trims_the_stacks_that_are_not_lent_out) {
    pirn::slab_stack_source source{{.stack_size = 2 * page}};
    const stacks lent = lend(source, 1500);
    for (const pirn::stack& one : lent) {
        std::fill(one.memory.begin(), one.memory.end(), mark);
    }
    for (std::size_t i = 0; i < lent.size(); i += 2) {
        source.deallocate(lent[i]);
    }
    source.trim();
    for (std::size_t i = 0; i < lent.size(); ++i) {
        EXPECT_EQ(support::resident_bytes(lent[i].memory), i % 2 == 0 ? 0U : 2 * page);
    }
    // What was trimmed is as good as before, guard included.
    const pirn::stack again = source.allocate(page);
    EXPECT_TRUE(all_zero(again.memory));
    const auto end = support::in_child([&] {
        std::signal(SIGSEGV, SIG_DFL);
        *static_cast<volatile std::byte*>(again.memory.data() - 1) = mark;
    });
    EXPECT_TRUE(end.killed_by(SIGSEGV)) << end;
    source.deallocate(again);
    for (std::size_t i = 1; i < lent.size(); i += 2) {
        source.deallocate(lent[i]);
    }
}

TEST_F(slab, is_shared_by_threads) {
    constexpr int rounds = 3000 / support::slowness;
    pirn::slab_stack_source source{{.stack_size = 1024, .guard_size = 0}};
    // Each thread gives back what its neighbour was lent.
    std::array<std::vector<pirn::stack>, 4> handed;
    std::array<std::mutex, 4> locks;
    std::atomic<int> wrong{0};
    const auto work = [&](std::size_t self) {
        for (int round = 0; round < rounds; ++round) {
            const pirn::stack one = source.allocate(1024);
            std::memset(one.memory.data(), static_cast<int>(self), one.memory.size());
            std::this_thread::yield();
            wrong += std::count(one.memory.begin(), one.memory.end(), std::byte(self)) != 1024;
            {
                const std::lock_guard lock{locks[self]};
                handed[self].push_back(one);
            }
            const std::size_t other = (self + 1) % handed.size();
            const std::lock_guard lock{locks[other]};
            if (!handed[other].empty()) {
                source.deallocate(handed[other].back());
                handed[other].pop_back();
            }
        }
    };
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < handed.size(); ++i) {
        threads.emplace_back(work, i);
    }
    for (std::thread& one : threads) {
        one.join();
    }
    EXPECT_EQ(wrong, 0);
    for (const stacks& left : handed) {
        take_back(source, left);
    }
    EXPECT_EQ(source.lent(), 0U);
}

} // namespace
