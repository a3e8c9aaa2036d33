// SPDX-License-Identifier: MIT
//
// The limits of reader and delimited, byte by byte, against a model: what precedes a delimiter, or the end, is given
// if it is no longer than the capacity, in whatever two pieces it arrives.
#include <pirn/io/framing.hpp>
#include <pirn/io/memory_pipe.hpp>
#include <pirn/io/reader.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

namespace io = pirn::io;

constexpr std::size_t largest_capacity = 20;
constexpr std::size_t longest_message = 24;

// One message, and how it is to be read.
struct sample {
    std::size_t capacity = 0;
    std::size_t length = 0;
    std::string_view delimiter;
    bool ended = false; // by the end of the stream, and not by a delimiter
    std::size_t split = 0;

    std::string message() const { return std::string(length, 'm'); }
    std::string sent() const { return message() + std::string{ended ? "" : delimiter}; }
    bool fits() const { return length <= capacity; }
};

std::string described(const sample& of) {
    return "capacity " + std::to_string(of.capacity) + ", a message of " +
           std::to_string(of.length) + ", delimiter of " + std::to_string(of.delimiter.size()) +
           ", split at " + std::to_string(of.split) + (of.ended ? ", at the end" : "");
}

// A stream that gives its bytes in two pieces, and then ends.
class in_two_pieces final : public io::byte_stream {
  public:
    in_two_pieces(std::string all, std::size_t split) : all_{std::move(all)}, split_{split} {}

  private:
    std::size_t do_read(pirn::mutable_bytes into, std::error_code& error) override {
        error.clear();
        const std::size_t end = at_ < split_ ? split_ : all_.size();
        const std::size_t count = std::min(into.size(), end - at_);
        std::memcpy(into.data(), all_.data() + at_, count);
        at_ += count;
        return count;
    }
    std::size_t do_write(pirn::bytes from, std::error_code&) override { return from.size(); }
    void do_shutdown_write(std::error_code& error) override { error.clear(); }
    void do_close() noexcept override {}

    std::string all_;
    std::size_t split_;
    std::size_t at_ = 0;
};

// Calls `check` with each sample, of each of these delimiters and with both ends.
template <class Check>
void sweep(std::span<const std::string_view> delimiters, Check check) {
    for (sample each; const std::string_view delimiter : delimiters) {
        each.delimiter = delimiter;
        for (each.capacity = 1; each.capacity <= largest_capacity; ++each.capacity) {
            for (each.length = 0; each.length <= longest_message; ++each.length) {
                for (const bool ended : {false, true}) {
                    each.ended = ended;
                    const std::size_t size = each.sent().size();
                    for (each.split = 0; each.split <= size; ++each.split) {
                        check(each);
                        ASSERT_FALSE(testing::Test::HasFailure()) << described(each);
                    }
                }
            }
        }
    }
}

// By one way of asking: the message, or message_size twice with every byte still there; and what comes behind.
template <class Ask>
void expect_as_modelled(const sample& of, Ask ask) {
    const std::string behind = of.ended ? "" : "x" + std::string{of.delimiter};
    in_two_pieces stream{of.sent() + behind, of.split};
    io::reader in{stream, of.capacity};
    std::error_code error;
    if (of.ended && of.length == 0) {
        EXPECT_EQ(ask(in, error), std::nullopt);
        EXPECT_FALSE(error);
        return;
    }
    if (!of.fits()) {
        for (int again = 0; again < 2; ++again) {
            EXPECT_EQ(ask(in, error), std::nullopt);
            EXPECT_EQ(error, std::errc::message_size);
        }
        EXPECT_EQ(in.skip(of.sent().size()), of.sent().size()) << "nothing was taken";
    } else {
        EXPECT_EQ(ask(in, error), of.message());
        EXPECT_FALSE(error);
    }
    EXPECT_EQ(ask(in, error), of.ended ? std::nullopt : std::optional<std::string_view>{"x"});
    EXPECT_EQ(ask(in, error), std::nullopt);
    EXPECT_FALSE(error) << "the end";
}

using reader_limits = support::balanced<>;

constexpr std::array<std::string_view, 6> delimiters{"\n", "ab", "aa", "mn", "abc", "aab"};

TEST_F(reader_limits, until_gives_each_message_up_to_the_capacity) {
    pirn::run([] {
        sweep(delimiters, [](const sample& each) {
            expect_as_modelled(each, [&](io::reader& in, std::error_code& error) {
                return in.until(each.delimiter, error);
            });
        });
    });
}

TEST_F(reader_limits, line_gives_each_line_up_to_the_capacity) {
    static constexpr std::array<std::string_view, 2> ends{"\n", "\r\n"};
    pirn::run([] {
        sweep(ends, [](const sample& each) {
            expect_as_modelled(
                each, [](io::reader& in, std::error_code& error) { return in.line(error); });
        });
    });
}

TEST_F(reader_limits, delimited_gives_each_message_up_to_its_limit) {
    pirn::run([] {
        sweep(delimiters, [](const sample& each) {
            io::delimited in{std::make_unique<in_two_pieces>(each.sent(), each.split),
                             each.delimiter, each.capacity};
            std::vector<std::byte> message;
            std::error_code error;
            const bool nothing = each.ended && each.length == 0;
            for (int again = 0; again < (each.fits() ? 1 : 2); ++again) {
                EXPECT_EQ(in.receive(message, error), each.fits() && !nothing);
                EXPECT_EQ(error == std::errc::message_size, !each.fits()) << error.message();
            }
            if (!each.fits()) {
                std::vector<std::byte> unsent;
                std::vector<std::byte> ahead;
                static_cast<void>(in.take_stream(ahead, unsent));
                EXPECT_GT(ahead.size(), each.capacity) << "the message is still there";
                return;
            }
            EXPECT_EQ(message.size(), each.length);
            EXPECT_FALSE(in.receive(message, error));
            EXPECT_FALSE(error) << "the end";
        });
    });
}

// A peer that sends no more must not make the reader wait for what cannot help.
TEST_F(reader_limits, too_long_a_message_is_refused_as_soon_as_that_is_certain) {
    pirn::run([] {
        auto [near, far] = io::memory_pipe();
        io::reader in{far, 4};
        near.write_all("12345");
        std::error_code error;
        EXPECT_EQ(in.until("\r\n", error), std::nullopt);
        EXPECT_EQ(error, std::errc::message_size);
        EXPECT_EQ(in.line(error), std::nullopt);
        EXPECT_EQ(error, std::errc::message_size);
        EXPECT_EQ(in.skip(5), 5U);

        near.write_all("1234\r"); // the delimiter may have begun
        auto late = pirn::spawn([&, &writer = near] {
            pirn::yield_now();
            writer.write_all("\n");
        });
        EXPECT_EQ(in.until("\r\n", error), "1234");
        late.get();
    });
}

TEST_F(reader_limits, peek_gives_no_more_than_the_capacity_after_a_long_delimiter) {
    pirn::run([] {
        in_two_pieces stream{"1234abcABCDEFG", 14};
        io::reader in{stream, 4};
        EXPECT_EQ(in.until("abc"), "1234");
        EXPECT_EQ(in.peek(4).size(), 4U);
        EXPECT_EQ(in.skip(100), 7U);
    });
}

} // namespace
