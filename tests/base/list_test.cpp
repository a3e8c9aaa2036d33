// SPDX-License-Identifier: MIT
//
// The intrusive list.
#include <pirn/base/list.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace {

// The link is not the first member, and there are two: finding the owner has to reckon with both.
struct element {
    explicit element(int value) : name{value} {}
    int name;
    pirn::list_link link;
    pirn::list_link other_link;
};

using list = pirn::list<element, &element::link>;
using other_list = pirn::list<element, &element::other_link>;

std::vector<int> names(const list& all) {
    std::vector<int> result;
    for (element* at = all.front(); at != nullptr; at = all.next(*at)) {
        result.push_back(at->name);
    }
    return result;
}

void clear(list& all) {
    while (all.pop_front() != nullptr) {
    }
}

TEST(list, is_empty_at_first_and_gives_null) {
    list all;
    EXPECT_TRUE(all.empty());
    EXPECT_EQ(all.size(), 0U);
    EXPECT_EQ(all.front(), nullptr);
    EXPECT_EQ(all.pop_front(), nullptr);
}

TEST(list, keeps_the_order_of_arrival_at_both_ends) {
    element one{1};
    element two{2};
    element three{3};
    list all;
    all.push_back(two);
    all.push_back(three);
    all.push_front(one);
    EXPECT_EQ(names(all), (std::vector{1, 2, 3}));
    EXPECT_EQ(all.size(), 3U);
    EXPECT_EQ(all.pop_front(), &one);
    EXPECT_FALSE(one.link.linked());
    clear(all);
}

TEST(list, is_walked_backwards_and_added_to_in_the_middle) {
    element one{1};
    element two{2};
    element three{3};
    list all;
    EXPECT_EQ(all.back(), nullptr);
    all.push_back(one);
    all.insert_after(one, three);
    all.insert_after(one, two);
    EXPECT_EQ(names(all), (std::vector{1, 2, 3}));
    EXPECT_EQ(all.back(), &three);
    EXPECT_EQ(all.previous(three), &two);
    EXPECT_EQ(all.previous(one), nullptr);
    clear(all);
}

TEST(list, is_sorted_and_equals_stay_in_order) {
    std::mt19937 random{5}; // NOLINT: the same every time
    for (const std::size_t count : {0U, 1U, 2U, 3U, 7U, 64U, 1000U}) {
        std::deque<element> elements;
        std::multimap<int, const element*> in_order; // equals in the order in which they came
        list all;
        for (std::size_t i = 0; i < count; ++i) {
            elements.emplace_back(static_cast<int>(random() % 100));
            all.push_back(elements.back());
            in_order.emplace(elements.back().name, &elements.back());
        }
        all.sort([](const element& a, const element& b) { return a.name < b.name; });
        std::vector<const element*> expected;
        for (const auto& [name, each] : in_order) {
            expected.push_back(each);
        }
        std::vector<const element*> forwards;
        for (element* at = all.front(); at != nullptr; at = all.next(*at)) {
            forwards.push_back(at);
        }
        EXPECT_EQ(forwards, expected);
        std::vector<const element*> backwards;
        for (element* at = all.back(); at != nullptr; at = all.previous(*at)) {
            backwards.push_back(at);
        }
        std::ranges::reverse(backwards);
        EXPECT_EQ(backwards, expected);
        clear(all);
    }
}

TEST(list, lets_go_of_an_element_at_the_front_in_the_middle_and_at_the_end) {
    for (int victim = 1; victim <= 3; ++victim) {
        element one{1};
        element two{2};
        element three{3};
        list all;
        for (element* each : {&one, &two, &three}) {
            all.push_back(*each);
        }
        all.erase(victim == 1 ? one : victim == 2 ? two : three);
        std::vector<int> rest{1, 2, 3};
        std::erase(rest, victim);
        EXPECT_EQ(names(all), rest);
        clear(all);
    }
}

TEST(list, takes_everything_of_another_behind_its_own) {
    element one{1};
    element two{2};
    element three{3};
    list all;
    list more;
    all.push_back(one);
    more.push_back(two);
    more.push_back(three);
    all.take_all(more);
    EXPECT_EQ(names(all), (std::vector{1, 2, 3}));
    EXPECT_TRUE(more.empty());
    all.take_all(more); // nothing to take
    EXPECT_EQ(all.size(), 3U);
    more.take_all(all); // into an empty one
    EXPECT_EQ(names(more), (std::vector{1, 2, 3}));
    EXPECT_TRUE(all.empty());
    clear(more);
}

TEST(list, holds_an_element_once_per_link) {
    element one{1};
    list all;
    other_list others;
    all.push_back(one);
    others.push_back(one);
    EXPECT_EQ(all.front(), &one);
    EXPECT_EQ(others.front(), &one);
    all.erase(one);
    EXPECT_TRUE(one.other_link.linked());
    others.erase(one);
    EXPECT_FALSE(one.other_link.linked());
}

#if PIRN_ASSERTIONS
TEST(list_death, of_an_element_that_is_still_in_it_is_reported) {
    EXPECT_DEATH(
        {
            list all;
            const auto one = std::make_unique<element>(1);
            all.push_back(*one);
        },
        "destroyed");
}

TEST(list_death, by_putting_an_element_in_twice_is_reported) {
    EXPECT_DEATH(
        {
            list all;
            list more;
            element one{1};
            all.push_back(one);
            more.push_back(one);
        },
        "second list");
}
#endif

} // namespace
