// SPDX-License-Identifier: MIT
//
// Files and directories: what is right, what is refused, and cancellation, on io_uring, on the pool behind
// epoll, and on the pool behind an io_uring that knows none of the requests.
#include <pirn/loop/file.hpp>

#include <pirn/loop/blocking_pool.hpp>
#include <pirn/os/handle.hpp>

#include "support/backends.hpp"
#include "support/sanitizers.hpp"
#if PIRN_HAVE_URING
#include "loop/uring/probe.hpp"
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <dirent.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using pirn::os::handle;
using support::recorded;

using open_file = recorded<pirn::open_operation>;
using read_file = recorded<pirn::read_operation>;
using write_file = recorded<pirn::write_operation>;
using read_pieces = recorded<pirn::read_vector_operation>;
using write_pieces = recorded<pirn::write_vector_operation>;
using sync_file = recorded<pirn::sync_operation>;
using allocate = recorded<pirn::allocate_operation>;
using truncate = recorded<pirn::truncate_operation>;
using status = recorded<pirn::status_operation>;
using rename_file = recorded<pirn::rename_operation>;
using unlink_file = recorded<pirn::unlink_operation>;
using make_directory = recorded<pirn::make_directory_operation>;
using read_directory = recorded<pirn::read_directory_operation>;

constexpr std::int64_t in_order = -1;

class file_test : public support::on_each_backend {
  protected:
    void SetUp() override {
        on_each_backend::SetUp();
        std::string name = (std::filesystem::temp_directory_path() / "pirn-file-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder = name + "/";
    }
    void TearDown() override {
        if (!folder.empty()) {
            std::filesystem::remove_all(folder);
        }
        on_each_backend::TearDown();
    }

    handle opened(const std::string& path, int flags) {
        open_file open{path.c_str(), flags, mode_t{0600}};
        handle file{perform(open)};
        EXPECT_TRUE(file) << path << ": " << open.result();
        return file;
    }

    void write_read_and_ask();
    void make_move_and_remove();

    std::string folder;
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

TEST_P(file_test, written_to_a_pipe_that_nobody_reads_is_an_error_and_no_signal) {
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

// ---- many, and cancellation -----------------------------------------------------------------------

TEST_P(file_test, is_read_at_many_places_at_once) {
    constexpr int blocks = 500;
    const handle file = opened(folder + "cloth", O_RDWR | O_CREAT);
    for (int i = 0; i < blocks; ++i) {
        ASSERT_EQ(::pwrite(file.get(), &i, sizeof i, i * 4096L), ssize_t{sizeof i});
    }
    make_loop({.submission_slots = 2}); // both queues overflow
    std::array<int, blocks> found{};
    std::deque<read_file> reads;
    for (int i = 0; i < blocks; ++i) {
        auto space = std::span{&found[static_cast<std::size_t>(i)], 1};
        loop().submit(reads.emplace_back(file.get(), space, std::int64_t{i} * 4096));
    }
    EXPECT_EQ(loop().run(), std::size_t{blocks});
    for (int i = 0; i < blocks; ++i) {
        ASSERT_TRUE(reads[static_cast<std::size_t>(i)].completed_with(sizeof(int)));
        ASSERT_EQ(found[static_cast<std::size_t>(i)], i);
    }
}

TEST_P(file_test, read_of_an_empty_pipe_ends_when_cancelled_and_takes_nothing) {
    std::array<int, 2> both{};
    ASSERT_EQ(::pipe2(both.data(), O_CLOEXEC), 0);
    const handle reader{both[0]};
    const handle writer{both[1]};
    std::array<char, 8> space{};
    for (int turns = 0; turns < 20; ++turns) {
        read_file read{reader.get(), space, in_order};
        loop().submit(read);
        for (int i = 0; i < turns % 4; ++i) {
            loop().run(run_mode::once, pirn::after(1ms));
        }
        loop().cancel(read);
        EXPECT_EQ(read.completions, 0);
        ASSERT_TRUE(run_until([&] { return read.completions > 0; }));
        EXPECT_TRUE(read.completed_with(-ECANCELED)) << read.result();
    }
    ASSERT_EQ(::write(writer.get(), "warp", 4), 4);
    read_file next{reader.get(), space, in_order};
    EXPECT_EQ(perform(next), 4);
}

// Each buffer is unmapped right after its completion: whoever still wrote to it would be told so by the
// kernel, with a result of EFAULT for the next, or a fault.
TEST_P(file_test, read_at_a_random_moment_cancelled_has_let_go_of_its_buffer) {
    constexpr int rounds = 3'000 / support::slowness;
    const handle file = opened(folder + "cloth", O_RDWR | O_CREAT);
    const std::string pattern(4096, 'w');
    ASSERT_EQ(::pwrite(file.get(), pattern.data(), pattern.size(), 0), 4096);
    std::mt19937 random{37}; // NOLINT: the same every time
    for (int round = 0; round < rounds; ++round) {
        void* const memory =
            ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ASSERT_NE(memory, MAP_FAILED);
        const pirn::mutable_bytes space{static_cast<std::byte*>(memory), 4096};
        read_file read{file.get(), space, std::int64_t{0}};
        loop().submit(read);
        if (random() % 2 == 0) {
            loop().run(run_mode::nowait);
        }
        for (auto pause = random() % 2'000; pause > 0; --pause) {
            std::atomic_signal_fence(std::memory_order_seq_cst); // burn a little time
        }
        loop().cancel(read);
        ASSERT_TRUE(run_until([&] { return read.completions > 0; }));
        ASSERT_EQ(read.completions, 1);
        if (read.result() != -ECANCELED) {
            ASSERT_EQ(read.result(), 4096);
            ASSERT_EQ(space.front(), std::byte{'w'});
            ASSERT_EQ(space.back(), std::byte{'w'});
        }
        ASSERT_EQ(::munmap(memory, 4096), 0);
    }
}

TEST_P(file_test, opened_at_a_random_moment_cancelled_loses_no_descriptor) {
    constexpr int rounds = 2'000 / support::slowness;
    const std::string path = folder + "cloth";
    {
        const handle made = opened(path, O_WRONLY | O_CREAT);
    }
    const auto open_now = [] {
        return std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, {});
    };
    const auto before = open_now();
    std::mt19937 random{41}; // NOLINT: the same every time
    for (int round = 0; round < rounds; ++round) {
        open_file open{path.c_str(), O_RDONLY, mode_t{0}};
        loop().submit(open);
        if (random() % 2 == 0) {
            loop().run(run_mode::nowait);
        }
        loop().cancel(open);
        ASSERT_TRUE(run_until([&] { return open.completions > 0; }));
        if (open.result() >= 0) {
            const handle file{open.result()};
        } else {
            ASSERT_EQ(open.result(), -ECANCELED);
        }
    }
    EXPECT_EQ(open_now(), before);
}

} // namespace
