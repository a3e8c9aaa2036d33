// SPDX-License-Identifier: MIT
//
// A two-way stream within the process. What holds for all streams is checked by the conformance suite.
#include <pirn/io/memory_pipe.hpp>

#include <pirn/base/error.hpp>
#include <pirn/io/conformance.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/spawn.hpp>

#include "io/streams.hpp"
#include "support/account.hpp"
#include "support/misuse.hpp"
#include "support/sanitizers.hpp"

#include <array>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>

#include <gtest/gtest.h>

namespace {

using memory_pipe = support::balanced<>;
using support::text_of;

TEST_F(memory_pipe, behaves_as_every_stream_does_whatever_its_size) {
    pirn::run([] {
        for (const std::size_t capacity :
             {7U, 4096U, (1U << 20) / static_cast<unsigned>(support::slowness)}) {
            support::expect_conformance(
                [=] { return support::as_checked(pirn::io::memory_pipe(capacity)); });
        }
    });
}

TEST_F(memory_pipe, tells_how_much_can_be_read_without_waiting) {
    pirn::run([] {
        auto [near, far] = pirn::io::memory_pipe(8);
        EXPECT_EQ(far.available(), 0U);
        EXPECT_EQ(near.write("0123456789"), 8U) << "a short write";
        EXPECT_EQ(far.available(), 8U);
        EXPECT_EQ(near.available(), 0U);
        EXPECT_EQ(text_of(far, 3), "012");
        EXPECT_EQ(far.available(), 5U);
    });
}

TEST_F(memory_pipe, has_no_descriptor) {
    const auto pair = pirn::io::memory_pipe();
    EXPECT_EQ(pair.near.descriptor(), -1);
    EXPECT_TRUE(pair.near.is_open());
    EXPECT_FALSE(pirn::io::memory_stream{}.is_open());
}

TEST_F(memory_pipe, keeps_what_was_written_before_the_writer_closed) {
    pirn::run([] {
        auto [near, far] = pirn::io::memory_pipe();
        near.write_all("last words");
        near = {};
        EXPECT_EQ(text_of(far, 10), "last words");
        std::array<char, 4> buffer{};
        EXPECT_EQ(far.read(buffer), 0U);
        std::error_code error;
        std::ignore = far.write("answer", error);
        EXPECT_EQ(error, std::errc::broken_pipe);
    });
}

TEST_F(memory_pipe, wakes_a_waiting_writer_when_the_reader_goes) {
    pirn::run([] {
        auto [near, far] = pirn::io::memory_pipe(4);
        auto writer = pirn::spawn([&] {
            std::error_code error;
            EXPECT_EQ(near.write_all("more than fits", error), 4U);
            EXPECT_EQ(error, std::errc::broken_pipe);
        });
        pirn::yield_now();
        far.close();
        writer.get();
    });
}

TEST_F(memory_pipe, ends_a_write_that_waits_when_its_direction_is_shut) {
    pirn::run([] {
        auto [near, far] = pirn::io::memory_pipe(4);
        auto writer = pirn::spawn([&] {
            std::error_code error;
            near.write_all("more than fits", error);
            EXPECT_EQ(error, std::errc::broken_pipe);
        });
        pirn::yield_now();
        near.shutdown_write();
        writer.get();
        EXPECT_EQ(text_of(far, 4), "more");
    });
}

TEST_F(memory_pipe, carries_bytes_between_threads) {
    auto [near, far] = pirn::io::memory_pipe(1000);
    const auto lot = support::pattern(3'000'000);
    std::thread other{[&lot, end = std::move(far)]() mutable {
        pirn::run([&] { EXPECT_EQ(support::read_all(end), lot); });
    }};
    pirn::run([&, end = std::move(near)]() mutable {
        end.write_all(lot);
        end.shutdown_write();
    });
    other.join();
}

TEST_F(memory_pipe, without_room_or_without_an_end_is_a_programmer_error) {
    EXPECT_TRUE(
        support::complains([] { pirn::io::memory_pipe(0); }, "has room for 1 byte to 1 GiB"));
    EXPECT_TRUE(support::complains(
        [] {
            pirn::io::memory_stream none;
            std::error_code error;
            std::ignore = none.write("x", error);
        },
        "not open"));
}

} // namespace
