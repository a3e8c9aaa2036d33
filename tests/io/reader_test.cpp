// SPDX-License-Identifier: MIT
//
// Buffered reading, over streams that cut what they carry into small pieces.
#include <pirn/io/reader.hpp>

#include <pirn/base/error.hpp>
#include <pirn/io/memory_pipe.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "io/streams.hpp"
#include "support/account.hpp"
#include "support/misuse.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <gtest/gtest.h>

namespace {

namespace io = pirn::io;
using readers = support::balanced<>;

// Calls `use` with a reader of a stream that carries the text in pieces of each size, with buffers of each size.
template <class Use>
void over_pieces(std::string_view text, std::size_t least_buffer, Use use) {
    pirn::run([&] {
        for (const std::size_t piece : {1U, 2U, 3U, 7U, 4096U}) {
            for (const std::size_t buffer : {least_buffer, least_buffer + 1, least_buffer + 100}) {
                SCOPED_TRACE(testing::Message() << "pieces of " << piece << ", buffer " << buffer);
                auto [near, far] = io::memory_pipe(piece);
                auto writer = pirn::spawn([&] {
                    std::error_code gone; // a test may leave before the end
                    near.write_all(text, gone);
                    near.shutdown_write();
                });
                io::reader in{far, buffer};
                use(in);
                far.close();
                writer.get();
            }
        }
    });
}

TEST_F(readers, give_lines_without_their_ends) {
    over_pieces("one\n\ntwo\r\n\rthree\nlast", 7, [](io::reader& in) {
        for (const std::string_view expected : {"one", "", "two", "\rthree", "last"}) {
            EXPECT_EQ(in.line(), expected);
        }
        EXPECT_EQ(in.line(), std::nullopt);
        EXPECT_EQ(in.line(), std::nullopt);
    });
}

TEST_F(readers, find_delimiters_that_come_in_pieces) {
    over_pieces("a--b-\n-c--->d--", 8, [](io::reader& in) {
        for (const std::string_view expected : {"a", "b-\n-c", "->d"}) {
            EXPECT_EQ(in.until("--"), expected);
        }
        EXPECT_EQ(in.until("--"), std::nullopt);
    });
}

TEST_F(readers, do_not_hold_more_than_they_were_allowed_to) {
    over_pieces("12345678\nshort\n", 7, [](io::reader& in) {
        if (in.capacity() > 7) return;
        std::error_code error;
        EXPECT_EQ(in.line(error), std::nullopt);
        EXPECT_EQ(error, std::errc::message_size);
        EXPECT_THROW(in.line(), std::system_error);
        EXPECT_GE(in.buffered().size(), 8U) << "still there, and can be skipped";
        EXPECT_EQ(in.skip(9), 9U);
        EXPECT_EQ(in.line(), "short");
    });
    over_pieces("1234567\n", 7, [](io::reader& in) { EXPECT_EQ(in.line(), "1234567"); });
}

TEST_F(readers, read_exactly_or_say_that_the_end_came_before) {
    over_pieces("0123456789abc", 4, [](io::reader& in) {
        std::array<char, 5> five{};
        in.read_exactly(five);
        EXPECT_EQ(std::string_view(five.data(), 5), "01234");
        in.read_exactly(five);
        EXPECT_EQ(std::string_view(five.data(), 5), "56789");
        std::error_code error;
        EXPECT_EQ(in.read_exactly(five, error), 3U);
        EXPECT_EQ(error, std::errc::no_message_available);
        EXPECT_EQ(std::string_view(five.data(), 3), "abc");
        EXPECT_THROW(in.read_exactly(five), std::system_error);
        in.read_exactly({});
    });
}

TEST_F(readers, peek_without_taking) {
    over_pieces("0123456789", 6, [](io::reader& in) {
        const auto seen = in.peek(6);
        ASSERT_GE(seen.size(), 6U);
        EXPECT_EQ(seen[5], std::byte{'5'});
        EXPECT_EQ(in.skip(4), 4U);
        EXPECT_EQ(in.peek(6).size(), 6U) << "moved to the front of the buffer, to have room";
        std::array<char, 16> rest{};
        std::string all;
        while (const std::size_t n = in.read(rest)) all.append(rest.data(), n);
        EXPECT_EQ(all, "456789");
        EXPECT_EQ(in.peek(3).size(), 0U) << "the end";
        EXPECT_EQ(in.skip(3), 0U);
    });
}

TEST_F(readers, that_are_cancelled_lose_nothing) {
    pirn::run([] {
        auto [near, far] = io::memory_pipe();
        io::reader in{far, 64};
        near.write_all("half a li");
        auto waiting = pirn::spawn([&] {
            std::error_code error;
            EXPECT_EQ(in.line(error), std::nullopt);
            EXPECT_EQ(error, std::errc::operation_canceled);
            EXPECT_THROW(in.line(), pirn::cancelled);
            EXPECT_THROW(in.peek(20), pirn::cancelled);
        });
        pirn::yield_now();
        waiting.request_stop();
        waiting.get();
        near.write_all("ne\n");
        EXPECT_EQ(in.line(), "half a line");
    });
}

TEST_F(readers, of_nothing_and_beyond_their_capacity_are_programmer_errors) {
    pirn::run([] {
        auto [near, far] = io::memory_pipe();
        EXPECT_TRUE(support::complains([&] { io::reader{far, 0}; }, "needs room"));
        io::reader in{far, 8};
        EXPECT_TRUE(support::complains([&] { in.peek(9); }, "more than the reader can hold"));
        EXPECT_TRUE(support::complains([&] { in.until(""); }, "empty delimiter"));
        EXPECT_TRUE(support::complains([&] { in.consume(1); }, "than are buffered"));
        EXPECT_TRUE(support::complains([&] { in.read({}); }, "a buffer of no bytes"));
    });
}

} // namespace
