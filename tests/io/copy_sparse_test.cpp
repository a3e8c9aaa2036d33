// SPDX-License-Identifier: MIT
//
// Copies from file to file keep holes: on a disk, in tmpfs, and from one to the other.
#include <pirn/base/error.hpp>
#include <pirn/io/copy.hpp>
#include <pirn/io/file.hpp>
#include <pirn/runtime/runtime.hpp>

#include "io/streams.hpp"
#include "support/account.hpp"
#include "support/answering.hpp"
#include "support/sanitizers.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

namespace io = pirn::io;
namespace fs = std::filesystem;

constexpr std::size_t kib = 1024;

// Sizes of files and of what is in them: a sanitizer looks at each byte.
constexpr std::size_t unit = support::under_sanitizer ? 256 : kib;

// Data of a source, from an offset; what is not named is a hole.
struct data {
    std::size_t offset;
    std::size_t size;
};

struct layout {
    const char* name;
    std::size_t size;
    std::vector<data> parts;
};

const std::vector<layout> layouts{
    {"nothing", 0, {}},
    {"dense", 300 * unit, {{0, 300 * unit}}},
    {"a hole alone", 900 * unit, {}},
    {"a hole first", 1000 * unit, {{800 * unit, 200 * unit}}},
    {"a hole in between", 1000 * unit, {{0, 100 * unit}, {900 * unit, 100 * unit}}},
    {"a hole last", 1000 * unit + 7, {{0, 64 * unit}}},
    {"a small hole first", 1000 * unit, {{32 * unit, 4 * unit}, {900 * unit, 4 * unit}}},
    {"many holes",
     4000 * unit,
     {{128 * unit, 4 * unit}, {1024 * unit, 64 * unit}, {3000 * unit, 1}}},
};

class temporary_folder {
  public:
    explicit temporary_folder(const fs::path& where) {
        std::string name = (where / "pirn-sparse-XXXXXX").string();
        usable_ = ::mkdtemp(name.data()) != nullptr;
        path_ = name;
    }
    ~temporary_folder() {
        std::error_code ignored;
        if (usable_) fs::remove_all(path_, ignored);
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    bool usable() const { return usable_; }
    fs::path operator/(const char* name) const { return path_ / name; }

  private:
    fs::path path_;
    bool usable_ = false;
};

std::vector<std::byte> contents_of(const layout& of) {
    std::vector<std::byte> all(of.size);
    for (const data& part : of.parts) {
        const auto bytes = support::pattern(part.size, static_cast<unsigned>(part.offset) + 1);
        std::ranges::copy(bytes, all.begin() + static_cast<std::ptrdiff_t>(part.offset));
    }
    return all;
}

// Suspends.
io::file made(const fs::path& path, const layout& of) {
    fs::remove(path); // a disk would write a file to be cut at once
    io::file file = io::file::open(path, {.read = true, .write = true, .exclusive = true});
    const auto all = contents_of(of);
    for (const data& part : of.parts) {
        file.write_all_at(std::span{all}.subspan(part.offset, part.size), part.offset);
    }
    file.truncate(of.size);
    return file;
}

std::size_t bytes_on_disk(const io::file& file) {
    struct stat known{};
    EXPECT_EQ(::fstat(file.native_handle(), &known), 0);
    return static_cast<std::size_t>(known.st_blocks) * 512;
}

// holds: whether these are the bytes of the file, and all of them. Suspends.
bool holds(io::file& file, const std::vector<std::byte>& expected) {
    file.seek(0);
    const auto all = support::read_all(file, std::size_t{256} * kib);
    return all.size() == expected.size() &&
           (all.empty() || std::memcmp(all.data(), expected.data(), all.size()) == 0);
}

// No more than a few blocks at the edges of the data are taken beyond what the data need.
void expect_sparse(const io::file& target, const layout& of, std::size_t edges = 16 * kib) {
    std::size_t needed = edges;
    for (const data& part : of.parts) needed += part.size + edges;
    EXPECT_LE(bytes_on_disk(target), needed) << of.name;
}

class sparse_copies : public support::balanced<> {
  protected:
    temporary_folder disk{fs::current_path()};
    temporary_folder memory{"/dev/shm"};

