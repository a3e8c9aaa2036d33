// SPDX-License-Identifier: MIT
//
// The queue with many producers: order, and that nothing is lost or seen twice.
#include <pirn/base/mpsc.hpp>

#include <cstddef>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

struct message : pirn::mpsc_link {
    int producer = 0;
    int number = 0;
};

TEST(mpsc, gives_null_when_empty) {
    pirn::mpsc<message> queue;
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.take_all(), nullptr);
}

TEST(mpsc, gives_all_at_once_and_oldest_first) {
    pirn::mpsc<message> queue;
    std::vector<message> messages(5);
    for (std::size_t i = 0; i < messages.size(); ++i) {
        messages[i].number = static_cast<int>(i);
        queue.push(messages[i]);
    }
    EXPECT_FALSE(queue.empty());
    int expected = 0;
    for (message* at = queue.take_all(); at != nullptr; at = pirn::mpsc<message>::next(*at)) {
        EXPECT_EQ(at->number, expected++);
    }
    EXPECT_EQ(expected, 5);
    EXPECT_TRUE(queue.empty());
}

TEST(mpsc, tells_the_first_producer_that_the_consumer_needs_waking) {
    pirn::mpsc<message> queue;
    message one;
    message two;
    EXPECT_TRUE(queue.push(one));
    EXPECT_FALSE(queue.push(two));
    queue.take_all();
    EXPECT_TRUE(queue.push(one));
    queue.take_all();
}

TEST(mpsc, takes_an_element_again_after_it_came_out) {
    pirn::mpsc<message> queue;
    message one;
    for (int round = 0; round < 3; ++round) {
        queue.push(one);
        message* const taken = queue.take_all();
        ASSERT_EQ(taken, &one);
        EXPECT_EQ(pirn::mpsc<message>::next(*taken), nullptr);
    }
}

TEST(mpsc, loses_nothing_and_keeps_each_producers_order_among_four_threads) {
    constexpr int producers = 4;
    constexpr int each = 20'000;
    pirn::mpsc<message> queue;
    std::vector<std::vector<message>> messages(producers, std::vector<message>(each));
    std::vector<std::thread> threads;
    for (int producer = 0; producer < producers; ++producer) {
        threads.emplace_back([&, producer] {
            for (int number = 0; number < each; ++number) {
                message& one =
                    messages[static_cast<std::size_t>(producer)][static_cast<std::size_t>(number)];
                one.producer = producer;
                one.number = number;
                queue.push(one);
            }
        });
    }
    std::vector<int> next(producers, 0);
    for (int received = 0; received < producers * each;) {
        message* at = queue.take_all();
        if (at == nullptr) {
            std::this_thread::yield();
        }
        for (; at != nullptr; at = pirn::mpsc<message>::next(*at), ++received) {
            ASSERT_EQ(at->number, next[static_cast<std::size_t>(at->producer)]++);
        }
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_TRUE(queue.empty());
}

} // namespace
