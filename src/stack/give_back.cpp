// SPDX-License-Identifier: MIT
//
// First the kernel is asked which pages there are, then those are given back: what is not there costs
// nothing, and the caller learns how much it was.
//
//   areas, sorted     ▓▓▓▓▓▓▓ area 0 ▓▓▓▓   ▓▓▓▓ area 1 ▓▓▓▓         far away: another question  ▓▓▓ area 2
//   runs of the kernel        ██████████████████████   ██
//   given back                ███████████   ████████   ██            the stack between two areas is in use
#include "stack/give_back.hpp"

#include "os/memory.hpp"
#include "os/residency.hpp"
#include "stack/overflow.hpp"

#include <algorithm>
#include <array>

namespace pirn::detail {
namespace {

// Areas at most so far apart are one question: walking over what is between them takes less than asking again.
constexpr std::ptrdiff_t near = std::ptrdiff_t{128} * 1024;

std::byte* end_of(std::span<std::byte> area) noexcept { return area.data() + area.size(); }

// Collects pages, and gives back many with one system call.
class batch {
  public:
    void add(std::span<std::byte> pages) noexcept {
        pages_[size_++] = pages;
        if (size_ == pages_.size()) {
            give_back();
        }
    }
    std::size_t finish() noexcept {
        if (size_ != 0) {
            give_back();
        }
        return bytes_;
    }

  private:
    void give_back() noexcept {
        const std::span<const std::span<std::byte>> all = std::span{pages_}.first(size_);
        if (os::give_back(all)) {
            for (const std::span<std::byte> one : all) {
                bytes_ += one.size();
            }
        }
        size_ = 0;
    }

    std::array<std::span<std::byte>, 128> pages_;
    std::size_t size_ = 0;
    std::size_t bytes_ = 0;
};

// Adds what `run` and `areas` have in common, and gives the areas that may meet a later run.
std::span<std::span<std::byte>> cut(std::span<std::byte> run, std::span<std::span<std::byte>> areas,
                                    batch& into) noexcept {
    while (!areas.empty() && areas[0].data() < end_of(run)) {
        std::byte* low = std::max(run.data(), areas[0].data());
        std::byte* high = std::min(end_of(run), end_of(areas[0]));
        if (low < high) {
            into.add({low, high});
        }
        if (end_of(areas[0]) > end_of(run)) {
            break;
        }
        areas = areas.subspan(1);
    }
    return areas;
}

} // namespace

std::span<std::byte> whole_pages_of(std::span<std::byte> dead, bool has_canary) noexcept {
    const std::size_t kept = has_canary ? sizeof canary : 0;
    return dead.size() <= kept ? std::span<std::byte>{} : os::whole_pages(dead.subspan(kept));
}

bool clear_unused(std::span<std::byte> unused) noexcept {
    const std::span<std::byte> pages = os::whole_pages(unused);
    if (pages.empty()) {
        os::zero_memory(unused);
        return true;
    }
    // Nothing of a guarded stack, and of an unguarded one what the canary leaves of its page.
    os::zero_memory(unused.first(static_cast<std::size_t>(pages.data() - unused.data())));
    return os::give_back({&pages, 1});
}

std::size_t give_back_touched(std::span<std::span<std::byte>> areas) noexcept {
    batch given;
    if (os::way_to_page_map() == os::page_map_way::none) {
        // Then all of it, and it counts as if all had been touched.
        for (const std::span<std::byte> area : areas) {
            given.add(area);
        }
        return given.finish();
    }
    std::sort(areas.begin(), areas.end(),
              [](const auto& a, const auto& b) { return a.data() < b.data(); });
    os::touched_runs runs;
    while (!areas.empty()) {
        std::size_t together = 1;
        while (together < areas.size() &&
               areas[together].data() - end_of(areas[together - 1]) <= near) {
            ++together;
        }
        std::span<std::span<std::byte>> left = areas.first(together);
        for (runs.begin({areas[0].data(), end_of(left.back())}); runs.next();) {
            left = cut(runs.run(), left, given);
        }
        areas = areas.subspan(together);
    }
    return given.finish();
}

} // namespace pirn::detail
