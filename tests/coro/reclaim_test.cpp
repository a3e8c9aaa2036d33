// SPDX-License-Identifier: MIT
//
// Giving back pages of suspended coroutines: that the memory is free afterwards, that what waits is intact, and
// that nothing else is touched.
#include <pirn/coro/reclaim.hpp>

#include <pirn/coro/coroutine.hpp>
#include <pirn/stack/slab.hpp>
#include <pirn/stack/sources.hpp>

#include "coro/deep.hpp"
#include "os/residency.hpp"
#include "support/account.hpp"
#include "support/child.hpp"
#include "support/memory.hpp"
#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <numeric>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

constexpr std::size_t deep = 100'000;
constexpr std::size_t stack_size = std::size_t{256} * 1024;

// Numbers on the stack that must not change while the coroutine waits.
struct canaries {
    explicit canaries(unsigned seed) { std::iota(numbers.begin(), numbers.end(), seed); }
    bool good(unsigned seed) const {
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            if (numbers[i] != seed + i) {
                return false;
            }
        }
        return true;
    }
    std::array<unsigned, 500> numbers{};
};

// Goes deep, then waits with live data on its stack, again and again. Yields whether all was well.
void waits(pirn::yielder<bool>& self, unsigned seed) {
    const canaries kept{seed};
    for (;;) {
        use_stack(deep);
        self.yield(kept.good(seed));
    }
}

// Where nobody tells which pages were touched, all of them go, and count as given.
#define SKIP_UNLESS_THE_KERNEL_TELLS()                                                             \
    if (pirn::os::way_to_page_map() == pirn::os::page_map_way::none) {                             \
        GTEST_SKIP() << "the kernel does not tell which pages were touched";                       \
    }                                                                                              \
    static_assert(true)

class reclaim : public support::balanced<> {
  protected:
    void SetUp() override {
        SKIP_WHEN(support::by_ucontext, "the portable switch does not tell the stack pointer");
    }
    pirn::mapped_stack_source mapped_;
    const pirn::coroutine_options options_{.stack_size = stack_size, .stacks = &mapped_};
};

TEST_F(reclaim, gives_back_what_was_used_once_and_leaves_what_waits) {
    SKIP_UNLESS_THE_KERNEL_TELLS();
    SKIP_WHEN(support::under_valgrind,
              "valgrind takes memory of its own for each page that it sees");
    pirn::coroutine<bool> one{options_, waits, 7U};
    one.resume();
    const std::size_t before = support::resident_memory();
    const std::size_t given = pirn::reclaim(one.ref());
    EXPECT_GE(given, deep - 2 * page);
    EXPECT_LE(given, deep + 4 * page);
    EXPECT_EQ(given % page, 0U);
    if (!support::under_sanitizer) {
        EXPECT_LE(support::resident_memory(), before - given + 16 * page);
    }
    for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(one.next());
        EXPECT_GE(pirn::reclaim(one.ref()), deep - 2 * page) << "it went deep again";
    }
}

TEST_F(reclaim, gives_nothing_the_second_time) {
    pirn::coroutine<bool> one{options_, waits, 1U};
    one.resume();
    EXPECT_GT(pirn::reclaim(one.ref()), 0U);
    EXPECT_EQ(pirn::reclaim(one.ref()), 0U);
    EXPECT_EQ(pirn::reclaim(one.ref()), 0U);
    EXPECT_TRUE(one.next());
}

