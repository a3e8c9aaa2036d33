// SPDX-License-Identifier: MIT
//
// What the suites of other coroutine libraries ask for, as tables: who sees which status, wrappers, values
// that pile up inside, and suspending from within whatever calls back. What is refused is misuse_test.
#include <pirn/coro/coroutine.hpp>
#include <pirn/coro/generator.hpp>

#include "support/stacks.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

class tables : public support::on_each_stack {};
INSTANTIATE_TEST_SUITE_P(on, tables, support::every_stack_kind(), support::name_of);

TEST_P(tables, of_the_status_that_each_sees_of_itself_and_the_other) {
    std::vector<std::string> seen;
    std::optional<pirn::coroutine<>> outer;
    std::optional<pirn::coroutine<>> inner;
    const auto look = [&](const std::string& who) {
        seen.push_back(who + ": outer " + std::string{to_string(outer->status())} + ", inner " +
                       std::string{to_string(inner->status())});
    };
    inner.emplace(stack("inner"), [&](auto& self) {
        look("inner begins");
        self.suspend();
        look("inner goes on");
    });
    outer.emplace(stack("outer"), [&](auto& self) {
        look("outer begins");
        inner->resume();
        look("outer, inner waits");
        self.suspend();
        inner->resume();
        look("outer, inner has ended");
    });
    look("nobody has begun");
    outer->resume();
    look("both wait");
    outer->resume();
    look("both have ended");
    const std::vector<std::string> expected{
        "nobody has begun: outer start, inner start",
        "outer begins: outer active, inner start",
        "inner begins: outer active, inner active",
        "outer, inner waits: outer active, inner suspended",
        "both wait: outer suspended, inner suspended",
        "inner goes on: outer active, inner active",
        "outer, inner has ended: outer active, inner done",
        "both have ended: outer done, inner done",
    };
    EXPECT_EQ(seen, expected);
}

TEST_P(tables, of_what_each_resume_answers) {
    struct row {
        int yields;
        std::vector<bool> answers;
    };
    for (const row& one : std::vector<row>{{0, {false}},
                                           {1, {true, false}},
                                           {2, {true, true, false}},
                                           {3, {true, true, true, false}}}) {
        std::vector<bool> answers;
        pirn::coroutine<int> counts{stack(),
                                    [](auto& self, int times) {
                                        for (int i = 0; i < times; ++i) {
                                            self.yield(i);
                                        }
                                    },
                                    one.yields};
        do {
            answers.push_back(counts.resume());
        } while (answers.back());
        EXPECT_EQ(answers, one.answers);
        EXPECT_TRUE(counts.done());
    }
}

TEST_P(tables, of_values_that_are_pushed_into_a_coroutine_and_popped_from_it) {
    // The stack of values is a local variable of the coroutine.
    using store = pirn::coroutine<std::optional<int>, std::optional<int>>;
    store keeps{stack(), [](auto& self) {
                    std::vector<int> inside;
                    std::optional<int> answer;
                    for (;;) {
                        if (const std::optional<int> pushed = self.yield(answer)) {
                            inside.push_back(*pushed);
                            answer = static_cast<int>(inside.size());
                        } else if (inside.empty()) {
                            answer.reset();
                        } else {
                            answer = inside.back();
                            inside.pop_back();
                        }
                    }
                }};
    keeps.next();
    constexpr std::nullopt_t pop = std::nullopt;
    constexpr std::nullopt_t nothing = std::nullopt;
    const std::vector<std::pair<std::optional<int>, std::optional<int>>> asked_and_answered{
        {pop, nothing}, {7, 1},    {8, 2},   {pop, 8}, {9, 2},
        {10, 3},        {pop, 10}, {pop, 9}, {pop, 7}, {pop, nothing},
    };
    for (const auto& [asked, answered] : asked_and_answered) {
        EXPECT_EQ(keeps.next(asked), answered);
    }
}

// ---- Wrapped: a coroutine behind a function call

TEST_P(tables, a_coroutine_in_a_callable_is_a_function_with_a_memory) {
    const auto wrapped = [this](int from) {
        return [numbers = pirn::coroutine<int>{stack(), [from](auto& self) {
                                                   for (int i = from; i < from + 3; ++i) {
                                                       self.yield(i);
                                                   }
                                                   throw std::out_of_range{"used up"};
                                               }}]() mutable { return numbers.next(); };
    };
    auto low = wrapped(0);
    auto high = wrapped(100);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(low(), i);
        EXPECT_EQ(high(), 100 + i);
    }
    EXPECT_THROW(low(), std::out_of_range);
    EXPECT_THROW(high(), std::out_of_range);
}

