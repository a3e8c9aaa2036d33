// SPDX-License-Identifier: MIT
//
// Names of files.
#include <pirn/io/file_system.hpp>

#include <pirn/base/error.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/spawn.hpp>

#include "io/folder.hpp"
#include "support/account.hpp"

#include <chrono>
#include <filesystem>
#include <system_error>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

namespace io = pirn::io;

class file_system : public support::balanced<> {
  protected:
    support::folder here;
};

TEST_F(file_system, tells_what_is_known_about_a_path) {
    pirn::run([&] {
        const auto path = here.put("f", "12345");
        std::filesystem::permissions(path, std::filesystem::perms{0640});
        std::filesystem::create_symlink("f", here / "link");
        const auto known = io::status_of(path);
        EXPECT_EQ(known.kind, io::file_kind::regular);
        EXPECT_EQ(known.size, 5U);
        EXPECT_EQ(known.permissions, 0640U);
        EXPECT_EQ(known.owner, ::geteuid());
        const auto age = std::chrono::system_clock::now() - known.modified;
        EXPECT_LT(age, std::chrono::minutes{10});
        EXPECT_GT(age, -std::chrono::minutes{10});
        EXPECT_EQ(io::status_of(here / "link").inode, known.inode);
        EXPECT_EQ(io::status_of(here / "link", io::links::not_followed).kind, io::file_kind::link);
        EXPECT_EQ(io::status_of(here.path()).kind, io::file_kind::directory);
        EXPECT_EQ(io::status_of("/dev/null").kind, io::file_kind::character_device);
    });
}

TEST_F(file_system, renames_removes_and_makes) {
    pirn::run([&] {
        io::make_directory(here / "folder", 0700);
        EXPECT_EQ(io::status_of(here / "folder").permissions, 0700U);
        here.put("a", "old");
        here.put("b", "new");
        io::rename_file(here / "b", here / "a");
        EXPECT_EQ(here.get("a"), "new");
        std::error_code error;
        io::status_of(here / "b", io::links::followed, error);
        EXPECT_EQ(error, std::errc::no_such_file_or_directory);
        io::remove_file(here / "folder", error);
        EXPECT_TRUE(error);
        io::remove_directory(here / "folder");
        io::remove_file(here / "a");
        EXPECT_TRUE(std::filesystem::is_empty(here.path()));
        EXPECT_THROW(io::remove_file(here / "a"), std::system_error);
        EXPECT_THROW(io::remove_directory(here / "a"), std::system_error);
        EXPECT_THROW(io::rename_file(here / "a", here / "b"), std::system_error);
        EXPECT_THROW(io::make_directory(here.path()), std::system_error);
        EXPECT_THROW(io::status_of(here / "a"), std::system_error);
    });
}

TEST_F(file_system, does_nothing_for_a_task_that_is_asked_to_stop) {
    pirn::run([&] {
        here.put("a", "still there");
        auto stopped = pirn::spawn([&] {
            EXPECT_THROW(io::remove_file(here / "a"), pirn::cancelled);
            std::error_code error;
            io::make_directory(here / "d", 0777, error);
            EXPECT_EQ(error, std::errc::operation_canceled);
        });
        stopped.request_stop();
        stopped.get();
        EXPECT_EQ(here.get("a"), "still there");
        EXPECT_FALSE(std::filesystem::exists(here / "d"));
    });
}

} // namespace