TEST_F(reclaim, of_ten_thousand_in_a_slab_leaves_a_page_or_two_each) {
    SKIP_UNLESS_THE_KERNEL_TELLS();
    SKIP_WHEN(support::under_valgrind,
              "valgrind takes memory of its own for each page that it sees");
    SKIP_WHEN(support::under_sanitizer, "the sanitizers keep memory of their own for each");
    constexpr std::size_t count = 10'000;
    constexpr std::size_t small = 32 * 1024;
    for (const std::size_t guard : {page, std::size_t{0}}) {
        pirn::slab_stack_source slab{
            {.stack_size = small, .max_stacks = count, .guard_size = guard}};
        const std::size_t before = support::resident_memory();
        std::vector<pirn::coroutine<bool>> all;
        all.reserve(count);
        std::vector<pirn::coroutine_ref> refs;
        for (unsigned i = 0; i < count; ++i) {
            all.emplace_back(
                pirn::coroutine_options{.stack_size = small, .stacks = &slab},
                [](pirn::yielder<bool>& self, unsigned seed) {
                    const canaries kept{seed};
                    for (;;) {
                        use_stack(20'000);
                        self.yield(kept.good(seed));
                    }
                },
                i);
            all.back().resume();
            refs.push_back(all.back().ref());
        }
        const std::size_t peak = support::resident_memory();
        const std::size_t given = pirn::reclaim(refs);
        const std::size_t after = support::resident_memory();
        EXPECT_GE(given, count * 3 * page);
        EXPECT_LE(after, peak - given + 64 * page);
        // What waits, and the canary's page of an unguarded stack.
        EXPECT_LE(after - before, count * (guard != 0 ? 3 : 4) * page);
        EXPECT_EQ(pirn::reclaim(refs), 0U);
        std::size_t wrong = 0;
        for (auto& one : all) {
            wrong += !one.next();
        }
        EXPECT_EQ(wrong, 0U);
    }
}

TEST_F(reclaim, of_one_suspended_from_within_others_covers_all_their_stacks) {
    std::size_t laps = 0;
    pirn::coroutine<bool> outer{options_, [&](auto& self) {
                                    const canaries outer_kept{1};
                                    use_stack(deep);
                                    pirn::coroutine<> middle{
                                        options_, [&](auto&) {
                                            const canaries middle_kept{2};
                                            use_stack(deep);
                                            pirn::coroutine<> inner{
                                                options_, [&](auto&) {
                                                    const canaries inner_kept{3};
                                                    use_stack(deep);
                                                    for (;;) {
                                                        self.yield(inner_kept.good(3) &&
                                                                   middle_kept.good(2) &&
                                                                   outer_kept.good(1));
                                                        ++laps;
                                                    }
                                                }};
                                            inner.resume();
                                        }};
                                    middle.resume();
                                }};
    ASSERT_TRUE(outer.next());
    EXPECT_GE(pirn::reclaim(outer.ref()), 3 * (deep - 2 * page));
    EXPECT_EQ(pirn::reclaim(outer.ref()), 0U);
    EXPECT_TRUE(outer.next());
    EXPECT_TRUE(outer.next());
    EXPECT_EQ(laps, 2U);
    pirn::reclaim(outer.ref());
    // Destroyed now: unwound through all three stacks.
}

TEST_F(reclaim, of_an_inner_one_that_waits_for_nobody_leaves_the_others_alone) {
    pirn::coroutine<bool> inner{options_, waits, 3U};
    pirn::coroutine<bool> outer{options_, [&](auto& self) {
                                    const canaries kept{9};
                                    use_stack(deep);
                                    inner.resume();
                                    // From inside: this one runs, the other waits.
                                    EXPECT_GE(pirn::reclaim(inner.ref()), deep - 2 * page);
                                    self.yield(kept.good(9) && inner.next());
                                }};
    EXPECT_TRUE(outer.next());
}

TEST_F(reclaim, leaves_alone_whoever_is_not_suspended) {
    pirn::coroutine<> fresh{options_, [] {}};
    EXPECT_EQ(pirn::reclaim(fresh.ref()), 0U);
    pirn::coroutine<> active{
        options_, [&](auto& self) {
            use_stack(deep);
            EXPECT_EQ(pirn::reclaim(*pirn::current()), 0U);
            pirn::coroutine<> above{
                options_, [&] { EXPECT_EQ(pirn::reclaim(*pirn::current()->parent()), 0U); }};
            above.resume();
            self.suspend();
        }};
    active.resume();
    EXPECT_GT(pirn::reclaim(active.ref()), 0U);
    EXPECT_FALSE(active.resume());
    EXPECT_EQ(pirn::reclaim(active.ref()), 0U) << "done";
    const pirn::coroutine<> moved{std::move(fresh)};
    EXPECT_EQ(pirn::reclaim(fresh.ref()), 0U); // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(pirn::reclaim(std::span<const pirn::coroutine_ref>{}), 0U);
}

TEST_F(reclaim, leaves_the_callers_memory_alone) {
    const support::raw_memory memory{stack_size};
    pirn::coroutine<bool> one{{.memory = memory.all()}, waits, 5U};
    one.resume();
    EXPECT_EQ(pirn::reclaim(one.ref()), 0U);
    const support::raw_memory slots{2 * stack_size};
    pirn::fixed_stack_source fixed{slots.all(), stack_size};
    pirn::coroutine<bool> other{{.stacks = &fixed}, waits, 5U};
    other.resume();
    EXPECT_EQ(pirn::reclaim(other.ref()), 0U);
    EXPECT_TRUE(one.next() && other.next());
}

TEST_F(reclaim, leaves_the_neighbours_of_small_stacks_alone) {
    // Four stacks share a page: there is no whole page to give.
    pirn::slab_stack_source slab{{.stack_size = 6144, .guard_size = 0}};
    std::vector<pirn::coroutine<bool>> all;
    std::vector<pirn::coroutine_ref> refs;
    SKIP_WHEN(support::under_sanitizer, "the frames of a sanitizer need more");
    bool ends =
        false; // told to, instead of being unwound: the unwinder needs more stack than there is
    for (unsigned i = 0; i < 100; ++i) {
        all.emplace_back(
            pirn::coroutine_options{.stack_size = 6144, .stacks = &slab},
            [&ends](auto& self, unsigned seed) {
                const canaries kept{seed};
                while (!ends) {
                    use_stack(1024);
                    self.yield(kept.good(seed));
                }
            },
            i);
        all.back().resume();
        refs.push_back(all.back().ref());
    }
    pirn::reclaim(refs);
    for (auto& one : all) {
        EXPECT_TRUE(one.next());
        EXPECT_FALSE(one.done());
    }
    ends = true;
    for (auto& one : all) {
        EXPECT_FALSE(one.resume());
    }
}

TEST_F(reclaim, leaves_guard_and_canary_in_place) {
    pirn::mapped_stack_source bare{0};
    pirn::coroutine<bool> canary{{.stacks = &bare}, waits, 2U};
    canary.resume();
    EXPECT_GT(pirn::reclaim(canary.ref()), 0U);
    EXPECT_TRUE(canary.next()); // whose canary is looked at when it is destroyed

    pirn::coroutine<bool> guarded{{.stacks = &mapped_}, [](auto& self) {
                                      use_stack(deep);
                                      self.yield(true);
                                      use_stack(stack_size);
                                  }};
    guarded.resume();
    EXPECT_GT(pirn::reclaim(guarded.ref()), 0U);
    const auto end = support::in_child([&] {
        std::signal(SIGSEGV, SIG_DFL);
        guarded.resume();
    });
    EXPECT_TRUE(end.killed_by(SIGSEGV)) << end;
}

TEST_F(reclaim, does_not_count_what_the_kernel_keeps) {
    SKIP_WHEN(support::under_sanitizer, "mlock does nothing there");
    pirn::coroutine<bool> one{options_, waits, 4U};
    one.resume();
    const auto* frame = reinterpret_cast<const std::byte*>(&one.value()); // somewhere on its stack
    void* at =
        reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(frame - 16 * page) / page * page);
    if (::mlock(at, 8 * page) != 0) {
        GTEST_SKIP() << "no memory may be locked here";
    }
    EXPECT_LT(pirn::reclaim(one.ref()), deep);
    EXPECT_TRUE(one.next());
    ::munlock(at, 8 * page);
}

