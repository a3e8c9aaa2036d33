// SPDX-License-Identifier: MIT
//
// All bytes of one stream into another, in each way that the kernel has.
#include <pirn/io/copy.hpp>

#include <pirn/base/error.hpp>
#include <pirn/io/descriptor_stream.hpp>
#include <pirn/io/file.hpp>
#include <pirn/io/memory_pipe.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/cancel_scope.hpp>

#include "io/folder.hpp"
#include "io/streams.hpp"
#include "support/account.hpp"
#include "support/misuse.hpp"
#include "support/sanitizers.hpp"

#include <array>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <system_error>

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace {

namespace io = pirn::io;

std::pair<io::descriptor_stream, io::descriptor_stream> sockets() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    return {io::descriptor_stream{pirn::os::handle{ends[0]}},
            io::descriptor_stream{pirn::os::handle{ends[1]}}};
}

class copying : public support::balanced<> {
  protected:
    support::folder here;
    const std::vector<std::byte> lot =
        support::pattern(support::slowness > 1 ? 700'001 : 3'000'001);

    // A stream of this kind that carries the lot, and whoever feeds it.
    struct fed_source {
        std::unique_ptr<io::byte_stream> stream;
        pirn::join_handle<> feeder;
    };
    template <class Near, class Far>
    fed_source fed(Near near, Far far) {
        auto feeder = pirn::spawn([this, near = std::move(near)]() mutable {
            std::error_code gone;
            near.write_all(lot, gone);
            near.close();
        });
        return {std::make_unique<Far>(std::move(far)), std::move(feeder)};
    }
    fed_source from(const std::string& kind) {
        if (kind == "file") {
            io::file::create(here / "source").write_all(lot);
            return {std::make_unique<io::file>(io::file::open(here / "source")), {}};
        }
        if (kind == "pipe") {
            auto [reading, writing] = io::make_pipe();
            return fed(std::move(writing), std::move(reading));
        }
        if (kind == "socket") {
            auto [near, far] = sockets();
            return fed(std::move(near), std::move(far));
        }
        auto [near, far] = io::memory_pipe();
        return fed(std::move(near), std::move(far));
    }

    // A stream of this kind, and everything that has arrived there in the end.
    struct watched_target {
        std::unique_ptr<io::byte_stream> stream;
        std::function<std::vector<std::byte>()> arrived;
    };
    template <class Near, class Far>
    watched_target watched(Near near, Far far) {
        auto reader = std::make_shared<pirn::join_handle<std::vector<std::byte>>>(
            pirn::spawn([far = std::move(far)]() mutable { return support::read_all(far); }));
        return {std::make_unique<Near>(std::move(near)), [reader] { return reader->get(); }};
    }
    watched_target to(const std::string& kind, bool append = false) {
        if (kind == "file") {
            return {std::make_unique<io::file>(io::file::open(
                        here / "target",
                        {.write = true, .append = append, .create = true, .truncate = true})),
                    [this] {
                        io::file made = io::file::open(here / "target");
                        return support::read_all(made);
                    }};
        }
        if (kind == "pipe") {
            auto [reading, writing] = io::make_pipe();
            return watched(std::move(writing), std::move(reading));
        }
        if (kind == "socket") {
            auto [near, far] = sockets();
            return watched(std::move(near), std::move(far));
        }
        auto [near, far] = io::memory_pipe();
        return watched(std::move(near), std::move(far));
    }
};

const std::array kinds{"file", "pipe", "socket", "memory"};

TEST_F(copying, goes_from_anything_to_anything) {
    pirn::run([&] {
        for (const char* one : kinds) {
            for (const char* other : kinds) {
                for (const bool by_kernel : {true, false}) {
                    SCOPED_TRACE(testing::Message()
                                 << one << " to " << other << (by_kernel ? "" : " by buffer"));
                    fed_source source = from(one);
                    watched_target target = to(other);
                    EXPECT_EQ(io::copy(*source.stream, *target.stream, {.by_kernel = by_kernel}),
                              lot.size());
                    target.stream->close();
                    EXPECT_TRUE(target.arrived() == lot);
                }
            }
        }
    });
}

TEST_F(copying, ends_at_its_limit_and_goes_on_from_there) {
    pirn::run([&] {
        for (const char* one : kinds) {
            for (const char* other : {"file", "pipe", "socket"}) {
                SCOPED_TRACE(testing::Message() << one << " to " << other);
                fed_source source = from(one);
                watched_target target = to(other);
                EXPECT_EQ(io::copy(*source.stream, *target.stream, {.most = 0}), 0U);
                EXPECT_EQ(io::copy(*source.stream, *target.stream, {.most = 100'001}), 100'001U);
                EXPECT_EQ(support::text_of(*source.stream, 3).size(), 3U);
                target.stream->write_all(std::span{lot}.subspan(100'001, 3));
                EXPECT_EQ(io::copy(*source.stream, *target.stream), lot.size() - 100'004);
                EXPECT_EQ(io::copy(*source.stream, *target.stream), 0U);
                target.stream->close();
                EXPECT_TRUE(target.arrived() == lot);
            }
        }
    });
}

TEST_F(copying, goes_where_the_kernel_refuses_what_it_looked_able_to_do) {
    pirn::run([&] {
        for (const char* one : kinds) {
            fed_source source = from(one);
            watched_target target = to("file", true);
            EXPECT_EQ(io::copy(*source.stream, *target.stream), lot.size()) << one;
            EXPECT_TRUE(target.arrived() == lot) << "appended";
        }
        io::file proc = io::file::open("/proc/self/status");
        watched_target target = to("file");
        EXPECT_GT(io::copy(proc, *target.stream), 100U) << "a file that says to be empty";
    });
}

// By the kernel nothing is lost, whenever it is cancelled.
TEST_F(copying, by_the_kernel_loses_nothing_when_cancelled_at_random) {
    pirn::run([&] {
        using ways = std::pair<const char*, const char*>;
        for (const auto& [one, other] :
             {ways{"file", "pipe"}, ways{"file", "file"}, ways{"file", "socket"},
              ways{"pipe", "pipe"}, ways{"pipe", "file"}, ways{"pipe", "socket"},
              ways{"socket", "pipe"}}) {
            {
                SCOPED_TRACE(testing::Message() << one << " to " << other);
                fed_source source = from(one);
                watched_target target = to(other);
                std::mt19937 random{7};
                std::uint64_t copied = 0;
                while (copied < lot.size()) {
                    pirn::cancel_scope scope{std::chrono::microseconds{1U << (random() % 14)}};
                    std::error_code error;
                    static_cast<void>(scope.run(
                        [&] { copied += io::copy(*source.stream, *target.stream, {}, error); }));
                    ASSERT_TRUE(!error || error == std::errc::operation_canceled)
                        << error.message();
                    if (!error && copied < lot.size()) {
                        ADD_FAILURE() << "the end came after " << copied;
                        break;
                    }
                    pirn::yield_now();
                }
                target.stream->close();
                EXPECT_EQ(copied, lot.size());
                EXPECT_TRUE(target.arrived() == lot);
            }
        }
    });
}

TEST_F(copying, ends_with_an_error_when_either_stream_is_closed) {
    pirn::run([&] {
        for (const char* one : {"pipe", "memory"}) {
            for (const bool close_source : {true, false}) {
                std::unique_ptr<io::byte_stream> never_fed;
                io::pipe_ends pipe = io::make_pipe();
                io::memory_stream_pair memory = io::memory_pipe();
                io::byte_stream& source = one == std::string{"pipe"}
                                              ? static_cast<io::byte_stream&>(pipe.reading)
                                              : static_cast<io::byte_stream&>(memory.far);
                io::pipe_ends out = io::make_pipe();
                auto task = pirn::spawn([&] {
                    std::error_code error;
                    EXPECT_EQ(io::copy(source, out.writing, {}, error), 0U);
                    if (close_source || one == std::string{"pipe"}) {
                        EXPECT_EQ(error, std::errc::operation_canceled);
                    }
                });
                pirn::yield_now();
                if (close_source) {
                    source.close();
                } else {
                    out.writing.close();
                    memory.near.close(); // by a buffer, it waits for bytes before it writes
                }
                task.get();
            }
        }
    });
}

// By the kernel it may be: the pipe holds the pages of the file. That is the contract, and no promise either.
TEST_F(copying, by_buffer_is_not_changed_by_later_writes_to_the_file) {
    pirn::run([&] {
        for (const char* other : {"pipe", "socket"}) {
            io::file source = io::file::open(
                here / "changing", {.read = true, .write = true, .create = true, .truncate = true});
            source.write_all(std::string(4096, 'o'));
            source.seek(0);
            auto [reading, writing] = io::make_pipe();
            auto [near, far] = sockets();
            const bool pipe = other == std::string{"pipe"};
            io::byte_stream& to = pipe ? static_cast<io::byte_stream&>(writing) : near;
            io::byte_stream& peer = pipe ? static_cast<io::byte_stream&>(reading) : far;
            EXPECT_EQ(io::copy(source, to, {.by_kernel = false}), 4096U);
            source.write_all_at(std::string(4096, 'n'), 0);
            EXPECT_EQ(support::text_of(peer, 4096), std::string(4096, 'o')) << other;
        }
    });
}

TEST_F(copying, says_what_went_wrong) {
    pirn::run([&] {
        fed_source source = from("file");
        auto [reading, writing] = io::make_pipe();
        reading.close();
        std::error_code error;
        EXPECT_EQ(io::copy(*source.stream, writing, {}, error), 0U);
        EXPECT_EQ(error, std::errc::broken_pipe);
        EXPECT_THROW(io::copy(*source.stream, writing), std::system_error);
        EXPECT_TRUE(support::complains(
            [&, &to = writing] { io::copy(*source.stream, to, {.buffer = 0}); }, "no bytes"));
    });
}

} // namespace
