// SPDX-License-Identifier: MIT
//
// Views of bytes: what converts, what does not, and how long it is then.
#include <pirn/base/bytes.hpp>

#include <array>
#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

namespace {

using pirn::bytes;
using pirn::mutable_bytes;

std::string text_of(bytes view) {
    return {reinterpret_cast<const char*>(view.data()), view.size()};
}

TEST(bytes, are_made_of_a_string_and_of_a_view_of_one) {
    const std::string word = "shuttle";
    EXPECT_EQ(text_of(word), "shuttle");
    EXPECT_EQ(text_of(std::string_view{word}.substr(3)), "ttle");
}

TEST(bytes, of_a_literal_leave_out_the_zero_that_ends_it) { EXPECT_EQ(bytes{"weft"}.size(), 4U); }

TEST(bytes, of_a_literal_keep_a_zero_in_the_middle) { EXPECT_EQ(bytes{"a\0b"}.size(), 3U); }

TEST(bytes, of_a_buffer_of_characters_are_the_whole_buffer) {
    char buffer[16] = "weft";
    EXPECT_EQ(bytes{buffer}.size(), 16U);
    EXPECT_EQ(mutable_bytes{buffer}.size(), 16U);
}

TEST(bytes, count_bytes_and_not_elements) {
    const std::vector<int> numbers{1, 2, 3};
    EXPECT_EQ(bytes{numbers}.size(), 3 * sizeof(int));
    EXPECT_EQ(static_cast<const void*>(bytes{numbers}.data()), numbers.data());
}

TEST(bytes, are_empty_by_default) {
    EXPECT_TRUE(bytes{}.empty());
    EXPECT_TRUE(mutable_bytes{}.empty());
}

TEST(bytes, are_made_of_mutable_ones) {
    std::array<std::byte, 8> space{};
    const mutable_bytes into{space};
    const bytes from{into};
    EXPECT_EQ(from.data(), space.data());
    EXPECT_EQ(from.size(), space.size());
}

TEST(bytes, that_are_mutable_write_through) {
    std::array<char, 4> space{};
    const mutable_bytes into{space};
    into[2] = std::byte{'x'};
    EXPECT_EQ(space[2], 'x');
}

TEST(bytes, can_be_cut) {
    std::array<std::byte, 8> space{};
    const mutable_bytes tail = mutable_bytes{space}.subspan(6);
    EXPECT_EQ(tail.size(), 2U);
    const bytes head = bytes{space}.first(3);
    EXPECT_EQ(head.size(), 3U);
}

// What would not be a view of plain memory does not convert.
static_assert(!std::is_constructible_v<bytes, const std::list<char>&>);
static_assert(!std::is_constructible_v<bytes, const std::vector<std::string>&>);
static_assert(!std::is_constructible_v<mutable_bytes, const std::string&>);
static_assert(!std::is_constructible_v<mutable_bytes, const std::vector<int>&>);
static_assert(std::is_constructible_v<mutable_bytes, std::vector<int>&>);
static_assert(!std::is_constructible_v<mutable_bytes, bytes>);

} // namespace