// ---- By age

TEST_F(reclaim, by_age_gives_back_what_has_not_run_since_the_last_time) {
    SKIP_UNLESS_THE_KERNEL_TELLS();
    pirn::coroutine<bool> idle{options_, waits, 1U};
    pirn::coroutine<bool> busy{options_, waits, 2U};
    idle.resume();
    busy.resume();
    const std::array refs{idle.ref(), busy.ref()};
    EXPECT_EQ(pirn::reclaim_idle(refs), 0U) << "the first time only marks";
    EXPECT_TRUE(busy.next());
    const std::size_t given = pirn::reclaim_idle(refs);
    EXPECT_GE(given, deep - 2 * page);
    EXPECT_LE(given, deep + 4 * page) << "of the idle one only";
    EXPECT_TRUE(busy.next());
    EXPECT_EQ(pirn::reclaim_idle(refs), 0U) << "the idle one has nothing more";
    EXPECT_GE(pirn::reclaim_idle(refs), deep - 2 * page) << "the busy one has become idle";
    EXPECT_TRUE(idle.next());
    EXPECT_TRUE(busy.next());
    EXPECT_EQ(pirn::reclaim_idle(refs), 0U);
    EXPECT_GE(pirn::reclaim_idle(refs), 2 * (deep - 2 * page)) << "once more";
}

