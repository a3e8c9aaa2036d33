// SPDX-License-Identifier: MIT
//
// Strings with a zero byte, which a call of C would cut: every function that takes a name refuses them, and nothing
// has happened to what the shorter name means.
#include <pirn/io/directory.hpp>
#include <pirn/io/file.hpp>
#include <pirn/io/file_system.hpp>
#include <pirn/io/file_watch.hpp>
#include <pirn/io/process.hpp>
#include <pirn/io/temporary.hpp>
#include <pirn/runtime/runtime.hpp>

#include "io/folder.hpp"
#include "support/account.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

namespace {

namespace io = pirn::io;
namespace fs = std::filesystem;
using namespace std::string_literals;
using words = std::vector<std::string>;

class zero_byte : public support::balanced<> {
  protected:
    // In the middle, at the end, at the beginning of the last name.
    std::vector<fs::path> names(const std::string& name) const {
        const std::string whole = (here / name).string();
        return {whole + "\0.tmp"s, whole + "\0"s, (here / "").string() + "\0x"s};
    }
    void check_untouched() const {
        EXPECT_EQ(here.get("victim"), "text");
        EXPECT_TRUE(fs::is_directory(here / "empty"));
        int count = 0;
        for ([[maybe_unused]] const auto& each : fs::directory_iterator{here.path()}) ++count;
        EXPECT_EQ(count, 2) << "nothing was made, and nothing removed";
    }

    support::folder here;
};

void expect_refused(const char* function, const std::function<void()>& call) {
    try {
        call();
        ADD_FAILURE() << function;
    } catch (const std::system_error& thrown) {
        EXPECT_EQ(thrown.code(), std::errc::invalid_argument) << function;
        EXPECT_NE(std::string_view{thrown.what()}.find("\\0"), std::string_view::npos)
            << function << ": " << thrown.what();
    }
}

void expect_refused(const char* function, const std::function<void(std::error_code&)>& call,
                    const std::function<void()>& throws) {
    std::error_code error;
    call(error);
    EXPECT_EQ(error, std::errc::invalid_argument) << function;
    expect_refused(function, throws);
}

TEST_F(zero_byte, in_a_path_is_refused_by_all_functions_of_files) {
    here.put("victim", "text");
    fs::create_directory(here / "empty");
    const fs::path victim = here / "victim";
    const fs::path fresh = here / "fresh";
    pirn::run([&] {
        for (const fs::path& bad : names("victim")) {
            expect_refused(
                "open", [&](auto& e) { io::file::open(bad, {}, e); }, [&] { io::file::open(bad); });
            expect_refused(
                "create", [&](auto& e) { io::file::create(bad, e); },
                [&] { io::file::create(bad); });
            expect_refused("read_file", [&] { io::read_file(bad); });
            expect_refused(
                "status_of", [&](auto& e) { io::status_of(bad, io::links::followed, e); },
                [&] { io::status_of(bad, io::links::not_followed); });
            expect_refused(
                "remove_file", [&](auto& e) { io::remove_file(bad, e); },
                [&] { io::remove_file(bad); });
            expect_refused(
                "rename_file from", [&](auto& e) { io::rename_file(bad, fresh, e); },
                [&] { io::rename_file(bad, fresh); });
            expect_refused(
                "rename_file to", [&](auto& e) { io::rename_file(victim, bad, e); },
                [&] { io::rename_file(victim, bad); });
            expect_refused("atomic_replace", [&] { io::atomic_replace(bad, "new"); });
            io::file_watch watch;
            expect_refused(
                "file_watch", [&](auto& e) { watch.add(bad, io::change::everything, e); },
                [&] { watch.add(bad); });
        }
        check_untouched();
    });
}

TEST_F(zero_byte, in_a_path_is_refused_by_all_functions_of_folders) {
    here.put("victim", "text");
    fs::create_directory(here / "empty");
    pirn::run([&] {
        for (const fs::path& bad : names("empty")) {
            expect_refused(
                "remove_directory", [&](auto& e) { io::remove_directory(bad, e); },
                [&] { io::remove_directory(bad); });
            expect_refused("directory", [&] { io::directory{bad}.next(); });
            std::error_code told;
            io::directory walk{
                bad, {.on_error = [&](const fs::path& path, const std::error_code& error) {
                    EXPECT_EQ(path, bad);
                    told = error;
                }}};
            EXPECT_EQ(walk.next(), nullptr);
            EXPECT_EQ(told, std::errc::invalid_argument);
            expect_refused("temporary_file", [&] { io::temporary_file{bad}; });
        }
        for (const fs::path& bad : names("fresh")) {
            expect_refused(
                "make_directory", [&](auto& e) { io::make_directory(bad, 0700, e); },
                [&] { io::make_directory(bad); });
        }
        EXPECT_THROW((io::temporary_file{here.path(), "a\0b"s}), std::system_error);
        {
            io::temporary_file kept{here.path()};
            const fs::path bad = names("victim").front();
            expect_refused("keep", [&](auto& e) { kept.keep(bad, e); }, [&] { kept.keep(bad); });
        }
        check_untouched();
    });
}

TEST_F(zero_byte, in_a_word_of_a_process_is_refused) {
    pirn::run([&] {
        const auto refused = [&](const words& command, const io::process_options& options) {
            std::error_code error;
            const io::process none{command, options, error};
            EXPECT_EQ(error, std::errc::invalid_argument);
            EXPECT_FALSE(none.running());
            EXPECT_THROW((io::process{command, options}), std::system_error);
            EXPECT_THROW(io::run_process(command, {}, options), std::system_error);
        };
        refused({"true\0x"s}, {});
        refused({"\0"s}, {});
        refused({"true", "a\0b"s}, {});
        refused({"true", "a", "\0"s}, {});
        refused({"true"}, {.environment = words{"A=1\0B"s}});
        refused({"true"}, {.environment = words{"A\0=1"s}});
        refused({"true"}, {.environment_changes = {"A=1\0"s}});
        refused({"true"}, {.environment_changes = {"HOME\0X"s}});
        refused({"true"}, {.working_directory = here.path().string() + "\0x"s});
        expect_refused("process", [] { io::process{words{"true\0x"s}}; });
    });
}

} // namespace
