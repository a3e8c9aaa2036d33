// SPDX-License-Identifier: MIT
//
// The file calls where 32 bits do not reach. How files behave otherwise is tested in the room loop, by way of the
// operations.
#include "os/file.hpp"

#include <pirn/os/handle.hpp>

#include "support/account.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace {

constexpr std::int64_t far = (std::int64_t{5} << 30) + 3;

pirn::bytes bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

// A sparse file, which takes a few pages of the disk.
class os_file : public support::balanced<> {
  protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "pirn-os-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        path_ = folder_ / "far";
        file_ = pirn::os::handle{
            pirn::os::open(AT_FDCWD, path_.c_str(), O_RDWR | O_CREAT, mode_t{0600})};
        ASSERT_TRUE(file_);
        const int made = pirn::os::truncate(file_.get(), far);
        if (made == -EFBIG || made == -EINVAL) {
            GTEST_SKIP() << "this file system has no such large files";
        }
        ASSERT_EQ(made, 0);
    }
    void TearDown() override {
        file_.close();
        std::filesystem::remove_all(folder_);
        support::balanced<>::TearDown();
    }

    std::int64_t size() const {
        struct statx what{};
        EXPECT_EQ(pirn::os::status(AT_FDCWD, path_.c_str(), 0, STATX_SIZE, &what), 0);
        return static_cast<std::int64_t>(what.stx_size);
    }
    std::string text_at(std::int64_t offset) const {
        std::array<char, 16> text{};
        const int got =
            pirn::os::read(file_.get(), std::as_writable_bytes(std::span{text}), offset);
        EXPECT_GE(got, 0);
        return {text.data(), static_cast<std::size_t>(got < 0 ? 0 : got)};
    }

    std::filesystem::path folder_;
    std::filesystem::path path_;
    pirn::os::handle file_;
};

TEST_F(os_file, is_as_long_as_it_was_told_to_be) {
    EXPECT_EQ(size(), far);
    const int allocated = pirn::os::allocate(file_.get(), 0, far, 1);
    if (allocated != -EOPNOTSUPP) {
        EXPECT_EQ(allocated, 0);
        EXPECT_EQ(size(), far + 1);
    }
}

TEST_F(os_file, is_written_and_read_beyond_four_gibibytes) {
    EXPECT_EQ(pirn::os::write(file_.get(), bytes_of("whole"), far), 5);
    std::string first = "in ";
    std::string second = "pieces";
    const std::array both{iovec{first.data(), first.size()}, iovec{second.data(), second.size()}};
    EXPECT_EQ(pirn::os::write(file_.get(), std::span<const iovec>{both}, far + 5), 9);
    EXPECT_EQ(size(), far + 14);
    EXPECT_EQ(text_at(far), "wholein pieces");
    EXPECT_EQ(text_at(far & 0xffff'ffff), std::string(16, '\0')) << "where 32 bits would lead";

    std::string third(5, ' ');
    std::string fourth(9, ' ');
    const std::array into{iovec{third.data(), third.size()}, iovec{fourth.data(), fourth.size()}};
    EXPECT_EQ(pirn::os::read(file_.get(), std::span<const iovec>{into}, far), 14);
    EXPECT_EQ(third + fourth, "wholein pieces");
}

TEST_F(os_file, is_sent_and_spliced_from_beyond_four_gibibytes) {
    ASSERT_EQ(pirn::os::write(file_.get(), bytes_of("far away"), far), 8);
    std::array<int, 2> sockets{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()), 0);
    const pirn::os::handle sender{sockets[0]};
    const pirn::os::handle receiver{sockets[1]};
    EXPECT_EQ(pirn::os::send_file(sender.get(), file_.get(), far, 8), 8);
    std::string text(8, ' ');
    EXPECT_EQ(pirn::os::read(receiver.get(), std::as_writable_bytes(std::span{text}), -1), 8);
    EXPECT_EQ(text, "far away");

    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const pirn::os::handle from{ends[0]};
    const pirn::os::handle to{ends[1]};
    EXPECT_EQ(pirn::os::splice(file_.get(), far, to.get(), -1, 8), 8);
    EXPECT_EQ(pirn::os::splice(from.get(), -1, file_.get(), far + 8, 8), 8);
    EXPECT_EQ(text_at(far), "far awayfar away");
}

} // namespace
