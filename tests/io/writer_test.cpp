// SPDX-License-Identifier: MIT
//
// Buffered writing.
#include <pirn/io/writer.hpp>

#include <pirn/base/error.hpp>
#include <pirn/io/memory_pipe.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "io/streams.hpp"
#include "support/account.hpp"
#include "support/misuse.hpp"

#include <random>
#include <system_error>

#include <gtest/gtest.h>

namespace {

namespace io = pirn::io;
using writers = support::balanced<>;

TEST_F(writers, hold_back_until_the_flush_or_until_there_is_no_room) {
    pirn::run([] {
        auto [near, far] = io::memory_pipe();
        io::writer out{near, 10};
        out.write("01234");
        out.write("56789");
        EXPECT_EQ(far.available(), 0U);
        EXPECT_EQ(out.buffered(), 10U);
        out.write("x");
        EXPECT_EQ(far.available(), 10U);
        out.flush();
        EXPECT_EQ(support::text_of(far, 11), "0123456789x");
        EXPECT_EQ(out.buffered(), 0U);
    });
}

TEST_F(writers, send_what_is_larger_than_the_buffer_behind_what_is_in_it) {
    pirn::run([] {
        auto [near, far] = io::memory_pipe();
        io::writer out{near, 4};
        out.write("ab");
        out.write("cdefghij");
        EXPECT_EQ(out.buffered(), 0U);
        EXPECT_EQ(support::text_of(far, 10), "abcdefghij");
    });
}

TEST_F(writers, keep_every_order_of_sizes) {
    pirn::run([] {
        auto [near, far] = io::memory_pipe(333);
        const auto lot = support::pattern(200'000);
        auto writing = pirn::spawn([&] {
            io::writer out{near, 512};
            std::mt19937 random{5};
            for (std::size_t at = 0; at < lot.size();) {
                const std::size_t some = std::min<std::size_t>(random() % 1500, lot.size() - at);
                out.write(std::span{lot}.subspan(at, some));
                if (random() % 8 == 0) out.flush();
                at += some;
            }
            out.flush();
            near.shutdown_write();
        });
        EXPECT_EQ(support::read_all(far), lot);
        writing.get();
    });
}

// Each byte goes out once, however often a flush is interrupted.
TEST_F(writers, that_are_cancelled_go_on_where_they_were) {
    pirn::run([] {
        auto [near, far] = io::memory_pipe(4);
        io::writer out{near, 16};
        auto stopped = pirn::spawn([&] {
            out.write("0123456789");
            std::error_code error;
            out.flush(error);
            EXPECT_EQ(error, std::errc::operation_canceled);
            EXPECT_THROW(out.flush(), pirn::cancelled);
        });
        pirn::yield_now();
        stopped.request_stop();
        stopped.get();
        EXPECT_EQ(out.buffered(), 6U);
        auto flushing = pirn::spawn([&] { out.flush(); });
        EXPECT_EQ(support::text_of(far, 10), "0123456789");
        flushing.get();
    });
}

TEST_F(writers, say_how_much_was_taken_before_an_error) {
    pirn::run([] {
        auto [near, far] = io::memory_pipe(6);
        io::writer out{near, 4};
        out.write("ab");
        auto closing = pirn::spawn([&] { far.close(); });
        std::error_code error;
        EXPECT_EQ(out.write("cdefghij", error), 4U) << "six went out, two of them from the buffer";
        EXPECT_EQ(error, std::errc::broken_pipe);
        EXPECT_THROW(out.write("too large for it"), std::system_error);
        closing.get();
    });
}

TEST_F(writers, without_a_buffer_are_a_programmer_error) {
    auto pair = io::memory_pipe();
    EXPECT_TRUE(support::complains([&] { io::writer{pair.near, 0}; }, "needs room"));
}

} // namespace
