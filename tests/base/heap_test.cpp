// SPDX-License-Identifier: MIT
//
// The heap of timers, against a std::multimap that does the same work slowly.
#include <pirn/base/heap.hpp>

#include <cstddef>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace {

struct element {
    int name = 0;
    pirn::heap_link place;
};

using heap = pirn::heap<element, &element::place, int>;

TEST(heap, is_empty_at_first) {
    const heap empty;
    EXPECT_TRUE(empty.empty());
    EXPECT_EQ(empty.size(), 0U);
}

TEST(heap, gives_its_elements_by_key_and_not_by_arrival) {
    element third{3, {}};
    element first{1, {}};
    element second{2, {}};
    heap all;
    all.push(third, 30);
    all.push(first, 10);
    all.push(second, 20);
    EXPECT_EQ(all.top_key(), 10);
    EXPECT_EQ(&all.pop(), &first);
    EXPECT_EQ(&all.pop(), &second);
    EXPECT_EQ(&all.pop(), &third);
    EXPECT_TRUE(all.empty());
}

TEST(heap, gives_equal_keys_in_the_order_in_which_they_were_pushed) {
    std::vector<element> elements(1000);
    heap all;
    for (std::size_t i = 0; i < elements.size(); ++i) {
        elements[i].name = static_cast<int>(i);
        all.push(elements[i], static_cast<int>(i % 7));
    }
    int last_key = -1;
    int last_name = -1;
    while (!all.empty()) {
        const int key = all.top_key();
        const element& next = all.pop();
        if (key == last_key) {
            ASSERT_GT(next.name, last_name);
        } else {
            ASSERT_GT(key, last_key);
        }
        last_key = key;
        last_name = next.name;
    }
}

TEST(heap, tells_by_the_link_who_is_in_it) {
    element one;
    heap all;
    EXPECT_FALSE(one.place.linked());
    all.push(one, 1);
    EXPECT_TRUE(one.place.linked());
    all.erase(one);
    EXPECT_FALSE(one.place.linked());
    all.push(one, 2);
    all.pop();
    EXPECT_FALSE(one.place.linked());
}

// Every size up to three full levels, and every place in it: an erase in the middle may have to move
// the element that fills the hole up as well as down.
TEST(heap, stays_a_heap_whichever_element_is_erased) {
    constexpr std::size_t sizes = 1 + 4 + 16 + 4;
    for (std::size_t size = 1; size <= sizes; ++size) {
        for (std::size_t victim = 0; victim < size; ++victim) {
            std::vector<element> elements(size);
            heap all;
            std::multimap<int, const element*> model;
            for (std::size_t i = 0; i < size; ++i) {
                const int key = static_cast<int>(i * 7919 % 31);
                all.push(elements[i], key);
                if (i != victim) {
                    model.emplace(key, &elements[i]);
                }
            }
            all.erase(elements[victim]);
            for (const auto& [key, expected] : model) {
                ASSERT_EQ(all.top_key(), key);
                ASSERT_EQ(&all.pop(), expected);
            }
            ASSERT_TRUE(all.empty());
        }
    }
}

TEST(heap, does_what_a_multimap_does_in_a_hundred_thousand_random_steps) {
    std::mt19937 random{20240229}; // NOLINT: the same walk every time
    std::vector<element> elements(500);
    std::vector<std::multimap<int, element*>::iterator> known(elements.size());
    std::multimap<int, element*> model;
    heap all;
    for (int step = 0; step < 100'000; ++step) {
        const std::size_t index = random() % elements.size();
        element& one = elements[index];
        if (!one.place.linked()) {
            const int key = static_cast<int>(random() % 64);
            all.push(one, key);
            // A multimap inserts after its equals too, so the orders agree.
            known[index] = model.emplace(key, &one);
        } else if (random() % 2 == 0) {
            all.erase(one);
            model.erase(known[index]);
        } else {
            ASSERT_EQ(all.top_key(), model.begin()->first);
            ASSERT_EQ(&all.pop(), model.begin()->second);
            model.erase(model.begin());
        }
        ASSERT_EQ(all.size(), model.size());
    }
    for (element& one : elements) {
        if (one.place.linked()) {
            all.erase(one);
        }
    }
    EXPECT_TRUE(all.empty());
}

} // namespace
