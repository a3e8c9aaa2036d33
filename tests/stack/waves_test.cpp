// SPDX-License-Identifier: MIT
//
// Waves of stacks from the default source, which end in any order: the kernel's table of mappings (65,530 entries), memory
// and address space are after each wave what they were after the one before, also where the kernel refuses to take
// memory back.
#include <pirn/coro/coroutine.hpp>
#include <pirn/stack/sources.hpp>
#include <pirn/stack/stack.hpp>

#include "support/account.hpp"
#include "support/child.hpp"
#include "support/forbid.hpp"
#include "support/memory.hpp"
#include "support/sanitizers.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <new>
#include <random>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::size_t width = 5'000 / static_cast<std::size_t>(support::slowness);
constexpr std::size_t most_mappings = 1000;

// Address space may grow by a block or two, when by chance more stacks of a size are wanted than before. What one wave
// takes is more than that.
constexpr std::size_t a_block = 512 * mebibyte;

struct waves : support::balanced<> {
    void SetUp() override {
        balanced::SetUp();
        SKIP_WHEN(support::under_valgrind, "valgrind maps memory of its own meanwhile");
    }
};

// What the waves find. A wave is lent, touched at both ends of what most tasks touch, and given back in random order.
struct wave_maker {
    std::mt19937 random{1}; // NOLINT: the same each time
    std::size_t most_seen = 0;

    // The same mix in each wave: how many of a size there were at most does not grow by chance.
    static std::size_t size_of(std::size_t which) {
        constexpr std::size_t least = 4096;
        return least << (which % 9);
    }
    void look() { most_seen = std::max(most_seen, support::mappings()); }

    std::vector<pirn::stack> lend(std::size_t count, bool of_all_sizes) {
        std::vector<pirn::stack> lent(count);
        for (std::size_t i = 0; i < count; ++i) {
            lent[i] = pirn::default_stack_source().allocate(
                of_all_sizes ? size_of(i) : pirn::default_stack_size);
            lent[i].memory.back() = std::byte{1};
        }
        look();
        return lent;
    }
    void give_back(std::vector<pirn::stack> lent) {
        std::shuffle(lent.begin(), lent.end(), random);
        for (std::size_t i = 0; i < lent.size(); ++i) {
            pirn::default_stack_source().deallocate(lent[i]);
            if (i == lent.size() / 2) look();
        }
        look();
    }
};

// A growth test: the waves after the second take nothing more.
void expect_flat(const std::function<void(wave_maker&)>& wave) {
    wave_maker maker;
    wave(maker);
    wave(maker);
    const std::size_t resident = support::resident_memory();
    std::size_t space = 0;
    for (int i = 0; i < 4; ++i) {
        wave(maker);
        EXPECT_LT(support::resident_memory(), resident + 4 * mebibyte) << i;
        if (i == 1)
            space = support::address_space(); // after what the pool of the thread keeps has settled
    }
    EXPECT_LT(support::address_space(), space + a_block);
    EXPECT_LT(maker.most_seen, most_mappings);
}

TEST_F(waves, that_end_in_any_order_leave_nothing) {
    expect_flat([](wave_maker& maker) { maker.give_back(maker.lend(width, false)); });
}

TEST_F(waves, of_all_sizes_leave_nothing) {
    expect_flat([](wave_maker& maker) { maker.give_back(maker.lend(width, true)); });
}

// Every second ends at once, the others with the next wave.
TEST_F(waves, that_overlap_leave_nothing) {
    std::vector<pirn::stack> stay;
    expect_flat([&](wave_maker& maker) {
        std::vector<pirn::stack> all = maker.lend(width, false);
        std::vector<pirn::stack> others;
        for (std::size_t i = 0; i < all.size(); ++i) {
            (i % 2 == 0 ? others : stay).push_back(all[i]);
        }
        maker.give_back(std::move(others));
        maker.give_back(std::exchange(stay, {}));
    });
}

TEST_F(waves, that_begin_on_one_thread_and_end_on_another_leave_nothing) {
    expect_flat([](wave_maker& maker) {
        std::vector<pirn::stack> lent;
        std::thread{[&] { lent = maker.lend(width, false); }}.join();
        std::thread{[&] { maker.give_back(std::move(lent)); }}.join();
    });
}

TEST_F(waves, on_four_threads_at_once_leave_nothing) {
    expect_flat([](wave_maker& maker) {
        std::vector<std::thread> threads;
        for (unsigned i = 0; i < 4; ++i) {
            threads.emplace_back([seed = i] {
                wave_maker own;
                own.random.seed(seed);
                for (int round = 0; round < 3; ++round) own.give_back(own.lend(width / 12, true));
            });
        }
        for (std::thread& each : threads) each.join();
        maker.look();
    });
}

// ---- A kernel that refuses

constexpr int not_allowed = 3;

