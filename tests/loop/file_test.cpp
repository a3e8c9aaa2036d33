// SPDX-License-Identifier: MIT
//
// Files and directories: what is right, what is refused, and cancellation, on io_uring, on the pool behind
// epoll, and on the pool behind an io_uring that knows none of the requests.
#include <pirn/loop/file.hpp>

#include <pirn/loop/blocking_pool.hpp>
#include <pirn/os/handle.hpp>

#include "loop/files.hpp"
#if PIRN_HAVE_URING
#include "loop/uring/probe.hpp"
#endif

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <span>
#include <string>

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

using pirn::os::handle;
using support::allocate;
using support::in_order;
using support::make_directory;
using support::open_file;
using support::read_directory;
using support::read_file;
using support::read_pieces;
using support::rename_file;
using support::status;
using support::sync_file;
using support::truncate;
using support::unlink_file;
using support::write_file;
using support::write_pieces;

class file_test : public support::with_folder {
  protected:
    void write_read_and_ask();
    void make_move_and_remove();
    void write_to_nobody();
};
INSTANTIATE_TEST_SUITE_P(file, file_test, support::every_backend(), support::name_of_backend);

void file_test::write_read_and_ask() {
    const std::string path = folder + "cloth";
    const handle file = opened(path, O_RDWR | O_CREAT | O_EXCL);
    EXPECT_NE(::fcntl(file.get(), F_GETFD) & FD_CLOEXEC, 0);

    // Sequential, then at a place, which leaves the position alone.
    write_file first{file.get(), pirn::bytes{"warp and "}, in_order};
    EXPECT_EQ(perform(first), 9);
    write_file second{file.get(), pirn::bytes{"weft"}, in_order};
    EXPECT_EQ(perform(second), 4);
    write_file patch{file.get(), pirn::bytes{"W"}, std::int64_t{9}};
    EXPECT_EQ(perform(patch), 1);
    EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 13);

    std::array<char, 32> space{};
    read_file at{file.get(), space, std::int64_t{5}};
    EXPECT_EQ(perform(at), 8);
    EXPECT_EQ(std::string(space.data(), 8), "and Weft");
    read_file at_the_end{file.get(), space, in_order};
    EXPECT_EQ(perform(at_the_end), 0);

    std::array<char, 5> one{};
    std::array<char, 20> two{};
    const std::array<iovec, 2> into{iovec{one.data(), one.size()}, iovec{two.data(), two.size()}};
    read_pieces pieces{file.get(), std::span<const iovec>{into}, std::int64_t{0}};
    EXPECT_EQ(perform(pieces), 13);
    EXPECT_EQ(std::string(one.data(), 5), "warp ");
    EXPECT_EQ(std::string(two.data(), 8), "and Weft");
    std::array<char, 3> text{'a', 'b', 'c'};
    const std::array<iovec, 2> from{iovec{text.data(), 1}, iovec{text.data() + 1, 2}};
    write_pieces appended{file.get(), std::span<const iovec>{from}, in_order};
    EXPECT_EQ(perform(appended), 3);
    EXPECT_EQ(std::filesystem::file_size(path), 16U);

    for (const bool data_only : {false, true}) {
        sync_file sync{file.get(), data_only};
        EXPECT_EQ(perform(sync), 0);
    }
    allocate more{file.get(), 0, std::int64_t{0}, std::int64_t{10'000}};
    EXPECT_EQ(perform(more), 0);
    EXPECT_EQ(std::filesystem::file_size(path), 10'000U);
    truncate less{file.get(), std::int64_t{4}};
    EXPECT_EQ(perform(less), 0);

    struct statx known{};
    status ask{path.c_str(), &known};
    EXPECT_EQ(perform(ask), 0);
    EXPECT_EQ(known.stx_size, 4U);
    EXPECT_TRUE(S_ISREG(known.stx_mode));
    status by_descriptor{"", &known};
    by_descriptor.directory = file.get();
    by_descriptor.flags = AT_EMPTY_PATH;
    EXPECT_EQ(perform(by_descriptor), 0);
}

void file_test::make_move_and_remove() {
    const std::string below = folder + "below";
    make_directory make{below.c_str(), mode_t{0700}};
    EXPECT_EQ(perform(make), 0);
    EXPECT_EQ(perform(make), -EEXIST);
    const handle place = opened(below, O_RDONLY | O_DIRECTORY);
    {
        open_file relative{"one", O_WRONLY | O_CREAT, mode_t{0600}};
        relative.directory = place.get();
        const handle file{perform(relative)};
        EXPECT_TRUE(file);
    }
    rename_file move{"one", "two"};
    move.directory = move.new_directory = place.get();
    EXPECT_EQ(perform(move), 0);
    EXPECT_TRUE(std::filesystem::exists(below + "/two"));
    EXPECT_EQ(perform(move), -ENOENT);

    alignas(8) std::array<std::byte, 4096> space{};
    std::set<std::string> names;
    read_directory list{place.get(), space};
    while (perform(list) > 0) {
        pirn::bytes filled = pirn::bytes{space}.first(static_cast<std::size_t>(list.result()));
        pirn::directory_entry entry;
        while (pirn::next_entry(filled, entry)) {
            names.insert(entry.name);
            EXPECT_NE(entry.inode, 0U);
        }
    }
    EXPECT_EQ(list.result(), 0);
    EXPECT_EQ(names, (std::set<std::string>{".", "..", "two"}));

    unlink_file full{below.c_str(), AT_REMOVEDIR};
    EXPECT_EQ(perform(full), -ENOTEMPTY);
    unlink_file inner{"two", 0};
    inner.directory = place.get();
    EXPECT_EQ(perform(inner), 0);
    EXPECT_EQ(perform(full), 0);
    EXPECT_FALSE(std::filesystem::exists(below));
}

TEST_P(file_test, is_written_read_and_asked_about) { write_read_and_ask(); }

TEST_P(file_test, is_made_moved_listed_and_removed) { make_move_and_remove(); }

#if PIRN_HAVE_URING
TEST_P(file_test, is_left_to_the_pool_where_the_kernel_knows_no_request) {
    if (!by_uring()) {
        GTEST_SKIP() << "epoll leaves all of it to the pool";
    }
    const auto pool = std::make_shared<pirn::blocking_pool>();
    make_loop({.pool = pool});
    write_read_and_ask();
    EXPECT_EQ(pool->threads(), 0U) << "the kernel knows it, and was not asked";
    std::filesystem::remove(folder + "cloth");

    auto& hidden = pirn::detail::hidden_requests();
    for (const int request :
         {int{IORING_OP_OPENAT}, int{IORING_OP_READ}, int{IORING_OP_WRITE}, int{IORING_OP_READV},
          int{IORING_OP_WRITEV}, int{IORING_OP_FSYNC}, int{IORING_OP_FALLOCATE},
          pirn::detail::uring_request::truncate, int{IORING_OP_STATX}, int{IORING_OP_RENAMEAT},
          int{IORING_OP_UNLINKAT}, int{IORING_OP_MKDIRAT}}) {
        hidden.set(static_cast<std::size_t>(request));
    }
    make_loop({.pool = pool});
    hidden.reset();
    write_read_and_ask();
    make_move_and_remove();
    EXPECT_GT(pool->threads(), 0U);
}
#endif

// ---- refusals -------------------------------------------------------------------------------------

TEST_P(file_test, that_is_not_there_says_so) {
    const std::string nowhere = folder + "nothing";
    open_file open{nowhere.c_str(), O_RDONLY, mode_t{0}};
    EXPECT_EQ(perform(open), -ENOENT);
    struct statx known{};
    status ask{nowhere.c_str(), &known};
    EXPECT_EQ(perform(ask), -ENOENT);
    unlink_file unlink{nowhere.c_str(), 0};
    EXPECT_EQ(perform(unlink), -ENOENT);
    rename_file move{nowhere.c_str(), nowhere.c_str()};
    EXPECT_EQ(perform(move), -ENOENT);
    const std::string under = nowhere + "/below";
    make_directory make{under.c_str(), mode_t{0700}};
    EXPECT_EQ(perform(make), -ENOENT);
}

TEST_P(file_test, operations_on_what_is_no_descriptor_say_so) {
    for (const int nothing : {-1, 1'000'000}) {
        std::array<char, 8> space{};
        read_file read{nothing, space, std::int64_t{0}};
        EXPECT_EQ(perform(read), -EBADF);
        write_file write{nothing, pirn::bytes{"warp"}, in_order};
        EXPECT_EQ(perform(write), -EBADF);
        const iovec piece{space.data(), space.size()};
        read_pieces pieces{nothing, std::span<const iovec>{&piece, 1}, in_order};
        EXPECT_EQ(perform(pieces), -EBADF);
        sync_file sync{nothing, true};
        EXPECT_EQ(perform(sync), -EBADF);
        truncate shorter{nothing, std::int64_t{0}};
        EXPECT_EQ(perform(shorter), -EBADF);
        allocate more{nothing, 0, std::int64_t{0}, std::int64_t{1}};
        EXPECT_EQ(perform(more), -EBADF);
        read_directory list{nothing, space};
        EXPECT_EQ(perform(list), -EBADF);
    }
}

TEST_P(file_test, operations_that_make_no_sense_say_so) {
    std::array<char, 8> space{};
    const handle place = opened(folder, O_RDONLY | O_DIRECTORY);
    read_file read{place.get(), space, std::int64_t{0}};
    EXPECT_EQ(perform(read), -EISDIR);
    const handle file = opened(folder + "only-read", O_RDONLY | O_CREAT);
    write_file write{file.get(), pirn::bytes{"warp"}, std::int64_t{0}};
    EXPECT_EQ(perform(write), -EBADF);
    read_directory list{file.get(), space};
    EXPECT_EQ(perform(list), -ENOTDIR);
    read_file before{file.get(), space, std::int64_t{-2}};
    EXPECT_EQ(perform(before), -EINVAL);
}

TEST_P(file_test, opened_when_no_descriptor_is_left_says_so_and_later_works) {
    const std::string path = folder + "cloth";
    {
        const handle made = opened(path, O_WRONLY | O_CREAT);
    }
    open_file warm{path.c_str(), O_RDONLY, mode_t{0}};
    {
        const handle once{perform(warm)};
    }
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const int lowest_free = ::dup(0);
    ASSERT_EQ(::close(lowest_free), 0);
    const rlimit none{static_cast<rlim_t>(lowest_free), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    open_file open{path.c_str(), O_RDONLY, mode_t{0}};
    const int refused = perform(open);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(refused, -EMFILE);
    const handle file{perform(open)};
    EXPECT_TRUE(file);
}

// The signal would go to whoever writes: to us, or to nobody when another thread does it for us.
void file_test::write_to_nobody() {
    struct sigaction deadly{};
    deadly.sa_handler = SIG_DFL;
    struct sigaction before{};
    ASSERT_EQ(::sigaction(SIGPIPE, &deadly, &before), 0);
    std::array<int, 2> both{};
    ASSERT_EQ(::pipe2(both.data(), O_CLOEXEC), 0);
    const handle writer{both[1]};
    ::close(both[0]);
    write_file write{writer.get(), pirn::bytes{"warp"}, in_order};
    EXPECT_EQ(perform(write), -EPIPE);
    std::array<char, 4> text{};
    const iovec piece{text.data(), text.size()};
    write_pieces pieces{writer.get(), std::span<const iovec>{&piece, 1}, in_order};
    EXPECT_EQ(perform(pieces), -EPIPE);
    ::sigaction(SIGPIPE, &before, nullptr);
}

TEST_P(file_test, written_to_a_pipe_that_nobody_reads_is_an_error_and_no_signal) {
    write_to_nobody();
}

#if PIRN_HAVE_URING
TEST_P(file_test, written_to_nobody_is_no_signal_where_the_kernel_has_no_quiet_write) {
    auto& hidden = pirn::detail::hidden_requests();
    hidden.set(pirn::detail::uring_request::quiet_write);
    make_loop();
    hidden.reset();
    write_to_nobody();
    write_read_and_ask();
}
#endif

// The ring would ignore the offset, and wait.
TEST_P(file_test, refuses_an_offset_where_there_are_no_places) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    const handle reading{pipe[0]};
    const handle writing{pipe[1]};
    std::array<char, 4> room{};
    iovec piece{room.data(), room.size()};
    for (const std::int64_t offset : {0, 1, 4096}) {
        read_file read{reading.get(), pirn::mutable_bytes{room}, offset};
        EXPECT_EQ(perform(read), -ESPIPE) << offset;
        write_file write{writing.get(), pirn::bytes{"x"}, offset};
        EXPECT_EQ(perform(write), -ESPIPE) << offset;
        read_pieces read_all{reading.get(), std::span<const iovec>{&piece, 1}, offset};
        EXPECT_EQ(perform(read_all), -ESPIPE) << offset;
        write_pieces write_all{writing.get(), std::span<const iovec>{&piece, 1}, offset};
        EXPECT_EQ(perform(write_all), -ESPIPE) << offset;
    }
    write_file write{writing.get(), pirn::bytes{"x"}, in_order};
    EXPECT_EQ(perform(write), 1);
    read_file read{reading.get(), pirn::mutable_bytes{room}, in_order};
    EXPECT_EQ(perform(read), 1);
}

} // namespace
