// SPDX-License-Identifier: MIT
//
// The default source: a pool for each thread in front of guarded mappings.
#include <pirn/stack/stack.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

pirn::stack_source& source() { return pirn::default_stack_source(); }

TEST(default_source, gives_guarded_stacks_of_the_default_size) {
    const pirn::stack given = source().allocate(pirn::default_stack_size);
    EXPECT_GE(given.memory.size(), pirn::default_stack_size);
    EXPECT_GT(given.guard_size, 0U);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(given.memory.data()) % 16, 0U);
    std::fill(given.memory.begin(), given.memory.end(), std::byte{1});
    source().deallocate(given);
}

TEST(default_source, gives_other_sizes_too) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{4096}, std::size_t{8} << 20}) {
        const pirn::stack given = source().allocate(size);
        EXPECT_GE(given.memory.size(), size);
        source().deallocate(given);
    }
}

TEST(default_source, gives_the_last_stack_again) {
    const pirn::stack given = source().allocate(pirn::default_stack_size);
    source().deallocate(given);
    const pirn::stack again = source().allocate(pirn::default_stack_size);
    EXPECT_EQ(again.memory.data(), given.memory.data());
    source().deallocate(again);
}

TEST(default_source, is_one_for_all_and_keeps_stacks_for_each_thread) {
    const pirn::stack here = source().allocate(pirn::default_stack_size);
    source().deallocate(here);
    std::thread{[&] {
        const pirn::stack there = source().allocate(pirn::default_stack_size);
        EXPECT_NE(there.memory.data(), here.memory.data()) << "that one lies in our pool";
        source().deallocate(there);
    }}.join();
}

TEST(default_source, takes_a_stack_back_on_another_thread) {
    const pirn::stack wanders = source().allocate(pirn::default_stack_size);
    std::thread{[&] {
        source().deallocate(wanders);
        const pirn::stack again = source().allocate(pirn::default_stack_size);
        EXPECT_EQ(again.memory.data(), wanders.memory.data()) << "it joined that thread's pool";
        source().deallocate(again);
    }}.join();
}

TEST(default_source, serves_a_thread_to_its_very_end) {
    // Constructed before the thread's pool, so destroyed after it.
    struct late {
        ~late() {
            const pirn::stack given = source().allocate(pirn::default_stack_size);
            given.memory[0] = std::byte{1};
            source().deallocate(given);
            source().deallocate(kept);
        }
        pirn::stack kept;
    };
    std::thread{[] {
        thread_local late last;
        last.kept = source().allocate(pirn::default_stack_size);
    }}.join();
}

TEST(default_source, serves_many_threads_at_once) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([t] {
            const std::byte mine{static_cast<unsigned char>(t)};
            for (int i = 0; i < 200; ++i) {
                const pirn::stack a = source().allocate(pirn::default_stack_size);
                const pirn::stack b = source().allocate(pirn::default_stack_size);
                a.memory.back() = mine;
                b.memory.back() = mine;
                std::this_thread::yield();
                ASSERT_EQ(a.memory.back(), mine);
                ASSERT_EQ(b.memory.back(), mine);
                source().deallocate(a);
                source().deallocate(b);
            }
        });
    }
    for (std::thread& one : threads) {
        one.join();
    }
}

} // namespace
