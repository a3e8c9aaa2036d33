// SPDX-License-Identifier: MIT
//
// Open files, as streams and at any place.
#include <pirn/io/file.hpp>

#include <pirn/base/error.hpp>
#include <pirn/io/conformance.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/scope/timeout.hpp>

#include "io/folder.hpp"
#include "io/streams.hpp"
#include "support/account.hpp"
#include "support/misuse.hpp"

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <tuple>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

namespace io = pirn::io;

class files : public support::balanced<> {
  protected:
    support::folder here;
};

TEST_F(files, behave_as_every_stream_that_stores_does) {
    pirn::run([&] {
        support::expect_conformance(
            [&] {
                const auto path = here / "stored";
                return io::checked_pair{std::make_unique<io::file>(io::file::create(path)),
                                        std::make_unique<io::file>(io::file::open(path))};
            },
            // A reader that comes to the end before the writer reads 0: only laws that write first hold.
            {.two_way = false, .half_close = false, .bounded = false, .waits = false});
    });
}

TEST_F(files, are_opened_as_they_are_told) {
    pirn::run([&] {
        const auto path = here.put("there", "0123");
        EXPECT_EQ(support::text_to_end(*std::make_unique<io::file>(io::file::open(path))), "0123");
        io::file::open(path, {.append = true}).write_all("45");
        EXPECT_EQ(here.get("there"), "012345");
        io::file::open(path, {.write = true}).write_all("xy");
        EXPECT_EQ(here.get("there"), "xy2345");
        io::file::create(path).write_all("z");
        EXPECT_EQ(here.get("there"), "z");
        std::error_code error;
        io::file::open(path, {.exclusive = true}, error);
        EXPECT_EQ(error, std::errc::file_exists);
        io::file::open(here / "nowhere", {}, error);
        EXPECT_EQ(error, std::errc::no_such_file_or_directory);
        io::file::open(here / "new", {.write = true, .create = true, .permissions = 0600});
        struct stat known{};
        ASSERT_EQ(::stat((here / "new").c_str(), &known), 0);
        EXPECT_EQ(known.st_mode & 0777, 0600U);
        ASSERT_EQ(::symlink("there", (here / "link").c_str()), 0);
        EXPECT_TRUE(io::file::open(here / "link").is_open());
        io::file::open(here / "link", {.follow_links = false}, error);
        EXPECT_EQ(error, std::errc::too_many_symbolic_link_levels);
    });
}

TEST_F(files, name_the_path_that_was_refused) {
    pirn::run([&] {
        try {
            io::file::open(here / "nowhere");
            FAIL();
        } catch (const std::system_error& error) {
            EXPECT_NE(std::string{error.what()}.find((here / "nowhere").string()),
                      std::string::npos)
                << error.what();
        }
    });
}

TEST_F(files, are_read_and_written_at_any_place_which_leaves_the_position_alone) {
    pirn::run([&] {
        io::file both = io::file::open(here / "f", {.write = true, .create = true});
        both.write_all("0123456789");
        EXPECT_EQ(both.position(), 10U);
        both.write_all_at("ab", 4);
        std::array<char, 4> four{};
        EXPECT_EQ(both.read_at(four, 3), 4U);
        EXPECT_EQ(std::string_view(four.data(), 4), "3ab6");
        EXPECT_EQ(both.read_at(four, 10), 0U) << "the end";
        EXPECT_EQ(both.position(), 10U);
        both.seek(8);
        EXPECT_EQ(support::text_of(both, 9), "89");
        both.write_all_at("!", 12);
        EXPECT_EQ(both.seek_to_end(), 13U);
        EXPECT_EQ(here.get("f"), std::string("0123ab6789\0\0!", 13));
    });
}

TEST_F(files, take_and_give_several_pieces) {
    pirn::run([&] {
        io::file both = io::file::open(here / "f", {.write = true, .create = true});
        const std::array<pirn::bytes, 3> words{pirn::bytes{"one"}, pirn::bytes{""},
                                               pirn::bytes{"three"}};
        EXPECT_EQ(both.write_vector(words), 8U);
        EXPECT_EQ(both.write_vector_at(words, 8), 8U);
        std::array<char, 5> five{};
        std::array<char, 20> twenty{};
        const std::array<pirn::mutable_bytes, 2> into{five, twenty};
        EXPECT_EQ(both.read_vector_at(into, 0), 16U);
        EXPECT_EQ(std::string_view(five.data(), 5), "oneth");
        EXPECT_EQ(std::string_view(twenty.data(), 11), "reeonethree");
        both.seek(0);
        EXPECT_EQ(both.read_vector(into), 16U);
        std::vector<pirn::bytes> many(100, pirn::bytes{"x"});
        both.write_all_vector(many);
        EXPECT_EQ(both.seek_to_end(), 116U);
    });
}

