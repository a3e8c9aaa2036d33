// SPDX-License-Identifier: MIT
//
// hazard: 22. A thousand coroutines under valgrind: not an error, and not a warning that the client switches
// stacks, for which the runner looks (cmake/pirn_programs.cmake). Positive controls are in planted.cpp.
#include "base/valgrind.hpp"

#include <pirn/coro/coroutine.hpp>
#include <pirn/stack/slab.hpp>
#include <pirn/stack/sources.hpp>

#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <array>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

template <class Base>
class valgrind_run : public Base {
  protected:
    void SetUp() override {
        if (!pirn::detail::under_valgrind()) {
            GTEST_SKIP() << "not running under valgrind";
        }
    }

    static std::size_t errors() { return pirn::detail::valgrind_errors(); }
};

class valgrind : public valgrind_run<support::on_each_stack> {};
INSTANTIATE_TEST_SUITE_P(on, valgrind, support::every_stack_kind(), support::name_of);

// Uses some of its stack between suspensions, and reads back what was left there.
int winds(pirn::yielder<int>& self, int depth) {
    std::array<int, 64> thread{};
    thread[static_cast<std::size_t>(depth)] = depth;
    self.yield(depth);
    const int below = depth == 0 ? 0 : winds(self, depth - 1);
    return thread[static_cast<std::size_t>(depth)] + below;
}

using winding = pirn::coroutine<int, void, int>;
constexpr int depth = 8;
constexpr int sum_of_one = depth * (depth + 1) / 2;

// In turn, so that stacks of all distances come after one another; each tenth is destroyed while suspended.
int sum_of(std::vector<winding>& all) {
    int sum = 0;
    for (int turn = 0; turn < depth + 2; ++turn) {
        for (std::size_t i = 0; i < all.size(); ++i) {
            if ((i % 10 != 9 || turn < depth / 2) && !all[i].resume()) {
                sum += all[i].result();
            }
        }
    }
    return sum;
}

const auto winds_down = [](auto& self) { return winds(self, depth); };

TEST_P(valgrind, has_nothing_to_say_about_coroutines_that_use_stacks_again) {
    const std::size_t before = errors();
    for (int batch = 0; batch < 10; ++batch) {
        std::vector<winding> all;
        for (int i = 0; i < 8; ++i) {
            all.emplace_back(stack(), winds_down);
        }
        EXPECT_EQ(sum_of(all), 8 * sum_of_one);
    }
    EXPECT_EQ(errors(), before);
}

class valgrind_of_many : public valgrind_run<testing::Test> {
  protected:
    static void wind_a_thousand(pirn::stack_source& stacks) {
        std::vector<winding> all;
        for (int i = 0; i < 1000; ++i) {
            all.emplace_back(pirn::coroutine_options{.stack_size = 16384, .stacks = &stacks},
                             winds_down);
        }
        EXPECT_EQ(sum_of(all), 900 * sum_of_one);
    }
};

TEST_F(valgrind_of_many, has_nothing_to_say_about_a_thousand_coroutines) {
    const std::size_t before = errors();
    pirn::slab_stack_source slab{{.stack_size = 16384}};
    wind_a_thousand(slab);
    wind_a_thousand(slab);
    pirn::mapped_stack_source mapped;
    wind_a_thousand(mapped);
    EXPECT_EQ(errors(), before);
}

TEST_F(valgrind_of_many, has_nothing_to_say_about_a_thousand_coroutines_of_a_thread) {
    const std::size_t before = errors();
    pirn::slab_stack_source slab{{.stack_size = 16384}};
    std::thread other{[&] { wind_a_thousand(slab); }};
    other.join();
    EXPECT_EQ(errors(), before);
}

} // namespace
