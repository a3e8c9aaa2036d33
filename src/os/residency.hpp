// SPDX-License-Identifier: MIT
//
// Which pages of a memory were touched: what a stack has used and what it costs, without writing to it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pirn::os {

// page_map_way: how the kernel is asked; see residency.cpp.
enum class page_map_way : std::uint8_t { scan, reading, none };

// way_to_page_map: the best that this kernel has, tried once. Thread-safe. Never suspends.
page_map_way way_to_page_map() noexcept;

// touched_runs: a walk over the runs of touched pages in an area, from low to high:
//
//   touched_runs runs;
//   for (runs.begin(area); runs.next();) use(runs.run());
//   if (runs.refused()) …
//
// A page is touched when it was written since it was mapped, or since it was last given back; in memory or
// swapped out. A page that was only read is not, on Linux 6.7 and later; before that it counts too. Runs may
// follow each other without a gap. One object serves for many areas, and saves opening a file for each. Used
// by one thread. Never suspends.
class touched_runs {
  public:
    explicit touched_runs(page_map_way by = way_to_page_map()) noexcept;
    ~touched_runs();
    touched_runs(const touched_runs&) = delete;
    touched_runs& operator=(const touched_runs&) = delete;

    // begin: `area` is whole pages of private memory. `runs_max`: how many the kernel shall look for with one
    // call; 1 where nothing but the first is wanted.
    void begin(std::span<std::byte> area, std::size_t runs_max = buffered_max) noexcept;

    // next: goes to the next run; false when there is none, and when the kernel refused.
    bool next() noexcept;
    std::span<std::byte> run() const noexcept;

    // refused: whether the kernel does not tell. What `next` told is then not all.
    bool refused() const noexcept { return refused_; }

    static constexpr std::size_t buffered_max = 32;

  private:
    // As the kernel has it in <linux/fs.h> since Linux 6.7.
    struct page_region {
        std::uint64_t start;
        std::uint64_t end;
        std::uint64_t categories;
    };

    bool fill() noexcept;
    bool fill_by_scan() noexcept;
    bool fill_by_reading() noexcept;
    void add(std::uint64_t start, std::uint64_t end) noexcept;

    const page_map_way way_;
    const int file_;
    bool refused_ = false;
    std::uint64_t at_ = 0; // up to here the kernel was asked
    std::uint64_t end_ = 0;
    std::size_t runs_max_ = 0;
    std::size_t known_ = 0; // entries of buffer_
    std::size_t used_ = 0;  // so many of them were handed out
    std::array<page_region, buffered_max> buffer_;
};

} // namespace pirn::os