TEST_F(files, tell_and_change_what_they_are) {
    pirn::run([&] {
        io::file one = io::file::open(here / "f", {.write = true, .create = true});
        one.write_all("0123456789");
        one.sync();
        one.sync_data();
        io::file_status known = one.status();
        EXPECT_EQ(known.kind, io::file_kind::regular);
        EXPECT_EQ(known.size, 10U);
        EXPECT_EQ(known.links, 1U);
        one.truncate(4);
        EXPECT_EQ(here.get("f"), "0123");
        one.allocate(0, 100'000);
        known = one.status();
        EXPECT_EQ(known.size, 100'000U);
        EXPECT_GE(known.allocated, 100'000U);
        std::error_code error;
        one.shutdown_write(error);
        EXPECT_EQ(error, std::errc::not_supported);
        one.truncate(UINT64_MAX, error);
        EXPECT_TRUE(error) << "an offset that the kernel does not know";
        std::array<char, 1> byte{};
        std::ignore = one.read_at(byte, UINT64_MAX, error);
        EXPECT_TRUE(error || byte[0] == 0);
    });
}

TEST_F(files, are_read_at_many_places_at_once) {
    pirn::run([&] {
        const auto lot = support::pattern(100'000);
        io::file one = io::file::open(here / "f", {.write = true, .create = true});
        one.write_all(lot);
        std::vector<pirn::join_handle<>> tasks;
        for (std::size_t i = 0; i < 100; ++i) {
            tasks.push_back(pirn::spawn([&, i] {
                std::vector<std::byte> buffer(1000);
                EXPECT_EQ(one.read_at(buffer, i * 1000), 1000U);
                EXPECT_TRUE(std::equal(buffer.begin(), buffer.end(),
                                       lot.begin() + static_cast<std::ptrdiff_t>(i * 1000)));
            }));
        }
        for (auto& each : tasks) each.get();
    });
}

TEST_F(files, that_are_closed_end_what_is_in_flight_and_what_comes_later) {
    pirn::run([&] {
        io::file one = io::file::open(here / "f", {.write = true, .create = true});
        const auto lot = support::pattern(1 << 20);
        std::vector<pirn::join_handle<>> tasks;
        for (std::uint64_t i = 0; i < 20; ++i) {
            tasks.push_back(pirn::spawn([&, i] {
                std::error_code error;
                one.write_all_at(lot, i << 20, error);
                EXPECT_TRUE(!error || error == std::errc::operation_canceled) << error.message();
            }));
        }
        pirn::yield_now();
        one.close();
        EXPECT_FALSE(one.is_open());
        for (auto& each : tasks) each.get();
        std::error_code error;
        std::ignore = one.write("late", error);
        EXPECT_EQ(error, std::errc::operation_canceled);
        one.sync(error);
        EXPECT_EQ(error, std::errc::operation_canceled);
    });
}

TEST_F(files, are_locked_against_each_other) {
    pirn::run([&] {
        io::file one = io::file::create(here / "f");
        io::file other = io::file::create(here / "f");
        one.lock();
        EXPECT_FALSE(other.try_lock());
        EXPECT_FALSE(other.try_lock(io::file::lock_kind::shared));
        auto waiting = pirn::spawn([&] { other.lock(); });
        io::file third = io::file::create(here / "f");
        auto stopped = pirn::spawn([&] { EXPECT_THROW(third.lock(), pirn::cancelled); });
        pirn::sleep_for(std::chrono::milliseconds{5});
        EXPECT_FALSE(waiting.done());
        stopped.request_stop();
        stopped.get();
        one.unlock();
        waiting.get();
        EXPECT_FALSE(one.try_lock());
        other.close();
        EXPECT_TRUE(one.try_lock(io::file::lock_kind::shared));
    });
}

TEST_F(files, are_read_whole_up_to_a_limit) {
    pirn::run([&] {
        EXPECT_EQ(io::read_file(here.put("empty", "")), "");
        EXPECT_EQ(io::read_file(here.put("some", "some text")), "some text");
        EXPECT_EQ(io::read_file(here / "some", 9), "some text");
        EXPECT_THROW(io::read_file(here / "some", 8), std::system_error);
        EXPECT_FALSE(io::read_file("/proc/self/status").empty())
            << "which says that it has no bytes";
    });
}

TEST_F(files, without_room_to_read_into_are_a_programmer_error) {
    pirn::run([&] {
        io::file one = io::file::open(here.put("f", "x"));
        EXPECT_TRUE(support::complains([&] { one.read_at({}, 0); }, "a buffer of no bytes"));
        auto reading = io::file{};
        std::array<char, 1> byte{};
        EXPECT_TRUE(support::complains([&] { reading.read(byte); }, "not open"));
    });
}

// What is opened reads and writes as the options say, and nothing else.
TEST_F(files, are_opened_for_what_the_options_name) {
    pirn::run([&] {
        const auto path = here.put("file", "old");
        for (unsigned bits = 0; bits < 64; ++bits) {
            const auto is = [bits](unsigned bit) { return (bits & (1U << bit)) != 0; };
            const bool exclusive = is(5);
            const io::open_options options{.read = is(0),
                                           .write = is(1),
                                           .append = is(2),
                                           .create = is(3),
                                           .exclusive = exclusive,
                                           .truncate = is(4)};
            const bool reads = options.read;
            const bool writes = options.write || options.append || options.truncate;
            std::filesystem::remove(path);
            if (!exclusive) here.put("file", "old");
            std::error_code error;
            auto file = io::file::open(path, options, error);
            if (!reads && !writes) {
                EXPECT_EQ(error, std::errc::invalid_argument) << bits;
                EXPECT_THROW(io::file::open(path, options), std::system_error);
                EXPECT_EQ(std::filesystem::exists(path), !exclusive) << bits;
                continue;
            }
            ASSERT_FALSE(error) << bits << error.message();
            std::array<char, 8> buffer{};
            std::ignore = file.read(buffer, error);
            EXPECT_EQ(!error, reads) << bits;
            std::ignore = file.write("new", error);
            EXPECT_EQ(!error, writes) << bits;
        }
    });
}

TEST_F(files, without_places_refuse_offsets) {
    pirn::run([&] {
        std::array<int, 2> pipe{};
        ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
        std::array<int, 2> sockets{};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()), 0);
        pirn::os::handle screen{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
        ASSERT_TRUE(screen);
        const pirn::os::handle far_socket{sockets[1]};
        std::array<io::file, 4> all{
            io::file{pirn::os::handle{pipe[0]}}, io::file{pirn::os::handle{pipe[1]}},
            io::file{pirn::os::handle{sockets[0]}}, io::file{std::move(screen)}};
        const auto refused = [](const char* name, auto call) {
            std::error_code error;
            call(error);
            EXPECT_EQ(error, std::errc::invalid_seek) << name;
        };
        std::array<char, 4> room{};
        const std::array<pirn::mutable_bytes, 1> into{pirn::mutable_bytes{room}};
        const std::array<pirn::bytes, 1> from{pirn::bytes{"x"}};
        for (std::size_t i = 0; i < all.size(); ++i) {
            io::file& file = all[i];
            if (i != 1) { // the writing end of the pipe
                refused("read_at",
                        [&](auto& error) { std::ignore = file.read_at(room, 0, error); });
                refused("read_vector_at",
                        [&](auto& error) { std::ignore = file.read_vector_at(into, 7, error); });
                EXPECT_THROW(file.read_at(room, 0), std::system_error);
            }
            if (i != 0) {
                refused("write_at",
                        [&](auto& error) { std::ignore = file.write_at("x", 0, error); });
                refused("write_vector_at",
                        [&](auto& error) { std::ignore = file.write_vector_at(from, 7, error); });
                refused("write_all_at", [&](auto& error) { file.write_all_at("x", 1, error); });
                EXPECT_THROW(file.write_at("x", 0), std::system_error);
            }
        }
    });
}

// As open(2): until the other end is open.
TEST_F(files, of_pipes_with_names_are_opened_when_both_ends_are) {
    pirn::run([&] {
        const auto path = here / "fifo";
        for (const bool reader_first : {true, false}) {
            ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
            const io::open_options to_write{.read = false, .write = true};
            const io::open_options to_read{};
            bool opened = false;
            io::file first;
            auto waiting = pirn::spawn([&] {
                first = io::file::open(path, reader_first ? to_read : to_write);
                opened = true;
            });
            pirn::sleep_for(std::chrono::milliseconds{20});
            EXPECT_FALSE(opened) << reader_first;
            io::file second = io::file::open(path, reader_first ? to_write : to_read);
            waiting.get();
            (reader_first ? second : first).write_all("hello");
            EXPECT_EQ(support::text_of(reader_first ? first : second, 5), "hello");
            std::filesystem::remove(path);
        }
    });
}

TEST_F(files, of_pipes_with_names_are_not_waited_for_after_a_cancel) {
    pirn::run([&] {
        const auto path = here / "fifo";
        ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
        for (const bool reads : {true, false}) {
            EXPECT_FALSE(pirn::try_with_timeout(std::chrono::milliseconds{20}, [&] {
                io::file::open(path, {.read = reads, .write = !reads});
            })) << reads;
        }
    });
}

} // namespace
