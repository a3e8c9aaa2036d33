// SPDX-License-Identifier: MIT
//
// What changes in the file system.
#include <pirn/io/file_watch.hpp>

#include <pirn/base/error.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "io/folder.hpp"
#include "support/account.hpp"

#include <filesystem>
#include <system_error>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

namespace io = pirn::io;
namespace fs = std::filesystem;
using io::change;

class file_watches : public support::balanced<> {
  protected:
    support::folder here;
};

TEST_F(file_watches, tell_what_happens_in_a_folder_in_order) {
    pirn::run([&] {
        io::file_watch watch;
        watch.add(here.path(), change::created | change::written | change::removed |
                                   change::moved_away | change::moved_here);
        here.put("a", "text");
        fs::rename(here / "a", here / "b");
        fs::remove(here / "b");
        fs::create_directory(here / "d");
        const auto expect_next = [&](change what, const char* name) {
            const io::file_event event = watch.next();
            EXPECT_EQ(event.what, what);
            EXPECT_EQ(event.path, here / name);
            return event;
        };
        expect_next(change::created, "a");
        expect_next(change::written, "a");
        const auto away = expect_next(change::moved_away, "a");
        const auto back = expect_next(change::moved_here, "b");
        EXPECT_EQ(away.cookie, back.cookie);
        EXPECT_NE(away.cookie, 0U);
        expect_next(change::removed, "b");
        EXPECT_TRUE(expect_next(change::created, "d").is_folder);
    });
}

TEST_F(file_watches, are_ranges_that_wait) {
    pirn::run([&] {
        here.put("f", "");
        io::file_watch watch;
        watch.add(here / "f", change::written);
        bool enough = false;
        auto writing = pirn::spawn([&] {
            while (!enough) { // events that follow each other unread, and are the same, are one
                here.put("f", "text");
                pirn::sleep_for(std::chrono::milliseconds{1});
            }
        });
        int count = 0;
        for (const auto& event : watch) {
            EXPECT_EQ(event.path, here / "f");
            if (++count == 5) break;
        }
        enough = true;
        writing.get();
    });
}

TEST_F(file_watches, tell_the_end_of_what_is_watched) {
    pirn::run([&] {
        here.put("f", "");
        here.put("g", "");
        io::file_watch watch;
        watch.add(here / "f", change::self_removed);
        fs::remove(here / "f");
        EXPECT_EQ(watch.next().what, change::self_removed);
        auto event = watch.next();
        EXPECT_TRUE(io::has(event.what, change::ended));
        EXPECT_EQ(event.path, here / "f");
        watch.add(here / "g");
        watch.remove(here / "g");
        watch.remove(here / "never watched");
        event = watch.next();
        EXPECT_EQ(event.what, change::ended);
        EXPECT_EQ(event.path, here / "g");
    });
}

TEST_F(file_watches, that_are_cancelled_lose_no_event) {
    pirn::run([&] {
        io::file_watch watch;
        watch.add(here.path(), change::created);
        auto stopped = pirn::spawn([&] {
            std::error_code error;
            watch.next(error);
            EXPECT_EQ(error, std::errc::operation_canceled);
            here.put("a", "");
            EXPECT_THROW(watch.next(), pirn::cancelled);
        });
        pirn::yield_now();
        stopped.request_stop();
        stopped.get();
        here.put("b", "");
        EXPECT_EQ(watch.next().path, here / "a");
        auto stopped_again = pirn::spawn([&] { EXPECT_THROW(watch.next(), pirn::cancelled); });
        stopped_again.request_stop(); // although the second event has been read with the first
        stopped_again.get();
        io::file_watch moved{std::move(watch)};
        EXPECT_EQ(moved.next().path, here / "b");
    });
}

TEST_F(file_watches, say_when_events_are_missing) {
    pirn::run([&] {
        io::file_watch watch;
        watch.add(here.path(), change::attributes);
        here.put("a", "");
        here.put("b", "");
        bool lost = false;
        // More than the queue holds (16,384 unless somebody has changed it), of two in turn: equals are joined.
        for (int i = 0; i < 40'000; ++i) {
            ASSERT_EQ(::chmod((here / (i % 2 == 0 ? "a" : "b")).c_str(), 0600), 0);
        }
        for (int i = 0; i < 40'001 && !lost; ++i) {
            const auto event = watch.next();
            lost = io::has(event.what, change::lost);
            EXPECT_TRUE(!lost || event.path.empty());
        }
        EXPECT_TRUE(lost);
    });
}

TEST_F(file_watches, of_what_is_not_there_are_refused) {
    pirn::run([&] {
        io::file_watch watch;
        std::error_code error;
        watch.add(here / "nowhere", change::everything, error);
        EXPECT_EQ(error, std::errc::no_such_file_or_directory);
        EXPECT_THROW(watch.add(here / "nowhere"), std::system_error);
    });
}

} // namespace
