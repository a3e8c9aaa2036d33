// SPDX-License-Identifier: MIT
//
// Files that go by themselves, and files that change all at once.
#include <pirn/io/temporary.hpp>

#include <pirn/base/error.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "io/folder.hpp"
#include "io/streams.hpp"
#include "support/account.hpp"

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

namespace io = pirn::io;
namespace fs = std::filesystem;

class temporary_files : public support::balanced<> {
  protected:
    support::folder here;
    bool empty() const { return fs::is_empty(here.path()); }
};

TEST_F(temporary_files, have_a_name_and_go) {
    pirn::run([&] {
        fs::path path;
        {
            io::temporary_file one{here.path(), "x-"};
            path = one.path();
            EXPECT_EQ(path.parent_path(), here.path());
            EXPECT_EQ(path.filename().string().find("x-"), 0U);
            one.file().write_all("text");
            EXPECT_EQ(here.get(path.filename().string()), "text");
            struct stat known{};
            ASSERT_EQ(::stat(path.c_str(), &known), 0);
            EXPECT_EQ(known.st_mode & 0777, 0600U);
            io::temporary_file moved{std::move(one)};
            moved = io::temporary_file{here.path()};
            EXPECT_FALSE(fs::exists(path));
        }
        EXPECT_TRUE(empty());
        io::temporary_file somewhere;
        EXPECT_EQ(somewhere.path().parent_path(), fs::temp_directory_path());
    });
}

TEST_F(temporary_files, go_also_when_the_task_is_asked_to_stop_and_when_the_runtime_has_ended) {
    std::optional<io::temporary_file> kept;
    pirn::run([&] {
        auto stopped = pirn::spawn([&] {
            const io::temporary_file one{here.path()};
            pirn::sleep_for(std::chrono::hours{1});
        });
        while (empty()) pirn::sleep_for(std::chrono::milliseconds{1});
        stopped.request_stop();
        EXPECT_THROW(stopped.get(), pirn::cancelled);
        EXPECT_TRUE(empty());
        kept.emplace(here.path());
    });
    EXPECT_FALSE(empty());
    kept.reset();
    EXPECT_TRUE(empty());
}

TEST_F(temporary_files, can_be_kept) {
    pirn::run([&] {
        io::temporary_file one{here.path()};
        one.file().write_all("text");
        one.keep(here / "kept");
    });
    EXPECT_EQ(here.get("kept"), "text");
}

TEST_F(temporary_files, in_no_folder_are_refused) {
    pirn::run([&] { EXPECT_THROW(io::temporary_file{here / "nowhere"}, std::system_error); });
}

TEST_F(temporary_files, replace_a_file_all_at_once) {
    pirn::run([&] {
        io::atomic_replace(here / "f", "first");
        EXPECT_EQ(here.get("f"), "first");
        ASSERT_EQ(::chmod((here / "f").c_str(), 0604), 0);
        io::file old = io::file::open(here / "f");
        io::atomic_replace(here / "f", "second");
        EXPECT_EQ(here.get("f"), "second");
        EXPECT_EQ(support::text_to_end(old), "first") << "whoever has it open keeps it";
        EXPECT_EQ(io::status_of(here / "f").permissions, 0604U) << "handed down";
        io::atomic_replace(here / "new", "x", {.permissions = 0640, .durable = false});
        EXPECT_EQ(io::status_of(here / "new").permissions, 0640U);
    });
}

TEST_F(temporary_files, leave_the_old_file_when_the_new_one_cannot_be_written) {
    pirn::run([&] {
        here.put("f", "old");
        EXPECT_THROW(io::atomic_replace(here / "f",
                                        [](io::file& to) {
                                            to.write_all("half");
                                            throw std::runtime_error{"no more"};
                                        }),
                     std::runtime_error);
        auto stopped = pirn::spawn([&] {
            io::atomic_replace(here / "f", [](io::file& to) {
                to.write_all("half");
                pirn::sleep_for(std::chrono::hours{1});
            });
        });
        pirn::sleep_for(std::chrono::milliseconds{5});
        stopped.request_stop();
        EXPECT_THROW(stopped.get(), pirn::cancelled);
        EXPECT_EQ(here.get("f"), "old");
        EXPECT_EQ(std::distance(fs::directory_iterator{here.path()}, fs::directory_iterator{}), 1)
            << "and nothing else is left";
    });
}

// Readers look while it is replaced again and again: each sees a whole one.
TEST_F(temporary_files, show_readers_the_old_bytes_or_the_new_ones) {
    pirn::run([&] {
        io::atomic_replace(here / "f", std::string(20'000, 'a'), {.durable = false});
        auto replacing = pirn::spawn([&] {
            for (int i = 0; i < 100; ++i) {
                io::atomic_replace(here / "f", std::string(20'000, static_cast<char>('a' + i % 26)),
                                   {.durable = false});
            }
        });
        while (!replacing.done()) {
            const std::string seen = io::read_file(here / "f");
            ASSERT_EQ(seen, std::string(20'000, seen.at(0)));
        }
        replacing.get();
    });
}

TEST_F(temporary_files, have_no_name_that_leads_elsewhere) {
    pirn::run([&] {
        for (const char* prefix : {"../x", "/tmp/x", "a/b", "/"}) {
            try {
                const io::temporary_file one{here.path(), prefix};
                ADD_FAILURE() << prefix;
            } catch (const std::system_error& error) {
                EXPECT_EQ(error.code(), std::errc::invalid_argument) << prefix;
            }
        }
        EXPECT_TRUE(empty());
    });
}

TEST_F(temporary_files, replace_files_whose_names_are_as_long_as_can_be) {
    pirn::run([&] {
        for (const std::size_t size : {1U, 240U, 241U, 242U, 254U, 255U}) {
            const fs::path path = here / std::string(size, 'n').c_str();
            io::atomic_replace(path, [](io::file& to) { to.write_all("new"); });
            EXPECT_EQ(fs::file_size(path), 3U) << size;
            fs::remove(path);
        }
        EXPECT_TRUE(empty());
    });
}

} // namespace
