// SPDX-License-Identifier: MIT
//
// The generator: a coroutine seen as an input range.
#include <pirn/coro/generator.hpp>

#include "support/misuse.hpp"
#include "support/stacks.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

class generator : public support::on_each_stack {};
INSTANTIATE_TEST_SUITE_P(on, generator, support::every_stack_kind(), support::name_of);

static_assert(std::ranges::input_range<pirn::generator<int>>);
static_assert(std::ranges::view<pirn::generator<int>>);
static_assert(!std::ranges::forward_range<pirn::generator<int>>);
static_assert(std::is_same_v<std::ranges::range_reference_t<pirn::generator<int>>, int&>);
static_assert(
    std::is_same_v<std::ranges::range_reference_t<pirn::generator<const int>>, const int&>);
static_assert(std::is_same_v<std::ranges::range_value_t<pirn::generator<const int>>, int>);
static_assert(!std::is_copy_constructible_v<pirn::generator<int>>);

constexpr auto naturals = [](auto& yield) {
    for (int i = 0;; ++i) {
        yield(i);
    }
};

template <class Range>
std::vector<int> collected(Range&& range) {
    std::vector<int> all;
    for (const int value : range) {
        all.push_back(value);
    }
    return all;
}

TEST_P(generator, is_walked_by_a_for_loop) {
    pirn::generator<int> three{stack(), [](auto& yield) {
                                   yield(1);
                                   yield(2);
                                   yield(3);
                               }};
    EXPECT_EQ(collected(three), (std::vector{1, 2, 3}));
}

TEST_P(generator, may_be_empty) {
    pirn::generator<int> none{stack(), [](auto&) {}};
    EXPECT_EQ(none.begin(), none.end());
}

TEST_P(generator, runs_nothing_before_begin) {
    bool ran = false;
    pirn::generator<int> lazy{stack(), [&](auto& yield) {
                                  ran = true;
                                  yield(1);
                              }};
    EXPECT_FALSE(ran);
    const auto first = lazy.begin();
    EXPECT_TRUE(ran);
    EXPECT_EQ(*first, 1);
}

TEST_P(generator, takes_arguments) {
    pirn::generator<int> from{stack(),
                              [](auto& yield, int low, const std::vector<int>& steps) {
                                  for (const int step : steps) {
                                      yield(low += step);
                                  }
                              },
                              100, std::vector{1, 2, 3}};
    EXPECT_EQ(collected(from), (std::vector{101, 103, 106}));
    pirn::generator<int> without_options{[](auto& yield, int only) { yield(only); }, 7};
    EXPECT_EQ(collected(without_options), (std::vector{7}));
}

struct tree {
    std::unique_ptr<tree> left;
    int value;
    std::unique_ptr<tree> right;

    static std::unique_ptr<tree> of(int low, int high) {
        if (low > high) {
            return nullptr;
        }
        const int middle = std::midpoint(low, high);
        return std::make_unique<tree>(tree{of(low, middle - 1), middle, of(middle + 1, high)});
    }

    static void walk(pirn::yielder<int&>& yield, tree* at) {
        if (at == nullptr) {
            return;
        }
        walk(yield, at->left.get());
        yield(at->value);
        walk(yield, at->right.get());
    }
};

TEST_P(generator, walks_a_tree_by_plain_recursion) {
    const std::unique_ptr<tree> root = tree::of(1, 1000);
    int expected = 0;
    for (int& value : pirn::generator<int>{stack(), &tree::walk, root.get()}) {
        ASSERT_EQ(value, ++expected);
        value = -value; // the very node
    }
    EXPECT_EQ(expected, 1000);
    EXPECT_EQ(root->value, -500);
}

TEST_P(generator, compares_the_fringes_of_two_trees) {
    const std::unique_ptr<tree> one = tree::of(1, 100);
    auto two = std::make_unique<tree>(tree{tree::of(1, 79), 80, tree::of(81, 100)});
    const auto same_fringe = [&] {
        return std::ranges::equal(pirn::generator<int>{stack(), &tree::walk, one.get()},
                                  pirn::generator<int>{stack(), &tree::walk, two.get()});
    };
    EXPECT_TRUE(same_fringe());
    two->right->value = 0;
    EXPECT_FALSE(same_fringe());
}

