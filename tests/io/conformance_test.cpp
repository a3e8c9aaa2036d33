// SPDX-License-Identifier: MIT
//
// The suite itself: that it finds what is wrong. Each stream here is right but for one thing.
#include <pirn/io/conformance.hpp>

#include <pirn/io/memory_pipe.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>

#include "support/account.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace {

namespace io = pirn::io;
using conformance = support::balanced<>;

// A memory_stream of which each function may be bent.
struct bent : io::byte_stream {
    explicit bent(io::memory_stream&& right) : inner{std::move(right)} {}

    std::size_t do_read(pirn::mutable_bytes into, std::error_code& error) override {
        return read_as ? read_as(*this, into, error) : inner.read(into, error);
    }
    std::size_t do_write(pirn::bytes from, std::error_code& error) override {
        return write_as ? write_as(*this, from, error) : inner.write(from, error);
    }
    void do_shutdown_write(std::error_code& error) override {
        shut_as ? shut_as(*this, error) : inner.shutdown_write(error);
    }
    void do_close() noexcept override {
        if (!never_closes) inner.close();
    }

    io::memory_stream inner;
    std::function<std::size_t(bent&, pirn::mutable_bytes, std::error_code&)> read_as;
    std::function<std::size_t(bent&, pirn::bytes, std::error_code&)> write_as;
    std::function<void(bent&, std::error_code&)> shut_as;
    bool never_closes = false;
    std::size_t count = 0;
};

// The laws that are broken by a pair of streams that are bent like this. Most are broken by waiting in vain.
std::set<std::string> broken_by(const std::function<void(bent&)>& bend,
                                std::chrono::milliseconds patience = std::chrono::milliseconds{
                                    200}) {
    std::set<std::string> laws;
    const std::size_t count = io::check_byte_stream(
        [&] {
            auto [near, far] = io::memory_pipe(4096);
            auto one = std::make_unique<bent>(std::move(near));
            auto other = std::make_unique<bent>(std::move(far));
            bend(*one);
            bend(*other);
            return io::checked_pair{std::move(one), std::move(other)};
        },
        [&](std::string_view law, std::string_view /*how*/) { laws.emplace(law); },
        {.patience = patience});
    EXPECT_EQ(count, laws.size());
    return laws;
}

TEST_F(conformance, has_nothing_to_say_about_a_stream_that_is_right) {
    pirn::run([] {
        EXPECT_EQ(broken_by([](bent&) {}, std::chrono::seconds{10}), std::set<std::string>{});
    });
}

TEST_F(conformance, finds_a_byte_that_is_not_the_one_that_was_written) {
    pirn::run([] {
        const auto laws = broken_by([](bent& one) {
            one.read_as = [](bent& self, pirn::mutable_bytes into, std::error_code& error) {
                const std::size_t n = self.inner.read(into, error);
                self.count += n;
                if (n > 0 && self.count > 5000) into[0] ^= std::byte{1};
                return n;
            };
        });
        EXPECT_TRUE(laws.contains("bytes arrive as they were written, in their order"));
        EXPECT_TRUE(laws.contains("several pieces are as good as one"));
    });
}

TEST_F(conformance, finds_a_read_that_loses_what_it_had_when_cancelled) {
    pirn::run([] {
        const auto laws = broken_by([](bent& one) {
            one.read_as = [](bent& self, pirn::mutable_bytes into, std::error_code& error) {
                const std::size_t n = self.inner.read(into, error);
                if (n > 0 && ++self.count % 50 == 0) {
                    error = std::make_error_code(std::errc::operation_canceled);
                    return std::size_t{0};
                }
                return n;
            };
        });
        EXPECT_TRUE(laws.contains("nothing is lost by cancelling at random"));
    });
}

TEST_F(conformance, finds_an_end_that_is_an_error_and_one_that_is_not_there) {
    pirn::run([] {
        const auto as_error = broken_by([](bent& one) {
            one.read_as = [](bent& self, pirn::mutable_bytes into, std::error_code& error) {
                const std::size_t n = self.inner.read(into, error);
                if (n == 0 && !error) error = std::make_error_code(std::errc::connection_aborted);
                return n;
            };
        });
        EXPECT_TRUE(as_error.contains("the end comes after the last byte"));
        const auto not_there = broken_by(
            [](bent& one) { one.shut_as = [](bent&, std::error_code& error) { error.clear(); }; });
        EXPECT_TRUE(not_there.contains("one direction ends alone"));
        EXPECT_TRUE(not_there.contains("a waiting reader hears of the end"));
    });
}

TEST_F(conformance, finds_a_close_that_closes_nothing) {
    pirn::run([] {
        const auto laws = broken_by([](bent& one) { one.never_closes = true; });
        EXPECT_TRUE(laws.contains("calls after close are operation_canceled"));
        EXPECT_TRUE(laws.contains("close ends a read in flight"));
        EXPECT_TRUE(laws.contains("a writer hears that nobody reads any more"));
    });
}

TEST_F(conformance, finds_a_write_that_takes_everything) {
    pirn::run([] {
        const auto laws = broken_by([](bent& one) {
            one.write_as = [](bent&, pirn::bytes from, std::error_code& error) {
                error.clear();
                return from.size();
            };
        });
        EXPECT_TRUE(laws.contains("a write waits while nobody reads"));
    });
}

} // namespace
