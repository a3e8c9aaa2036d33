// SPDX-License-Identifier: MIT
//
// Which pages were touched, by each way that the kernel has of telling it.
#include "os/residency.hpp"

#include "os/memory.hpp"
#include "support/child.hpp"
#include "support/forbid.hpp"

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/syscall.h>

namespace {

using pirn::os::page_map_way;
using pirn::os::touched_runs;

// First page and count, for each run; runs that follow each other are one.
using runs = std::vector<std::pair<std::size_t, std::size_t>>;

class residency : public testing::TestWithParam<page_map_way> {
  protected:
    void SetUp() override {
        if (pirn::os::way_to_page_map() == page_map_way::none ||
            pirn::os::way_to_page_map() > GetParam()) {
            GTEST_SKIP() << "this kernel does not tell that way";
        }
    }
    ~residency() override { pirn::os::drop_memory(memory_); }

    void touch(std::size_t number) { memory_[number * page_] = std::byte{1}; }

    runs touched(std::span<std::byte> area, std::size_t runs_max = touched_runs::buffered_max) {
        runs found;
        touched_runs walk{GetParam()};
        for (walk.begin(area, runs_max); walk.next();) {
            const auto first = static_cast<std::size_t>(walk.run().data() - memory_.data()) / page_;
            const std::size_t count = walk.run().size() / page_;
            if (!found.empty() && found.back().first + found.back().second == first) {
                found.back().second += count;
            } else {
                found.emplace_back(first, count);
            }
        }
        EXPECT_FALSE(walk.refused());
        return found;
    }

    static constexpr std::size_t pages = 500;
    const std::size_t page_ = pirn::os::page_size();
    const std::span<std::byte> memory_ = pirn::os::reserve_memory(pages * page_);
};

INSTANTIATE_TEST_SUITE_P(by, residency, testing::Values(page_map_way::scan, page_map_way::reading),
                         [](const testing::TestParamInfo<page_map_way>& way) {
                             return way.param == page_map_way::scan ? "scan" : "reading";
                         });

TEST_P(residency, finds_nothing_where_nothing_was_touched) {
    EXPECT_EQ(touched(memory_), runs{});
    EXPECT_EQ(touched(memory_.first(0)), runs{});
}

TEST_P(residency, finds_the_runs_from_low_to_high) {
    touch(0);
    touch(7);
    touch(8);
    touch(pages - 1);
    EXPECT_EQ(touched(memory_), (runs{{0, 1}, {7, 2}, {pages - 1, 1}}));
    EXPECT_EQ(touched(memory_, 1), (runs{{0, 1}, {7, 2}, {pages - 1, 1}})) << "one a call";
    EXPECT_EQ(touched(memory_.subspan(8 * page_, 2 * page_)), (runs{{8, 1}}));
}

TEST_P(residency, finds_more_runs_than_it_can_remember_at_a_time) {
    runs expected;
    for (std::size_t i = 1; i < pages; i += 2) {
        touch(i);
        expected.emplace_back(i, 1);
    }
    EXPECT_EQ(touched(memory_), expected);
}

TEST_P(residency, forgets_what_was_given_back) {
    for (std::size_t i = 0; i < 10; ++i) {
        touch(i);
    }
    const std::span<std::byte> given = memory_.subspan(2 * page_, 3 * page_);
    ASSERT_TRUE(pirn::os::give_back({&given, 1}));
    EXPECT_EQ(touched(memory_), (runs{{0, 2}, {5, 5}}));
}

TEST_P(residency, does_not_count_what_was_only_read) {
    if (GetParam() == page_map_way::reading) {
        GTEST_SKIP() << "the words of the file do not tell it";
    }
    const volatile std::byte* const bytes = memory_.data();
    EXPECT_EQ(static_cast<std::byte>(bytes[3 * page_]), std::byte{0});
    touch(5);
    EXPECT_EQ(touched(memory_), (runs{{5, 1}}));
}

TEST_P(residency, of_a_child_is_the_childs_own) {
    touch(1);
    const auto end = support::in_child([&] {
        touch(4);
        ::_exit(touched(memory_) == runs{{1, 1}, {4, 1}} ? 0 : 1);
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
    EXPECT_EQ(touched(memory_), (runs{{1, 1}}));
}

TEST(residency_refused, without_the_scan_is_told_by_reading) {
    const auto end = support::in_child([] {
        if (!support::forbid({SYS_ioctl}, support::fail_with(ENOTTY))) {
            ::_exit(0);
        }
        ::_exit(pirn::os::way_to_page_map() == page_map_way::reading ? 0 : 1);
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
}

TEST(residency_refused, without_the_file_is_not_told) {
    const auto end = support::in_child([] {
        if (!support::forbid({SYS_openat}, support::fail_with(EACCES))) {
            ::_exit(0);
        }
        std::byte local{};
        touched_runs walk;
        walk.begin({&local, 0});
        ::_exit(pirn::os::way_to_page_map() == page_map_way::none && !walk.next() ? 0 : 1);
    });
    EXPECT_TRUE(end.exited_with(0)) << end;
}

} // namespace
