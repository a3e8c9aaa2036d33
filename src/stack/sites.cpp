// SPDX-License-Identifier: MIT
//
// What was measured, by the place where the coroutines were created.
//
// Each place has a histogram whose buckets grow with the value: up to 8 units of 64 bytes one bucket each, and
// from there on eight for each doubling, so that a bucket is never wider than an eighth of what is in it.
//
//   units    0  1  2 …  7 │ 8  9 … 15 │ 16,17  18,19 …  30,31 │ 32–35  36–39 …
//   bucket   0  1  2 …  7 │ 8  9 … 15 │  16     17   …   23   │  24     25   …
//
// Shared state: `account`, under its mutex. Taken only by coroutines that are measured and by who reads.
#include <pirn/stack/usage.hpp>

#include "stack/measure.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <mutex>
#include <new>
#include <string_view>
#include <tuple>
#include <utility>

namespace pirn {
namespace {

constexpr std::size_t unit = 64; // bytes
constexpr std::size_t buckets_of_doubling = 8;
constexpr std::size_t bucket_count = 264; // up to 2^35 units
constexpr std::size_t sites_max = 1024;

std::size_t bucket_of(std::size_t bytes) noexcept {
    const std::size_t units = bytes / unit + (bytes % unit != 0);
    if (units < 2 * buckets_of_doubling) {
        return units;
    }
    const auto shift = static_cast<std::size_t>(std::bit_width(units)) - 4;
    return std::min(shift * buckets_of_doubling + (units >> shift), bucket_count - 1);
}

// The most bytes that fall into a bucket.
std::uint64_t upper_end(std::size_t bucket) noexcept {
    if (bucket < 2 * buckets_of_doubling) {
        return std::uint64_t{bucket} * unit;
    }
    const std::size_t shift = bucket / buckets_of_doubling - 1;
    const std::uint64_t first = bucket % buckets_of_doubling + buckets_of_doubling;
    return (((first + 1) << shift) - 1) * unit;
}

struct site {
    std::array<std::uint64_t, bucket_count> counts{};
    std::uint64_t coroutines = 0;
    std::size_t most = 0;
    std::size_t stack_size = 0;
    stack_precision precision = stack_precision::byte;

    void add(stack_usage used, std::size_t size) noexcept {
        ++counts[bucket_of(used.bytes)];
        ++coroutines;
        most = std::max(most, used.bytes);
        stack_size = std::max(stack_size, size);
        precision = std::min(precision, used.precision);
    }

    // What this share of the coroutines did not exceed.
    std::size_t percentile(unsigned percent) const noexcept {
        const std::uint64_t wanted = coroutines - coroutines * (100 - percent) / 100;
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < bucket_count; ++i) {
            seen += counts[i];
            if (seen >= wanted) {
                return static_cast<std::size_t>(std::min<std::uint64_t>(upper_end(i), most));
            }
        }
        return most;
    }
};

struct place {
    std::string file;
    unsigned line;
};
struct place_view {
    std::string_view file;
    unsigned line;
};
struct by_place {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const noexcept {
        return std::pair{a.line, std::string_view{a.file}} <
               std::pair{b.line, std::string_view{b.file}};
    }
};

struct account {
    std::mutex mutex;
    std::map<place, site, by_place> sites;
    site others; // places that there was no room for

    site& at(const place_view& where) {
        const auto known = sites.find(where);
        if (known != sites.end()) {
            return known->second;
        }
        if (sites.size() == sites_max) {
            return others;
        }
        try {
            return sites[place{std::string{where.file}, where.line}];
        } catch (const std::bad_alloc&) {
            return others;
        }
    }
};

account& all_sites() {
    // Never destroyed: coroutines may end after the static destructors have run.
    static account* const instance = new account;
    return *instance;
}

std::size_t recommended_size(std::size_t most) noexcept {
    constexpr std::size_t least = 4096;
    constexpr std::size_t largest = ~(~std::size_t{0} >> 1); // a power of two
    return most > largest / 2 ? largest : std::bit_ceil(std::max(most + most / 2, least));
}

stack_site summary(const place& where, const site& what) {
    return {.file = where.file,
            .line = where.line,
            .coroutines = what.coroutines,
            .median = what.percentile(50),
            .p99 = what.percentile(99),
            .most = what.most,
            .stack_size = what.stack_size,
            .recommended = recommended_size(what.most),
            .precision = what.precision};
}

// ---- As text

std::string with_commas(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t i = text.size(); i > 3; i -= 3) {
        text.insert(i - 3, ",");
    }
    return text;
}

// Rounded up, so that a size that is read off is never too small.
std::string size_text(std::size_t bytes) {
    constexpr std::size_t kibi = 1024;
    if (bytes < kibi) {
        return std::to_string(bytes) + " bytes";
    }
    if (bytes % (kibi * kibi) == 0) {
        return with_commas(bytes / (kibi * kibi)) + " MiB";
    }
    return with_commas((bytes + kibi - 1) / kibi) + " KiB";
}

std::string line_of(const stack_site& one) {
    const std::string where =
        one.file.empty() ? "an unknown place" : one.file + ":" + std::to_string(one.line);
    return "p99 of " + with_commas(one.coroutines) +
           (one.coroutines == 1 ? " coroutine from " : " coroutines from ") + where + " used " +
           size_text(one.p99) + " of " + size_text(one.stack_size) + ", the most " +
           size_text(one.most) + "; " + size_text(one.recommended) + " would do\n";
}

} // namespace

namespace detail {

void record_stack(std::string_view file, unsigned line, stack_usage used,
                  std::size_t stack_size) noexcept {
    account& all = all_sites();
    const std::lock_guard lock{all.mutex};
    all.at({file, line}).add(used, stack_size);
}

} // namespace detail

std::vector<stack_site> stack_sites() {
    account& all = all_sites();
    std::vector<stack_site> found;
    {
        const std::lock_guard lock{all.mutex};
        found.reserve(all.sites.size() + 1);
        for (const auto& [where, what] : all.sites) {
            found.push_back(summary(where, what));
        }
        if (all.others.coroutines != 0) {
            found.push_back(summary({}, all.others));
        }
    }
    std::sort(found.begin(), found.end(), [](const stack_site& a, const stack_site& b) {
        return a.coroutines != b.coroutines ? a.coroutines > b.coroutines
                                            : std::tie(a.file, a.line) < std::tie(b.file, b.line);
    });
    return found;
}

std::string stack_report() {
    std::string text;
    for (const stack_site& one : stack_sites()) {
        text += line_of(one);
    }
    return text;
}

void forget_stack_sites() noexcept {
    account& all = all_sites();
    const std::lock_guard lock{all.mutex};
    all.sites.clear();
    all.others = {};
}

} // namespace pirn