pirn::generator<int> from_two() {
    return pirn::generator<int>{[](auto& yield) {
        for (int i = 2;; ++i) {
            yield(i);
        }
    }};
}

// without_multiples: owns the one before it, and so all of them.
pirn::generator<int> without_multiples(pirn::generator<int> before, int of) {
    return pirn::generator<int>{[of, source = std::move(before)](auto& yield) mutable {
        for (int& number : source) {
            if (number % of != 0) {
                yield(number);
            }
        }
    }};
}

TEST(chains, of_generators_that_own_one_another_sieve_the_primes) {
    const auto before = pirn::live();
    {
        std::vector<int> primes;
        pirn::generator<int> sieve = from_two();
        while (primes.size() < 25) {
            const int prime = *sieve.begin();
            primes.push_back(prime);
            // A generator is walked once: the next one begins anew, with one filter more.
            sieve = from_two();
            for (const int known : primes) {
                sieve = without_multiples(std::move(sieve), known);
            }
        }
        EXPECT_EQ(primes.back(), 97);
    }
    EXPECT_EQ(pirn::live(), before);
}

// ---- Suspended from within what calls back

TEST_P(tables, a_comparison_may_suspend_the_sort_that_called_it) {
    std::vector<int> numbers(100);
    std::iota(numbers.rbegin(), numbers.rend(), 0);
    pirn::coroutine<> sorts{stack(), [&](auto& self) {
                                std::sort(numbers.begin(), numbers.end(), [&](int a, int b) {
                                    self.suspend();
                                    return a < b;
                                });
                            }};
    int comparisons = 0;
    while (sorts.resume()) {
        ++comparisons;
    }
    EXPECT_GT(comparisons, 100);
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
}

pirn::yielder<>* sorting = nullptr; // std::qsort hands nothing through

TEST_P(tables, a_callback_of_c_may_suspend_who_called_it) {
    std::vector<int> numbers{5, 3, 9, 1, 7};
    pirn::coroutine<> sorts{stack(), [&](pirn::yielder<>& self) {
                                sorting = &self;
                                std::qsort(numbers.data(), numbers.size(), sizeof(int),
                                           [](const void* a, const void* b) {
                                               sorting->suspend();
                                               return *static_cast<const int*>(a) -
                                                      *static_cast<const int*>(b);
                                           });
                            }};
    while (sorts.resume()) {
    }
    EXPECT_EQ(numbers, (std::vector<int>{1, 3, 5, 7, 9}));
}

TEST_P(tables, operators_copies_and_conversions_may_suspend) {
    struct watched {
        explicit watched(pirn::yielder<std::string>& where, int what) : self{where}, value{what} {}
        watched(const watched& other) : self{other.self}, value{other.value} { self.yield("copy"); }
        watched& operator=(const watched&) = delete;
        ~watched() = default;
        watched operator+(const watched& other) const {
            self.yield("plus");
            return watched{self, value + other.value};
        }
        bool operator<(const watched& other) const {
            self.yield("less");
            return value < other.value;
        }
        explicit operator int() const {
            self.yield("convert");
            return value;
        }
        pirn::yielder<std::string>& self;
        int value;
    };
    pirn::coroutine<std::string, void, int> reckons{stack(), [](auto& self) {
                                                        const watched one{self, 20};
                                                        const watched two{one}; // NOLINT: it yields
                                                        const watched sum = one + two;
                                                        return one < sum ? static_cast<int>(sum)
                                                                         : 0;
                                                    }};
    std::vector<std::string> steps;
    while (reckons.resume()) {
        steps.push_back(reckons.value());
    }
    EXPECT_EQ(steps, (std::vector<std::string>{"copy", "plus", "less", "convert"}));
    EXPECT_EQ(reckons.result(), 40);
}

TEST_P(tables, a_try_block_that_was_suspended_still_catches) {
    pirn::coroutine<std::string, int> tries{stack(), [](auto& self) {
                                                std::string said = "ready";
                                                for (;;) {
                                                    try {
                                                        if (self.yield(said) < 0) {
                                                            throw std::domain_error{"negative"};
                                                        }
                                                        said = "fine";
                                                    } catch (const std::domain_error& error) {
                                                        said = error.what();
                                                    }
                                                }
                                            }};
    EXPECT_EQ(tries.next(), "ready");
    const std::vector<std::pair<int, std::string>> given_and_said{
        {1, "fine"}, {-1, "negative"}, {-2, "negative"}, {2, "fine"}};
    for (const auto& [given, said] : given_and_said) {
        EXPECT_EQ(tries.next(given), said);
    }
}

} // namespace
