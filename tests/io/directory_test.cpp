// SPDX-License-Identifier: MIT
//
// Folders as ranges.
#include <pirn/io/directory.hpp>

#include <pirn/base/error.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/spawn.hpp>

#include "io/folder.hpp"
#include "support/account.hpp"

#include <algorithm>
#include <filesystem>
#include <ranges>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace {

namespace io = pirn::io;
namespace fs = std::filesystem;

static_assert(std::ranges::input_range<io::directory>);

class directories : public support::balanced<> {
  protected:
    support::folder here;

    std::vector<std::string> walked(io::directory_options options) {
        std::vector<std::string> found;
        for (const io::entry& each : io::directory{here.path(), std::move(options)}) {
            const auto name = each.path.lexically_relative(here.path()).string();
            EXPECT_EQ(each.depth, static_cast<std::size_t>(std::ranges::count(name, '/')));
            found.push_back(name + (each.kind == io::file_kind::directory ? "/" : ""));
        }
        return found;
    }
};

using names = std::set<std::string>;
names set_of(const std::vector<std::string>& list) { return {list.begin(), list.end()}; }

TEST_F(directories, show_what_is_in_them_and_no_dots) {
    pirn::run([&] {
        EXPECT_EQ(walked({}), std::vector<std::string>{});
        here.put("file", "");
        here.put(".hidden", "");
        fs::create_directories(here / "folder/below");
        fs::create_symlink("nowhere", here / "link");
        EXPECT_EQ(set_of(walked({})), (names{"file", ".hidden", "folder/", "link"}));
    });
}

TEST_F(directories, show_what_is_below_them_each_folder_before_what_is_in_it) {
    pirn::run([&] {
        fs::create_directories(here / "a/b/c");
        fs::create_directories(here / "z");
        here.put("a/b/c/deep", "");
        here.put("a/x", "");
        fs::create_symlink("..", here / "a/up");
        const auto found = walked({.recursive = true});
        EXPECT_EQ(set_of(found),
                  (names{"a/", "a/b/", "a/b/c/", "a/b/c/deep", "a/x", "a/up", "z/"}));
        EXPECT_EQ(found.size(), 7U);
        const auto at = [&](const char* name) { return std::ranges::find(found, name); };
        EXPECT_LT(at("a/"), at("a/b/"));
        EXPECT_LT(at("a/b/"), at("a/b/c/"));
        EXPECT_LT(at("a/b/c/"), at("a/b/c/deep"));
    });
}

TEST_F(directories, of_many_entries_show_each_once) {
    pirn::run([&] {
        names expected;
        for (int i = 0; i < 3000; ++i) {
            expected.insert("a file whose name is not so short " + std::to_string(i));
        }
        for (const auto& each : expected) here.put(each, "");
        const auto found = walked({});
        EXPECT_EQ(set_of(found), expected);
        EXPECT_EQ(found.size(), expected.size());
    });
}

TEST_F(directories, can_be_left_early_and_leave_folders_out) {
    pirn::run([&] {
        fs::create_directories(here / "skipped");
        here.put("skipped/inside", "");
        io::directory walk{here.path(), {.recursive = true}};
        const io::entry* first = walk.next();
        ASSERT_NE(first, nullptr);
        walk.skip();
        EXPECT_EQ(walk.next(), nullptr);
        EXPECT_EQ(walk.next(), nullptr);
        io::directory left{here.path(), {.recursive = true}};
        EXPECT_NE(left.next(), nullptr);
        io::directory moved{std::move(left)};
        EXPECT_NE(moved.next(), nullptr);
    });
}

TEST_F(directories, that_cannot_be_read_are_an_error_or_are_told_to_a_function) {
    pirn::run([&] {
        EXPECT_THROW(io::directory{here / "nowhere"}.next(), std::system_error);
        here.put("file", "");
        std::vector<std::string> failures;
        io::directory_options tell{
            .recursive = true, .on_error = [&](const fs::path& path, const std::error_code& error) {
                failures.push_back(path.filename().string() + ' ' + error.message());
            }};
        EXPECT_EQ((io::directory{here / "file", tell}.next()), nullptr);
        EXPECT_EQ(failures, std::vector<std::string>{"file Not a directory"});
        // A folder that goes while it is walked.
        fs::create_directories(here / "going");
        io::directory walk{here.path(), tell};
        std::size_t count = 0;
        while (const io::entry* each = walk.next()) {
            ++count;
            if (each->kind == io::file_kind::directory) fs::remove(each->path);
        }
        EXPECT_EQ(count, 2U);
        EXPECT_EQ(failures.back(), "going No such file or directory");
    });
}

TEST_F(directories, do_not_follow_a_link_that_somebody_puts_in_the_place_of_a_folder) {
    pirn::run([&] {
        fs::create_directories(here / "walked/folder");
        here.put("secret", "");
        int failures = 0;
        io::directory walk{here / "walked",
                           {.recursive = true, .on_error = [&](auto&, auto&) { ++failures; }}};
        ASSERT_NE(walk.next(), nullptr);
        fs::remove(here / "walked/folder");
        fs::create_directory_symlink(here.path(), here / "walked/folder");
        EXPECT_EQ(walk.next(), nullptr);
        EXPECT_EQ(failures, 1);
    });
}

TEST_F(directories, stop_when_the_task_is_asked_to) {
    pirn::run([&] {
        here.put("a", "");
        io::directory walk{here.path(), {.recursive = false, .on_error = [](auto&, auto&) {}}};
        auto stopped = pirn::spawn([&] { EXPECT_THROW(walk.next(), pirn::cancelled); });
        stopped.request_stop();
        stopped.get();
    });
}

} // namespace
