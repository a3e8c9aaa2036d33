// SPDX-License-Identifier: MIT
//
// Many operations on files at once, and their cancellation at every moment.
#include <pirn/loop/file.hpp>
#include <pirn/os/handle.hpp>

#include "loop/files.hpp"
#include "support/sanitizers.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <filesystem>
#include <random>
#include <span>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using pirn::run_mode;
using pirn::os::handle;
using support::in_order;
using support::open_file;
using support::read_file;

class file_cancel_test : public support::with_folder {};
INSTANTIATE_TEST_SUITE_P(file, file_cancel_test, support::every_backend(),
                         support::name_of_backend);

TEST_P(file_cancel_test, is_read_at_many_places_at_once) {
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

TEST_P(file_cancel_test, read_of_an_empty_pipe_ends_when_cancelled_and_takes_nothing) {
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
TEST_P(file_cancel_test, read_at_a_random_moment_cancelled_has_let_go_of_its_buffer) {
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

TEST_P(file_cancel_test, opened_at_a_random_moment_cancelled_loses_no_descriptor) {
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