TEST_F(reclaim, by_age_passes_by_whoever_is_not_suspended) {
    pirn::coroutine<> fresh{options_, [](auto& self) { self.suspend(); }};
    pirn::coroutine<> done{options_, [] {}};
    done.resume();
    const std::array refs{fresh.ref(), done.ref()};
    EXPECT_EQ(pirn::reclaim_idle(refs), 0U);
    EXPECT_EQ(pirn::reclaim_idle(refs), 0U);
    EXPECT_TRUE(fresh.resume());
    pirn::coroutine<> active{options_, [&] {
                                 EXPECT_EQ(pirn::reclaim_idle({{*pirn::current()}}), 0U);
                                 EXPECT_EQ(pirn::reclaim_idle({{*pirn::current()}}), 0U);
                             }};
    EXPECT_FALSE(active.resume());
}

TEST_F(reclaim, by_age_does_not_disturb_a_coroutine_that_is_suspended_from_within_another) {
    pirn::coroutine<bool> outer{options_, [&](auto& self) {
                                    pirn::coroutine<> inner{options_, [&](auto&) {
                                                                const canaries kept{3};
                                                                use_stack(deep);
                                                                for (;;) {
                                                                    self.yield(kept.good(3));
                                                                }
                                                            }};
                                    inner.resume();
                                }};
    outer.resume();
    const std::array refs{outer.ref()};
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(pirn::reclaim_idle(refs), 0U);
        EXPECT_TRUE(outer.next());
    }
    EXPECT_EQ(pirn::reclaim_idle(refs), 0U);
    EXPECT_GE(pirn::reclaim_idle(refs), deep - 2 * page);
    EXPECT_TRUE(outer.next());
}

TEST_F(reclaim, of_one_that_waits_inside_a_catch_block_keeps_its_exception) {
    pirn::coroutine<bool> one{options_, [](auto& self) {
                                  try {
                                      use_stack(deep);
                                      throw 42;
                                  } catch (int) {
                                      self.yield(true);
                                      try {
                                          throw;
                                      } catch (int number) {
                                          self.yield(number == 42);
                                      }
                                  }
                              }};
    ASSERT_TRUE(one.next());
    EXPECT_GT(pirn::reclaim(one.ref()), 0U);
    EXPECT_TRUE(one.next());
}

} // namespace
