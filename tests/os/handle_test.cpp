// SPDX-License-Identifier: MIT
//
// The owned descriptor: closed exactly once, and counted.
#include <pirn/os/handle.hpp>

#include <pirn/base/live.hpp>

#include <type_traits>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace {

using pirn::os::handle;

int fresh_descriptor() { return ::open("/dev/null", O_RDWR | O_CLOEXEC); }

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }

std::int64_t counted() { return pirn::live().descriptors; }

class os_handle : public testing::Test {
  protected:
    ~os_handle() override { EXPECT_EQ(counted(), before_); }

  private:
    std::int64_t before_ = counted();
};

TEST_F(os_handle, of_nothing_holds_nothing_and_closes_nothing) {
    handle nothing;
    EXPECT_FALSE(nothing);
    EXPECT_EQ(nothing.get(), -1);
    EXPECT_EQ(nothing.release(), -1);
    EXPECT_EQ(nothing.close(), 0);
}

TEST_F(os_handle, of_an_error_in_the_kernels_form_holds_nothing) {
    const handle refused{-EMFILE};
    EXPECT_FALSE(refused);
    EXPECT_EQ(refused.get(), -1);
}

TEST_F(os_handle, closes_and_uncounts_when_destroyed) {
    const auto before = counted();
    const int descriptor = fresh_descriptor();
    {
        const handle owner{descriptor};
        EXPECT_TRUE(owner);
        EXPECT_EQ(owner.get(), descriptor);
        EXPECT_EQ(counted(), before + 1);
    }
    EXPECT_FALSE(is_open(descriptor));
    EXPECT_EQ(counted(), before);
}

TEST_F(os_handle, holds_zero_as_a_descriptor_like_any_other) {
    const int standard_input = ::dup(0);
    {
        const handle owner{0};
        EXPECT_TRUE(owner);
    }
    EXPECT_FALSE(is_open(0));
    EXPECT_EQ(::dup2(standard_input, 0), 0);
    ::close(standard_input);
}

TEST_F(os_handle, when_moved_leaves_nothing_behind) {
    const int descriptor = fresh_descriptor();
    handle first{descriptor};
    const handle second{std::move(first)};
    EXPECT_FALSE(first); // NOLINT: a moved-from handle is empty, that is the promise
    EXPECT_EQ(second.get(), descriptor);
    EXPECT_TRUE(is_open(descriptor));
}

TEST_F(os_handle, when_assigned_closes_what_it_had) {
    const int old = fresh_descriptor();
    const int fresh = fresh_descriptor();
    handle owner{old};
    owner = handle{fresh};
    EXPECT_FALSE(is_open(old));
    EXPECT_EQ(owner.get(), fresh);
}

TEST_F(os_handle, survives_being_assigned_to_itself) {
    const int descriptor = fresh_descriptor();
    handle owner{descriptor};
    handle& same = owner;
    owner = std::move(same);
    EXPECT_EQ(owner.get(), descriptor);
    EXPECT_TRUE(is_open(descriptor));
}

TEST_F(os_handle, when_released_gives_the_descriptor_away_open_and_uncounted) {
    const auto before = counted();
    handle owner{fresh_descriptor()};
    const int descriptor = owner.release();
    EXPECT_FALSE(owner);
    EXPECT_EQ(counted(), before);
    EXPECT_TRUE(is_open(descriptor));
    ::close(descriptor);
}

TEST_F(os_handle, tells_what_close_said_and_is_empty_after_it) {
    const int descriptor = fresh_descriptor();
    handle owner{descriptor};
    EXPECT_EQ(owner.close(), 0);
    EXPECT_FALSE(owner);
    EXPECT_EQ(owner.close(), 0);

    handle robbed{fresh_descriptor()};
    ::close(robbed.get());
    EXPECT_EQ(robbed.close(), -EBADF);
    EXPECT_FALSE(robbed);
}

static_assert(!std::is_copy_constructible_v<handle> && !std::is_copy_assignable_v<handle>);
static_assert(std::is_nothrow_move_constructible_v<handle>);
static_assert(std::is_nothrow_move_assignable_v<handle>);

} // namespace
