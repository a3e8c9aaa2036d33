// SPDX-License-Identifier: MIT
//
// Messages over bytes that come in pieces.
#include <pirn/io/framing.hpp>

#include <pirn/base/error.hpp>
#include <pirn/io/memory_pipe.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/cancel_scope.hpp>

#include "io/streams.hpp"
#include "support/account.hpp"
#include "support/memory.hpp"
#include "support/misuse.hpp"

#include <array>
#include <chrono>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

namespace {

namespace io = pirn::io;
using framing = support::balanced<>;

std::unique_ptr<io::byte_stream> boxed(io::memory_stream& stream) {
    return std::make_unique<io::memory_stream>(std::move(stream));
}

std::string text(const std::vector<std::byte>& message) {
    return {reinterpret_cast<const char*>(message.data()), message.size()};
}

TEST_F(framing, by_length_keeps_messages_apart_whatever_is_in_them) {
    pirn::run([] {
        for (const std::size_t size : {1U, 2U, 4U, 8U}) {
            for (const bool big : {false, true}) {
                auto [near, far] = io::memory_pipe(5);
                io::length_framed out{boxed(near), {.size = size, .big_endian = big}};
                io::length_framed in{boxed(far), {.size = size, .big_endian = big}};
                auto sender = pirn::spawn([&] {
                    out.send("one");
                    out.send("");
                    out.send(support::pattern(255));
                    out.shutdown_send();
                });
                std::vector<std::byte> message;
                EXPECT_TRUE(in.receive(message));
                EXPECT_EQ(text(message), "one");
                EXPECT_TRUE(in.receive(message));
                EXPECT_TRUE(message.empty());
                EXPECT_TRUE(in.receive(message));
                EXPECT_EQ(message, support::pattern(255));
                EXPECT_FALSE(in.receive(message));
                EXPECT_FALSE(in.receive(message));
                sender.get();
            }
        }
    });
}

TEST_F(framing, by_length_writes_the_length_as_it_was_told) {
    pirn::run([] {
        for (const bool big : {false, true}) {
            auto [near, far] = io::memory_pipe();
            io::length_framed out{boxed(near), {.size = 4, .big_endian = big}};
            out.send(support::pattern(0x102));
            const std::string head = support::text_of(far, 4);
            EXPECT_EQ(head, (big ? std::string{0, 0, 1, 2} : std::string{2, 1, 0, 0}));
        }
    });
}

TEST_F(framing, refuses_what_is_longer_than_allowed_before_it_is_in_memory) {
    pirn::run([] {
        auto [near, far] = io::memory_pipe();
        io::length_framed in{boxed(far), {.size = 8, .message_max = 1000}};
        near.write_all(std::string(8, '\xff'));
        std::vector<std::byte> message;
        std::error_code error;
        for (int again = 0; again < 2; ++again) {
            EXPECT_FALSE(in.receive(message, error));
            EXPECT_EQ(error, std::errc::message_size);
        }
        in.send(support::pattern(1001), error);
        EXPECT_EQ(error, std::errc::message_size);
        EXPECT_EQ(near.available(), 0U) << "nothing was sent";
    });
}

TEST_F(framing, tells_an_end_in_the_middle_of_a_message) {
    pirn::run([] {
        for (const std::string_view torn : {std::string_view{"\0\0", 2}, {"\0\0\0\3ab", 6}}) {
            auto [near, far] = io::memory_pipe();
            io::length_framed in{boxed(far)};
            near.write_all(torn);
            near.close();
            std::vector<std::byte> message;
            std::error_code error;
            EXPECT_FALSE(in.receive(message, error));
            EXPECT_EQ(error, std::errc::no_message_available);
        }
    });
}

TEST_F(framing, by_delimiter_keeps_messages_apart) {
    pirn::run([] {
        auto [near, far] = io::memory_pipe(3);
        io::delimited out{boxed(near), "\r\n"};
        io::delimited in{boxed(far), "\r\n"};
        auto sender = pirn::spawn([&] {
            for (const std::string_view each : {"one", "", "with \n and \r"}) out.send(each);
            out.stream().write_all("and a rest");
            out.shutdown_send();
        });
        std::vector<std::byte> message;
        for (const std::string_view each : {"one", "", "with \n and \r", "and a rest"}) {
            EXPECT_TRUE(in.receive(message));
            EXPECT_EQ(text(message), each);
        }
        EXPECT_FALSE(in.receive(message));
        sender.get();
    });
}

TEST_F(framing, by_delimiter_is_bounded) {
    pirn::run([] {
        auto [near, far] = io::memory_pipe();
        io::delimited in{boxed(far), "\n", 5};
        near.write_all("12345\n123456\n");
        std::vector<std::byte> message;
        EXPECT_TRUE(in.receive(message));
        EXPECT_EQ(text(message), "12345");
        EXPECT_THROW(in.receive(message), std::system_error);
        EXPECT_THROW(in.send("123456"), std::system_error);
        EXPECT_TRUE(support::complains([&] { in.send("a\nb"); }, "would arrive as two"));
    });
}

// Sends and receives with deadlines at random: what was sent arrives, whole and in order.
TEST_F(framing, loses_no_message_when_cancelled_at_random) {
    pirn::run([] {
        auto [near, far] = io::memory_pipe(50);
        io::length_framed out{boxed(near)};
        io::length_framed in{boxed(far)};
        constexpr unsigned messages = 2'000;
        auto sender = pirn::spawn([&] {
            std::mt19937 random{1};
            for (unsigned i = 0; i < messages; ++i) {
                const auto message = support::pattern(i % 300, i);
                // Tried until it counts as sent: without an error, or begun and kept. With the rest of an earlier one
                // still to be sent first, an error would not say of which of the two it is.
                const bool alone = out.unsent() == 0;
                pirn::cancel_scope scope{
                    alone ? pirn::after(std::chrono::microseconds{random() % 30}) : pirn::never};
                std::error_code error;
                (void)scope.run([&] { out.send(message, error); });
                if (error && out.unsent() == 0) --i;
            }
            out.shutdown_send();
        });
        std::mt19937 random{2};
        std::vector<std::byte> message;
        for (unsigned i = 0; i < messages;) {
            pirn::cancel_scope scope{std::chrono::microseconds{random() % 30}};
            std::error_code error;
            bool got = false;
            (void)scope.run([&] { got = in.receive(message, error); });
            if (!got) {
                ASSERT_EQ(error, std::errc::operation_canceled);
                pirn::yield_now();
                continue;
            }
            ASSERT_EQ(message, support::pattern(i % 300, i)) << i;
            ++i;
        }
        EXPECT_FALSE(in.receive(message));
        sender.get();
    });
}

TEST_F(framing, gives_the_stream_below_back_with_what_was_read_ahead) {
    pirn::run([] {
        auto [near, far] = io::memory_pipe();
        io::delimited in{boxed(far)};
        near.write_all("line\nrest");
        std::vector<std::byte> message;
        EXPECT_TRUE(in.receive(message));
        std::vector<std::byte> ahead;
        std::vector<std::byte> unsent;
        const auto below = in.take_stream(ahead, unsent);
        EXPECT_EQ(text(ahead), "rest");
        EXPECT_TRUE(unsent.empty());
        below->write_all("!");
        EXPECT_EQ(support::text_of(near, 1), "!");
        EXPECT_TRUE(support::complains([&] { in.send("x"); }, "was taken away"));
        in.close();
    });
}

// A length is four bytes of a stranger's; the message may never come.
TEST_F(framing, takes_memory_for_what_has_come_and_not_for_what_was_announced) {
    pirn::run([] {
        constexpr std::size_t peers = 200;
        const std::size_t before = support::resident_memory();
        std::deque<io::length_framed> framed;
        std::vector<io::memory_stream> others;
        for (std::size_t i = 0; i < peers; ++i) {
            auto [near, far] = io::memory_pipe(4096);
            framed.emplace_back(boxed(near));
            others.push_back(std::move(far));
            others.back().write_all(std::string_view{"\x00\x10\x00\x00x", 5}); // a mebibyte
        }
        std::vector<pirn::join_handle<>> receivers;
        for (io::length_framed& each : framed) {
            receivers.push_back(pirn::spawn([&each] {
                std::vector<std::byte> into;
                std::error_code error;
                EXPECT_FALSE(each.receive(into, error));
            }));
        }
        pirn::sleep_for(std::chrono::milliseconds{20});
        EXPECT_LT(support::resident_memory(), before + (std::size_t{32} << 20));
        others.clear();
    });
}

} // namespace