    // Calls `check` with the folders of the source and of the target. A sanitizer sees the same code with each of them.
    template <class Check>
    void between_file_systems(Check check) {
        ASSERT_TRUE(disk.usable());
        pirn::run([&] {
            if (support::under_sanitizer) return check(disk, memory.usable() ? memory : disk);
            for (const temporary_folder* from : {&disk, &memory}) {
                for (const temporary_folder* to : {&disk, &memory}) {
                    if (!from->usable() || !to->usable()) continue;
                    SCOPED_TRACE(testing::Message() << (from == &disk ? "disk" : "tmpfs") << " to "
                                                    << (to == &disk ? "disk" : "tmpfs"));
                    check(*from, *to);
                }
            }
        });
    }
};

TEST_F(sparse_copies, keep_every_hole) {
    between_file_systems([](const temporary_folder& from, const temporary_folder& to) {
        for (const layout& each : layouts) {
            for (const bool by_kernel : {true, false}) {
                io::file source = made(from / "source", each);
                io::file target = made(to / "target", {});
                EXPECT_EQ(io::copy(source, target, {.by_kernel = by_kernel}), each.size);
                EXPECT_EQ(target.position(), each.size) << each.name;
                EXPECT_EQ(source.position(), each.size) << each.name;
                EXPECT_EQ(io::copy(source, target), 0U) << "the end again";
                EXPECT_TRUE(holds(target, contents_of(each))) << each.name;
                expect_sparse(target, each);
            }
        }
    });
}

// The limit falls into data, into holes and on their edges; what was copied before stays what it was.
TEST_F(sparse_copies, of_ranges_give_the_same_file) {
    between_file_systems([](const temporary_folder& from, const temporary_folder& to) {
        for (const layout& each : layouts) {
            for (const std::size_t step : {100 * unit, 333 * unit + 333}) {
                io::file source = made(from / "source", each);
                io::file target = made(to / "target", {});
                std::size_t copied = 0;
                while (const std::uint64_t some = io::copy(source, target, {.most = step})) {
                    copied += some;
                    ASSERT_EQ(copied, std::min(each.size, (copied + step - 1) / step * step));
                    ASSERT_EQ(target.status().size, copied) << each.name;
                }
                EXPECT_EQ(copied, each.size);
                EXPECT_TRUE(holds(target, contents_of(each))) << each.name;
                expect_sparse(target, each, 400 * unit);
            }
        }
    });
}

// What was in the target where a hole comes to lie reads as zeros; what lies around it stays.
TEST_F(sparse_copies, over_old_bytes_at_an_offset_replace_them) {
    between_file_systems([](const temporary_folder& from, const temporary_folder& to) {
        const layout old{"old", 1450 * unit, {{0, 1450 * unit}}};
        for (const layout& each : layouts) {
            for (const std::size_t offset : {std::size_t{0}, 1234 + 100 * unit, 1400 * unit}) {
                io::file source = made(from / "source", each);
                io::file target = made(to / "target", old);
                target.seek(offset);
                EXPECT_EQ(io::copy(source, target), each.size);
                EXPECT_EQ(target.position(), offset + each.size);
                auto expected = contents_of(old);
                expected.resize(each.size > 0 ? std::max(expected.size(), offset + each.size)
                                              : expected.size());
                std::ranges::copy(contents_of(each),
                                  expected.begin() + static_cast<std::ptrdiff_t>(
                                                         std::min(offset, expected.size())));
                EXPECT_TRUE(holds(target, expected)) << each.name << " at " << offset;
            }
        }
    });
}

TEST_F(sparse_copies, to_a_file_opened_for_appending_keep_holes_behind_its_end) {
    between_file_systems([](const temporary_folder& from, const temporary_folder& to) {
        const layout old{"old", 5, {{0, 5}}};
        for (const layout& each : layouts) {
            io::file source = made(from / "source", each);
            static_cast<void>(made(to / "target", old));
            io::file target = io::file::open(to / "target", {.read = true, .append = true});
            EXPECT_EQ(io::copy(source, target), each.size);
            auto expected = contents_of(old);
            const auto all = contents_of(each);
            expected.insert(expected.end(), all.begin(), all.end());
            EXPECT_TRUE(holds(target, expected)) << each.name;
            expect_sparse(target, each, 140 * unit);
        }
    });
}

TEST_F(sparse_copies, of_a_file_that_shrinks_and_grows_end_where_it_does) {
    between_file_systems([](const temporary_folder& from, const temporary_folder& to) {
        const layout full{"full", 1000 * unit, {{0, 100 * unit}, {900 * unit, 100 * unit}}};
        io::file source = made(from / "source", full);
        io::file target = made(to / "target", {});
        EXPECT_EQ(io::copy(source, target, {.most = 200 * unit}), 200 * unit);
        source.truncate(500 * unit);
        EXPECT_EQ(io::copy(source, target), 300 * unit);
        EXPECT_EQ(target.status().size, 500 * unit);
        source.write_all_at("behind a new hole", 800 * unit);
        EXPECT_EQ(io::copy(source, target), 300 * unit + 17);
        source.truncate(100);
        EXPECT_EQ(io::copy(source, target), 0U);
        EXPECT_EQ(target.status().size, 800 * unit + 17);
        target.seek(800 * unit);
        EXPECT_EQ(support::text_to_end(target), "behind a new hole");
    });
}

// The file systems of a kernel that know nothing of holes: every byte arrives all the same.
TEST_F(sparse_copies, arrive_whole_where_a_call_for_holes_is_refused) {
    struct refusal {
        const char* name;
        long call;
        int error;
        std::uint64_t whence; // of lseek; 0 for every call
    };
    for (const refusal& each : {refusal{"SEEK_DATA", SYS_lseek, EINVAL, SEEK_DATA},
                                refusal{"SEEK_DATA", SYS_lseek, EOPNOTSUPP, SEEK_DATA},
                                refusal{"SEEK_HOLE", SYS_lseek, EINVAL, SEEK_HOLE},
                                refusal{"ftruncate", SYS_ftruncate, EPERM, 0},
                                refusal{"fallocate", SYS_fallocate, EOPNOTSUPP, 0},
                                refusal{"copy_file_range", SYS_copy_file_range, EXDEV, 0},
                                refusal{"copy_file_range", SYS_copy_file_range, ENOSYS, 0}}) {
        SCOPED_TRACE(each.name);
        const layout old{"old", 700 * unit, {{0, 700 * unit}}};
        pirn::run([&] { // made before a call is refused
            for (const layout& one : layouts) {
                static_cast<void>(made(disk / (std::string{"from "} + one.name).c_str(), one));
                static_cast<void>(made(disk / (std::string{"to "} + one.name).c_str(), old));
            }
        });
        const bool could = support::run_answering(
            {each.call},
            [&](const seccomp_data& asked) {
                return each.whence == 0 || asked.args[2] == each.whence ? each.error : 0;
            },
            [&] {
                pirn::run([&] {
                    for (const layout& one : layouts) {
                        io::file source =
                            io::file::open(disk / (std::string{"from "} + one.name).c_str());
                        io::file target =
                            io::file::open(disk / (std::string{"to "} + one.name).c_str(),
                                           {.read = true, .write = true});
                        target.seek(1 * unit);
                        EXPECT_EQ(io::copy(source, target), one.size);
                        auto expected = contents_of(old);
                        expected.resize(
                            std::max(expected.size(), one.size > 0 ? one.size + unit : 0));
                        std::ranges::copy(contents_of(one), expected.begin() + unit);
                        EXPECT_TRUE(holds(target, expected)) << one.name;
                    }
                });
            });
        if (!could) GTEST_SKIP() << "this kernel does not let a process answer its own calls";
    }
}

// A file that says of itself what is not so.
TEST_F(sparse_copies, of_files_of_the_kernel_are_what_reading_gives) {
    pirn::run([&] {
        for (const char* path : {"/proc/version", "/sys/devices/system/cpu/online"}) {
            std::error_code none;
            io::file source = io::file::open(path, {}, none);
            if (none) continue;
            io::file target = made(disk / "target", {});
            io::copy(source, target);
            target.seek(0);
            EXPECT_EQ(support::text_to_end(target), io::read_file(path)) << path;
        }
    });
}

} // namespace
