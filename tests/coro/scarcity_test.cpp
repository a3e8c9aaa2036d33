// SPDX-License-Identifier: MIT
//
// Scarcity: whichever stack it is that cannot be had, the program hears of it where it asked, nothing is
// lost, and it goes on (hazards 24 and 43).
#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/generator.hpp>

#include "stack/counting_source.hpp"
#include "support/child.hpp"
#include "support/memory.hpp"
#include "support/sanitizers.hpp"
#include "support/stacks.hpp"

#include <memory>
#include <new>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace {

// failing_source: refuses the one allocation whose turn it is, counted from 1, and no other.
class failing_source final : public pirn::stack_source {
  public:
    explicit failing_source(int which) : refused_{which} {}

    pirn::stack allocate(std::size_t size) override {
        below_.refuses = ++asked_ == refused_;
        return below_.allocate(size);
    }
    void deallocate(const pirn::stack& used) noexcept override { below_.deallocate(used); }

    int lent() const { return below_.lent; }

  private:
    counting_source below_;
    int refused_;
    int asked_ = 0;
};

// The sum of 1 to `deepest`, with a coroutine in a coroutine for each number; each holds something.
int nested_sum(const pirn::coroutine_options& options, int number, int deepest,
               const std::shared_ptr<int>& held) {
    if (number > deepest) {
        return 0;
    }
    pirn::coroutine<int, void, int> one{
        options,
        [&options, number, deepest](auto& self, const std::shared_ptr<int>& mine) {
            self.yield(number);
            return *mine + nested_sum(options, number + 1, deepest, mine);
        },
        held};
    const int yielded = one.next();
    return yielded + one.finish();
}

int generated_sum(const pirn::coroutine_options& options) {
    std::vector<pirn::generator<int>> all;
    for (int i = 0; i < 4; ++i) {
        all.emplace_back(options, [i](auto& yield) { yield(i); });
    }
    int sum = 0;
    for (auto& one : all) {
        for (const int value : one) {
            sum += value;
        }
    }
    return sum;
}

class scarcity : public support::balanced<> {};

// Runs `work` again and again, each time with a later allocation that fails, until none does.
template <class Work>
void fail_each(int allocations, int expected, Work work) {
    for (int which = 1;; ++which) {
        ASSERT_LE(which, allocations + 1);
        failing_source source{which};
        const pirn::coroutine_options options{.stacks = &source};
        const auto before = pirn::live();
        bool refused = false;
        try {
            EXPECT_EQ(work(options), expected);
        } catch (const std::bad_alloc&) {
            refused = true;
        }
        EXPECT_EQ(source.lent(), 0) << "after the failure of allocation " << which;
        EXPECT_EQ(pirn::live(), before);
        EXPECT_EQ(refused, which <= allocations);
        if (!refused) {
            return;
        }
        EXPECT_EQ(work(options), expected) << "the source serves again";
    }
}

TEST_F(scarcity, of_the_stack_for_any_of_ten_nested_coroutines_loses_nothing) {
    const auto held = std::make_shared<int>(0);
    fail_each(10, 55, [&](const auto& options) { return nested_sum(options, 1, 10, held); });
    EXPECT_EQ(held.use_count(), 1);
}

TEST_F(scarcity, of_the_stack_for_any_of_several_generators_loses_nothing) {
    fail_each(4, 6, [](const auto& options) { return generated_sum(options); });
}

TEST_F(scarcity, of_address_space_is_an_error_and_the_program_goes_on) {
    SKIP_WHEN(support::under_emulator, "qemu-user does not apply RLIMIT_AS to what it emulates");
    SKIP_WHEN(support::under_sanitizer, "the sanitizers take the address space for themselves");
    const auto end = support::in_child([] {
        const auto waits = [](auto& self) { self.suspend(); };
        pirn::coroutine<> first{waits}; // what a thread needs for its first coroutine is there
        first.resume();
        std::vector<pirn::coroutine<>> all;
        all.reserve(10'000);
        const rlimit limit{support::address_space() + (std::size_t{64} << 20), RLIM_INFINITY};
        ::setrlimit(RLIMIT_AS, &limit);
        const auto fill = [&] {
            try {
                while (all.size() < 10'000) {
                    all.emplace_back(waits).resume();
                }
            } catch (const std::bad_alloc&) {
                return true;
            }
            return false;
        };
        // The same number again, after half of them have gone and some have ended.
        const bool refused = fill();
        const std::size_t most = all.size();
        all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(most / 2));
        const bool refused_again = fill();
        bool good = refused && refused_again && most > 50 && all.size() == most;
        for (auto& one : all) {
            good = good && !one.resume();
        }
        good = good && !first.resume();
        ::_exit(good ? 0 : 1);
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
}

} // namespace
