// SPDX-License-Identifier: MIT
//
// Memory: when it cannot be had, and how much of a stack can be used (hazards 11 and 24). That nothing is
// taken but the stack is allocation_test.
#include <memory>

#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/current.hpp>

#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <array>
#include <new>
#include <stdexcept>
#include <vector>

#include <alloca.h>
#include <gtest/gtest.h>

namespace {

// ---- When it cannot be had

class refusal : public support::balanced<> {};

TEST_F(refusal, of_a_stack_is_an_error_and_the_next_coroutine_is_none_the_worse) {
    const support::raw_memory memory{std::size_t{256} * 1024};
    pirn::fixed_stack_source two{memory.all(), std::size_t{128} * 1024};
    const pirn::coroutine_options options{.stack_size = 1024, .stacks = &two};
    const auto waits = [](auto& self) { self.suspend(); };
    std::vector<pirn::coroutine<>> lent;
    lent.emplace_back(options, waits);
    lent.emplace_back(options, waits);
    lent[0].resume();
    bool destroyed = false;
    struct flag {
        explicit flag(bool& lowered) : it{&lowered} {}
        flag(flag&& other) noexcept : it{std::exchange(other.it, nullptr)} {}
        ~flag() {
            if (it != nullptr) {
                *it = true;
            }
        }
        bool* it;
    };
    {
        flag argument{destroyed};
        EXPECT_THROW(
            pirn::coroutine<>(options, [](const flag&) {}, std::move(argument)), std::bad_alloc);
        EXPECT_FALSE(destroyed) << "it was not even moved from";
    }
    lent.pop_back();
    pirn::coroutine<> next{options, waits};
    EXPECT_TRUE(next.resume());
    EXPECT_FALSE(lent[0].resume());
}

struct explosive {
    explicit explosive(int uses) : left{uses} {}
    explosive(const explosive& other) : left{other.left - 1} { check(); }
    explosive(explosive&& other) : left{other.left - 1} { check(); } // NOLINT: it throws
    ~explosive() { --alive; }
    void check() {
        if (left < 0) {
            --alive; // no destructor will run
            throw std::runtime_error{"no more copies"};
        }
    }
    void operator()() const {}
    int left;
    static inline int alive = 0;
    struct counted {
        counted() { ++alive; }
        counted(const counted&) : counted{} {}
    } counts;
};

TEST_F(refusal, of_a_copy_leaks_neither_stack_nor_parts) {
    const support::raw_memory memory{std::size_t{128} * 1024};
    pirn::fixed_stack_source one{memory.all(), std::size_t{128} * 1024};
    const pirn::coroutine_options options{.stack_size = 1024, .stacks = &one};
    explosive::alive = 0;
    {
        const explosive never_copied{0};
        EXPECT_THROW(pirn::coroutine<>(options, never_copied), std::runtime_error);
        EXPECT_EQ(one.available(), 1U);
        EXPECT_THROW(pirn::coroutine<>(options, explosive{0}), std::runtime_error);
        EXPECT_EQ(one.available(), 1U);

        // The callable and the first argument are there already when the second one fails.
        const auto watched = std::make_shared<int>(0);
        EXPECT_THROW(pirn::coroutine<>(
                         options, [watched](const std::shared_ptr<int>&, const explosive&) {},
                         watched, never_copied),
                     std::runtime_error);
        EXPECT_EQ(watched.use_count(), 1);
        EXPECT_EQ(one.available(), 1U);
    }
    EXPECT_EQ(explosive::alive, 0);
    pirn::coroutine<> works{options, explosive{5}};
    works.resume();
}

// ---- How much of it can be used

class depth : public support::on_each_stack {};
INSTANTIATE_TEST_SUITE_P(on, depth, support::every_stack_kind(), support::name_of);

// Writes to each page of the frame, or to its two ends only.
void touch(volatile char* frame, std::size_t size, std::size_t step) {
    for (std::size_t i = 0; i < size; i += step) {
        frame[i] = static_cast<char>(i);
    }
    frame[size - 1] = 1;
}

PIRN_NOINLINE int descend(std::size_t bytes_left_over) {
    char frame[700];
    touch(frame, sizeof frame, 64);
    if (pirn::remaining_stack() < bytes_left_over) {
        return 1;
    }
    const int below = descend(bytes_left_over);
    touch(frame, sizeof frame, 64); // so that it is no tail call
    return below + 1;
}

TEST_P(depth, nine_tenths_are_there_for_recursion) {
    pirn::coroutine<void, void, int> dives{stack(), [] { return descend(stack_size / 10); }};
    EXPECT_GT(dives.finish(), static_cast<int>(stack_size / 2 / 4096));
}

TEST_P(depth, nine_tenths_are_there_for_one_large_frame) {
    for (const std::size_t step : {std::size_t{64}, std::size_t{4096}, stack_size}) {
        pirn::coroutine<> spreads{stack(), [step] {
                                      const std::size_t size = stack_size / 10 * 9;
                                      auto* frame = static_cast<char*>(alloca(size));
                                      touch(frame, size, step);
                                  }};
        EXPECT_FALSE(spreads.resume());
    }
}

TEST_P(depth, large_frames_can_be_skipped_over_and_come_back_to) {
    pirn::coroutine<> hops{stack(), [](auto& self) {
                               for (const std::size_t size : {32768U, 1024U, 65536U, 16U}) {
                                   [&] {
                                       auto* frame = static_cast<char*>(alloca(size));
                                       frame[0] = 1; // the far end first, without the pages between
                                       self.suspend();
                                       touch(frame, size, 4096);
                                   }();
                               }
                           }};
    while (hops.resume()) {
    }
}

TEST_P(depth, what_was_deep_is_there_after_a_suspension) {
    struct deep {
        PIRN_NOINLINE static long dive(pirn::yielder<>& self, int levels) {
            std::array<long, 16> numbers{};
            for (std::size_t i = 0; i < numbers.size(); ++i) {
                numbers[i] = levels + static_cast<long>(i);
            }
            if (levels == 0) {
                self.suspend();
                return 0;
            }
            const long below = dive(self, levels - 1);
            long sum = 0;
            for (const long number : numbers) {
                sum += number;
            }
            return below + sum;
        }
    };
    constexpr int levels = 100;
    pirn::coroutine<void, void, long> dives{stack(),
                                            [](auto& self) { return deep::dive(self, levels); }};
    dives.resume();
    EXPECT_EQ(dives.finish(), 16L * levels * (levels + 1) / 2 + 120L * levels);
}

TEST(many_coroutines, can_be_created_and_destroyed_one_after_the_other) {
    const auto before = pirn::live();
    long sum = 0;
    for (int i = 0; i < 1'000'000 / support::slowness_of_lives; ++i) {
        pirn::coroutine<void, void, int> one{[i] { return i % 2; }};
        sum += one.finish();
    }
    EXPECT_EQ(sum, 500'000 / support::slowness_of_lives);
    EXPECT_EQ(pirn::live(), before);
}

// Stacks of 4 KiB have their tops at different offsets, and a body that leaves no room for that has it not.
TEST(callers_memory, takes_a_large_callable_wherever_it_lies) {
    SKIP_WHEN(support::by_ucontext, "the control block of the portable switch is two kilobytes");
    constexpr std::size_t slot = 4096;
    const support::raw_memory slots{16 * slot};
    struct large {
        void operator()() {}
        std::array<std::byte, 2700> cargo{};
    };
    for (std::size_t i = 0; i < 16; ++i) {
        const pirn::coroutine<> fits{{.memory = slots.all().subspan(i * slot, slot)}, large{}};
        EXPECT_EQ(fits.status(), pirn::coroutine_status::start);
    }
}

} // namespace