TEST_P(generator, fits_into_the_views_of_the_standard_library) {
    auto squares = pirn::generator<int>{stack(), naturals} |
                   std::views::filter([](int i) { return i % 2 == 1; }) |
                   std::views::transform([](int i) { return i * i; }) | std::views::take(4);
    EXPECT_EQ(collected(squares), (std::vector{1, 9, 25, 49}));

    pirn::generator<int> kept{stack(), naturals};
    auto first_five = std::ranges::ref_view{kept} | std::views::take(5) | std::views::common;
    EXPECT_EQ(std::accumulate(first_five.begin(), first_five.end(), 0), 10);
}

TEST_P(generator, gives_values_that_can_be_moved_out) {
    pirn::generator<std::unique_ptr<int>> boxes{stack(), [](auto& yield) {
                                                    yield(std::make_unique<int>(1));
                                                    yield(std::make_unique<int>(2));
                                                }};
    std::vector<std::unique_ptr<int>> taken;
    for (auto& box : boxes) {
        taken.push_back(std::move(box));
    }
    EXPECT_EQ(*taken[0] + *taken[1], 3);
}

TEST_P(generator, has_iterators_that_point) {
    pirn::generator<const std::string> words{stack(), [](auto& yield) {
                                                 yield("one");
                                                 yield("three");
                                             }};
    auto at = words.begin();
    EXPECT_EQ(at->size(), 3U);
    at++;
    EXPECT_EQ(*at, "three");
    EXPECT_EQ(++at, words.end());
}

TEST_P(generator, destroyed_half_way_is_unwound) {
    bool closed = false;
    struct file {
        ~file() { *flag = true; }
        bool* flag;
    };
    for (const int value : pirn::generator<int>{stack(), [&](auto& yield) {
                                                    const file open{&closed};
                                                    naturals(yield);
                                                }}) {
        if (value == 10) {
            break;
        }
        EXPECT_FALSE(closed);
    }
    EXPECT_TRUE(closed);
}

TEST_P(generator, lets_exceptions_out_of_begin_and_of_the_increment) {
    pirn::generator<int> at_once{stack(), [](auto&) { throw std::runtime_error{"at once"}; }};
    EXPECT_THROW(at_once.begin(), std::runtime_error);
    pirn::generator<int> later{stack(), [](auto& yield) {
                                   yield(1);
                                   throw std::runtime_error{"later"};
                               }};
    auto at = later.begin();
    EXPECT_EQ(*at, 1);
    EXPECT_THROW(++at, std::runtime_error);
    EXPECT_EQ(at, later.end()) << "it has ended";
}

TEST_P(generator, can_be_moved_before_it_is_walked) {
    pirn::generator<int> one{stack(), [](auto& yield) { yield(5); }};
    pirn::generator<int> other{std::move(one)};
    EXPECT_EQ(collected(other), (std::vector{5}));
}

TEST_P(generator, refuses_to_be_walked_twice) {
    pirn::generator<int> once{stack("once"), [](auto& yield) { yield(1); }};
    EXPECT_EQ(collected(once), (std::vector{1}));
    EXPECT_TRUE(support::complains([&] { once.begin(); }, "can be walked only once",
                                   R"(name="once", status="done")"));
    pirn::generator<int> half{stack("half"), naturals};
    half.begin();
    EXPECT_TRUE(support::complains([&] { half.begin(); }, "can be walked only once",
                                   R"(status="suspended")"));
}

TEST_P(generator, refuses_to_be_read_beyond_its_end) {
    pirn::generator<int> none{stack(), [](auto&) {}};
    auto at = none.begin();
    EXPECT_TRUE(support::complains([&] { *at; }, "has a yielded value"));
    EXPECT_TRUE(support::complains([&] { ++at; }, "can be resumed"));
}

TEST_P(generator, may_be_walked_within_another) {
    pirn::generator<int> pairs{stack(), [](auto& yield) {
                                   for (int tens : pirn::generator<int>{naturals}) {
                                       if (tens == 3) {
                                           return;
                                       }
                                       for (int ones :
                                            pirn::generator<int>{naturals} | std::views::take(2)) {
                                           yield(tens * 10 + ones);
                                       }
                                   }
                               }};
    EXPECT_EQ(collected(pairs), (std::vector{0, 1, 10, 11, 20, 21}));
}

} // namespace