// The waves with these calls refused; how the child ended.
support::child_end refused(std::initializer_list<long> calls, int error) {
    return support::in_child([=] {
        wave_maker before;
        before.give_back(before.lend(100, true));
        if (!support::forbid(calls, support::fail_with(error))) {
            ::_exit(not_allowed);
        }
        wave_maker maker;
        const auto wave = [&] { maker.give_back(maker.lend(3000, true)); };
        // What the pool of the thread keeps is not the same after each wave: another block may be made in the third.
        for (int i = 0; i < 4; ++i) wave();
        const std::size_t space = support::address_space();
        const std::size_t resident = support::resident_memory();
        for (int i = 0; i < 6; ++i) wave();
        const bool flat = support::address_space() < space + a_block &&
                          support::resident_memory() < resident + 8 * mebibyte;
        pirn::coroutine<int> works{[](auto& self) { self.yield(7); }};
        ::_exit(flat && works.resume() && works.value() == 7 ? 0 : 1);
    });
}

TEST_F(waves, lose_nothing_where_unmapping_is_refused) {
    SKIP_WHEN(support::under_sanitizer, "the sanitizers need the calls that this test forbids");
    SKIP_WHEN(support::under_emulator, "qemu-user does not let a program filter system calls");
    const auto end = refused({SYS_munmap}, ENOMEM);
    EXPECT_TRUE(end.exited_with(0)) << end;
}

TEST_F(waves, lose_nothing_where_advice_is_refused) {
    SKIP_WHEN(support::under_sanitizer, "the sanitizers need the calls that this test forbids");
    SKIP_WHEN(support::under_emulator, "qemu-user does not let a program filter system calls");
    for (const int error : {EINVAL, EPERM, ENOMEM}) {
        const auto end = refused({SYS_madvise, SYS_process_madvise}, error);
        EXPECT_TRUE(end.exited_with(0)) << error << ": " << end;
    }
}

// Neither kind of guard: no stack is lent without one.
TEST_F(waves, are_refused_where_no_guard_can_be_had) {
    SKIP_WHEN(support::under_sanitizer, "the sanitizers need the calls that this test forbids");
    SKIP_WHEN(support::under_emulator, "qemu-user does not let a program filter system calls");
    const auto end = support::in_child([] {
        if (!support::forbid({SYS_madvise, SYS_process_madvise, SYS_mprotect},
                             support::fail_with(ENOMEM))) {
            ::_exit(not_allowed);
        }
        constexpr std::size_t never_used_before = 32 * mebibyte; // so that no pool has one
        const std::size_t space = support::address_space();
        bool good = true;
        for (int i = 0; i < 100; ++i) {
            try {
                std::ignore = pirn::default_stack_source().allocate(never_used_before);
                good = false;
            } catch (const std::bad_alloc&) {
            }
        }
        ::_exit(good && support::address_space() < space + mebibyte ? 0 : 1);
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
}

// A mapped stack that the kernel does not take back is lent again.
TEST_F(waves, of_mapped_stacks_lose_nothing_where_unmapping_is_refused) {
    SKIP_WHEN(support::under_sanitizer, "the sanitizers need the calls that this test forbids");
    SKIP_WHEN(support::under_emulator, "qemu-user does not let a program filter system calls");
    const auto end = support::in_child([] {
        if (!support::forbid({SYS_munmap}, support::fail_with(ENOMEM))) {
            ::_exit(not_allowed);
        }
        pirn::mapped_stack_source source;
        std::size_t space = 0;
        std::size_t resident = 0;
        for (int wave = 0; wave < 5; ++wave) {
            std::vector<pirn::stack> lent;
            for (int i = 0; i < 500; ++i) {
                lent.push_back(source.allocate(mebibyte));
                std::fill_n(lent.back().memory.begin(), 65536, std::byte{1});
            }
            for (const pirn::stack& each : lent) source.deallocate(each);
            if (wave == 0) {
                space = support::address_space();
                resident = support::resident_memory();
            }
        }
        ::_exit(support::address_space() < space + mebibyte &&
                        support::resident_memory() < resident + 4 * mebibyte
                    ? 0
                    : 1);
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
}

// As programs do that must not wait for the disk: a block of many stacks would take the memory of all of them at once.
TEST_F(waves, take_no_block_of_many_where_all_memory_is_locked) {
    SKIP_WHEN(support::under_sanitizer, "a sanitizer's shadow memory would be locked");
    SKIP_WHEN(support::under_emulator, "qemu-user would be locked itself");
    const auto end = support::in_child([] {
        if (::mlockall(MCL_FUTURE) != 0) {
            ::_exit(not_allowed);
        }
        const std::size_t before = support::resident_memory();
        const pirn::stack one = pirn::default_stack_source().allocate(pirn::default_stack_size);
        const std::size_t after = support::resident_memory();
        pirn::default_stack_source().deallocate(one);
        ::_exit(after < before + mebibyte ? 0 : 1);
    });
    if (!end.exited_with(not_allowed)) {
        EXPECT_TRUE(end.exited_with(0)) << end;
    }
}

} // namespace
