// SPDX-License-Identifier: MIT
//
// The stack of a coroutine that is destroyed while it is suspended far down, under AddressSanitizer: what frames have
// marked as theirs is not taken for a fault of the functions that stand there while the others are unwound. Compiled
// with optimisation, without which the frames are so large that nothing stands there.
#include <pirn/coro/coroutine.hpp>

#include <array>

#include <gtest/gtest.h>

namespace {

struct counted {
    explicit counted(int& number) : number_{++number} {}
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --number_; }

  private:
    int& number_;
};

template <class Yielder>
[[gnu::noinline]] int suspend_below(Yielder& self, int depth,
                                    int& alive) { // NOLINT(misc-no-recursion): for the depth
    const counted here{alive};
    std::array<volatile char, 64> used{};
    used[0] = static_cast<char>(depth);
    if (depth == 0) {
        self.suspend();
        return 0;
    }
    return suspend_below(self, depth - 1, alive) + used[0];
}

TEST(unwound_stack, is_free_of_marks_at_every_depth) {
    int alive = 0;
    for (int depth = 0; depth < 40; ++depth) {
        pirn::coroutine<> waits{[&](auto& self) { suspend_below(self, depth, alive); }};
        ASSERT_TRUE(waits.resume());
        EXPECT_EQ(alive, depth + 1);
    }
    EXPECT_EQ(alive, 0);
}

} // namespace
