// SPDX-License-Identifier: MIT
//
// The slab where the world refuses, and under coroutines. What it does otherwise is slab_test.cpp.
#include <pirn/coro/coroutine.hpp>
#include <pirn/stack/slab.hpp>

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

class slab_limits : public support::balanced<> {};

// ---- A world that refuses

TEST_F(slab_limits, refuses_when_the_address_space_is_used_up_and_recovers) {
    SKIP_WHEN(support::under_sanitizer, "the sanitizers take the address space for themselves");
    SKIP_WHEN(support::under_emulator, "qemu-user sets no limit on the address space");
    SKIP_WHEN(support::under_valgrind, "valgrind itself ends where there is no address space");
    const auto end = support::in_child([] {
        pirn::slab_stack_source source{{.stack_size = 15 * page}};
        stacks lent;
        lent.reserve(10000);
        const rlimit limit{support::address_space() + (std::size_t{64} << 20), RLIM_INFINITY};
        ::setrlimit(RLIMIT_AS, &limit);
        const auto lend_all = [&] {
            try {
                for (;;) {
                    lent.push_back(source.allocate(15 * page));
                }
            } catch (const std::bad_alloc&) {
            }
            return lent.size();
        };
        // 1,024 would fit if there were nothing else; halving makes use of nearly all.
        bool good = lend_all() > 900 && lent.size() <= 1024 && source.lent() == lent.size();
        const std::size_t most = lent.size();
        bool refused = false;
        try {
            pirn::slab_stack_source{{.stack_size = page, .max_stacks = 1'000'000}};
        } catch (const std::bad_alloc&) {
            refused = true;
        }
        take_back(source, lent);
        lent.clear();
        good = good && refused && lend_all() == most;
        lent.back().memory[0] = mark;
        // A coroutine of the working program.
        source.deallocate(lent.back());
        lent.pop_back();
        pirn::coroutine<int> works{{.stack_size = 15 * page, .stacks = &source},
                                   [](auto& self) { self.yield(7); }};
        good = good && works.resume() && works.value() == 7;
        bool spawn_refused = false;
        try {
            const pirn::coroutine<> more{{.stack_size = 15 * page, .stacks = &source},
                                         [](auto&) {}};
        } catch (const std::bad_alloc&) {
            spawn_refused = true;
        }
        ::_exit(good && spawn_refused && pirn::live().coroutines == 1 ? 0 : 1);
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
}

TEST_F(slab_limits, guards_by_splitting_and_then_by_canaries_on_older_kernels) {
    SKIP_WHEN(support::under_sanitizer, "the sanitizers need the calls that this test forbids");
    SKIP_WHEN(support::under_emulator, "qemu-user does not let a program filter system calls");
    SKIP_WHEN(support::under_valgrind, "valgrind runs out of its own table of mappings first");
    const auto end = support::in_child([] {
        if (!support::forbid({SYS_madvise, SYS_process_madvise}, support::fail_with(EINVAL))) {
            ::_exit(3);
        }
        const std::size_t before = support::mappings();
        pirn::slab_stack_source source{{.stack_size = page}};
        stacks lent = lend(source, 30'000);
        const auto is_guarded = [](const pirn::stack& one) { return one.guard_size == page; };
        const auto split = std::is_partitioned(lent.begin(), lent.end(), is_guarded);
        const auto guarded = std::count_if(lent.begin(), lent.end(), is_guarded);
        // Some are left for the rest of the program, and it is still served.
        std::ifstream file{"/proc/sys/vm/max_map_count"};
        std::size_t limit = 0;
        file >> limit;
        const bool enough =
            static_cast<std::size_t>(guarded) >= std::min(limit / 8 * 3, lent.size());
        const bool spared = support::mappings() < limit - limit / 8;
        // What each stack has is remembered while it is away.
        take_back(source, lent);
        stacks again = lend(source, 30'000);
        const bool same = std::count_if(again.begin(), again.end(), is_guarded) == guarded &&
                          std::equal(again.begin(), again.end(), lent.rbegin(),
                                     [](const pirn::stack& a, const pirn::stack& b) {
                                         return a.memory.data() == b.memory.data() &&
                                                a.guard_size == b.guard_size;
                                     });
        const bool some = support::mappings() > before + 1000;
        // A second slab has its share when the first one is gone.
        take_back(source, again);
        ::_exit(split && enough && spared && same && some ? 0 : 1);
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
    const auto said = end.errors.find("further stacks of a slab have no guard");
    EXPECT_NE(said, std::string::npos) << end;
    EXPECT_EQ(end.errors.find("further stacks", said + 1), std::string::npos) << "said twice";
}

TEST_F(slab_limits, that_ends_lets_others_split_mappings_again) {
    SKIP_WHEN(support::under_sanitizer, "the sanitizers need the calls that this test forbids");
    SKIP_WHEN(support::under_emulator, "qemu-user does not let a program filter system calls");
    const auto end = support::in_child([] {
        if (!support::forbid({SYS_madvise, SYS_process_madvise}, support::fail_with(EINVAL))) {
            ::_exit(3);
        }
        bool good = true;
        for (int round = 0; round < 4; ++round) {
            pirn::slab_stack_source source{{.stack_size = page}};
            const stacks lent = lend(source, 10'000);
            good = good && lent.back().guard_size == page;
            take_back(source, lent);
        }
        ::_exit(good ? 0 : 1);
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
    EXPECT_TRUE(end.errors.empty()) << end;
}

// ---- With coroutines

int deeper(int level) {
    char local[512] = {static_cast<char>(level)};
    asm volatile("" : : "r"(local) : "memory"); // all of it is used, as far as anybody knows
    const int below = level == 0 ? 0 : deeper(level - 1);
    asm volatile("" : : "r"(local) : "memory");
    return below + local[0];
}

TEST_F(slab_limits, overflow_is_reported_by_name) {
    const auto end = support::in_child([] {
        pirn::slab_stack_source source{{.stack_size = 32 * 1024}};
        const pirn::coroutine<> neighbour{{.stack_size = 1, .stacks = &source}, [](auto&) {}};
        pirn::coroutine<> deep{{.name = "deep one", .stack_size = 32 * 1024, .stacks = &source},
                               [](auto&) { static_cast<void>(deeper(1000)); }};
        deep.resume();
    });
    EXPECT_FALSE(end.exited_with(0));
    EXPECT_TRUE(end.said("stack overflow in coroutine \"deep one\"")) << end;
    EXPECT_TRUE(end.said("its stack of 32768 bytes")) << end;
}

TEST_F(slab_limits, carries_coroutines_whatever_the_order_of_their_ends) {
    constexpr std::size_t count = 300;
    pirn::slab_stack_source source{{.stack_size = 64 * 1024}};
    std::vector<pirn::coroutine<std::size_t>> all;
    for (std::size_t i = 0; i < count; ++i) {
        all.emplace_back(
            pirn::coroutine_options{.stack_size = 64 * 1024, .stacks = &source},
            [](auto& self, std::size_t start) {
                for (std::size_t at = start;; ++at) {
                    self.yield(at);
                }
            },
            i);
    }
    for (std::size_t round = 0; round < 5; ++round) {
        for (std::size_t i = 0; i < all.size(); ++i) {
            all[i].resume();
        }
        all.erase(all.begin() + 40, all.begin() + 60);
    }
    EXPECT_EQ(source.lent(), count - 100);
    EXPECT_EQ(all.front().value(), 4U);
    EXPECT_EQ(all.back().value(), count - 1 + 4);
    all.clear();
    EXPECT_EQ(source.lent(), 0U);
}

} // namespace
