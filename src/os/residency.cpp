// SPDX-License-Identifier: MIT
//
// Touched pages, from /proc/self/pagemap. Two ways, the first that works is taken:
//
//   scan      ioctl(PAGEMAP_SCAN), Linux 6.7: the kernel walks the page tables and answers with runs
//   reading   a word for each page (Documentation/admin-guide/mm/pagemap.rst); more to copy, and a page that
//             was only read looks like one that was written
//
// A way is believed only after it was tried on pages whose state is known: an emulator may answer about
// another address space than ours, or in another order of bytes.
//
// The file is opened for each walk and not kept: a forked child must not look at its parent, and who
// closes all descriptors must not have us ask somebody else's file.
//
// Shared state: none but the way, which is found out once.
#include "os/residency.hpp"

#include "base/valgrind.hpp"
#include "os/memory.hpp"

#include <algorithm>
#include <tuple>

#include <fcntl.h>
#include <linux/ioctl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace pirn::os {
namespace {

// As in <linux/fs.h> since Linux 6.7; the headers of Debian 12 do not know it.
struct scan_request {
    std::uint64_t size;
    std::uint64_t flags;
    std::uint64_t start;
    std::uint64_t end;
    std::uint64_t walk_end;
    std::uint64_t regions;
    std::uint64_t regions_size;
    std::uint64_t pages_max;
    std::uint64_t category_inverted;
    std::uint64_t category_mask;
    std::uint64_t category_anyof_mask;
    std::uint64_t return_mask;
};
constexpr unsigned long pagemap_scan = _IOWR('f', 16, scan_request);
constexpr std::uint64_t page_is_present = 1U << 3;
constexpr std::uint64_t page_is_swapped = 1U << 4;
constexpr std::uint64_t page_is_zero_page = 1U << 5; // read, and never written

// In a word of the file.
constexpr std::uint64_t word_is_present = std::uint64_t{1} << 63;
constexpr std::uint64_t word_is_swapped = std::uint64_t{1} << 62;
constexpr std::uint64_t word_is_foreign = std::uint64_t{3}
                                          << 59; // always zero, says the documentation

std::uint64_t address_of(const std::byte* at) noexcept {
    return reinterpret_cast<std::uintptr_t>(at);
}

// Every second page was written, the highest only read. So many, because a word of which the bytes are the wrong
// way round says the right thing by chance.
constexpr std::size_t tried_pages = 65;

bool tells_the_truth(page_map_way by, std::span<std::byte> pages) noexcept {
    const std::size_t page = page_size();
    touched_runs runs{by};
    runs.begin(pages);
    for (std::size_t i = 1; i < tried_pages; i += 2) {
        if (!runs.next() || runs.run().data() != pages.data() + i * page) {
            return false;
        }
        const bool beside_the_read_one = i + 2 == tried_pages;
        const bool may_be_longer = beside_the_read_one && by == page_map_way::reading;
        if (runs.run().size() != page && !may_be_longer) {
            return false;
        }
    }
    return true;
}

page_map_way find_way() noexcept {
    const std::span<std::byte> pages = reserve_memory(tried_pages * page_size());
    if (pages.empty()) {
        return page_map_way::none;
    }
    volatile std::byte* const bytes = pages.data();
    for (std::size_t i = 1; i < tried_pages; i += 2) {
        bytes[i * page_size()] = std::byte{1};
    }
    static_cast<void>(static_cast<std::byte>(bytes[(tried_pages - 1) * page_size()]));
    page_map_way found = page_map_way::none;
    for (const page_map_way one : {page_map_way::reading, page_map_way::scan}) {
        if (tells_the_truth(one, pages)) {
            found = one;
        }
    }
    std::ignore = release_memory(pages);
    return found;
}

} // namespace

page_map_way way_to_page_map() noexcept {
    static const page_map_way found = find_way();
    return found;
}

touched_runs::touched_runs(page_map_way by) noexcept
    : way_{by},
      file_{by == page_map_way::none ? -1 : ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)} {}

touched_runs::~touched_runs() {
    if (file_ >= 0) {
        ::close(file_);
    }
}

void touched_runs::begin(std::span<std::byte> area, std::size_t runs_max) noexcept {
    at_ = address_of(area.data());
    end_ = at_ + area.size();
    runs_max_ = std::clamp<std::size_t>(runs_max, 1, buffered_max);
    known_ = used_ = 0;
    refused_ = false;
}

bool touched_runs::next() noexcept {
    if (used_ < known_) {
        ++used_;
    }
    while (used_ == known_) {
        known_ = used_ = 0;
        if (at_ == end_) {
            return false;
        }
        if (!fill()) {
            refused_ = true;
            return false;
        }
    }
    return true;
}

std::span<std::byte> touched_runs::run() const noexcept {
    const page_region& one = buffer_[used_];
    return {reinterpret_cast<std::byte*>(static_cast<std::uintptr_t>(one.start)),
            static_cast<std::size_t>(one.end - one.start)};
}

bool touched_runs::fill() noexcept {
    return file_ >= 0 && (way_ == page_map_way::scan ? fill_by_scan() : fill_by_reading());
}

bool touched_runs::fill_by_scan() noexcept {
    scan_request request{};
    request.size = sizeof request;
    request.start = at_;
    request.end = end_;
    request.regions = reinterpret_cast<std::uintptr_t>(buffer_.data());
    request.regions_size = runs_max_;
    request.category_inverted = page_is_zero_page;
    request.category_mask = page_is_zero_page;
    request.category_anyof_mask = page_is_present | page_is_swapped;
    request.return_mask = page_is_present; // must not be empty
    const int found = ::ioctl(file_, pagemap_scan, &request);
    if (found < 0 || request.walk_end <= at_) {
        return false;
    }
    known_ = static_cast<std::size_t>(found);
    pirn::detail::memory_is_defined(std::as_writable_bytes(std::span{buffer_}.first(known_)));
    pirn::detail::memory_is_defined(std::as_writable_bytes(std::span{&request, 1}));
    at_ = std::min(request.walk_end, end_);
    return true;
}

bool touched_runs::fill_by_reading() noexcept {
    // As many pages as could make the buffer full, were every second of them touched.
    std::array<std::uint64_t, 2 * buffered_max - 1> words;
    const std::uint64_t page = page_size();
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(words.size(), (end_ - at_) / page));
    const ssize_t got = ::pread(file_, words.data(), wanted * sizeof words[0],
                                static_cast<off_t>(at_ / page * sizeof words[0]));
    if (got < static_cast<ssize_t>(sizeof words[0])) {
        return false;
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(got) / sizeof words[0]; ++i) {
        if ((words[i] & word_is_foreign) != 0) {
            return false;
        }
        if ((words[i] & (word_is_present | word_is_swapped)) != 0) {
            add(at_, at_ + page);
        }
        at_ += page;
    }
    return true;
}

void touched_runs::add(std::uint64_t start, std::uint64_t end) noexcept {
    if (known_ != 0 && buffer_[known_ - 1].end == start) {
        buffer_[known_ - 1].end = end;
    } else {
        buffer_[known_++] = {start, end, 0};
    }
}

} // namespace pirn::os
