// SPDX-License-Identifier: MIT
//
// The affinity mask, and the quota of control groups. A group's limit holds for those below it, so every level from the
// process's own group up to the root is looked at. See cgroups(7) and the kernel's admin-guide/cgroup-v2.rst.
#include "os/processors.hpp"

#include <algorithm>
#include <charconv>
#include <exception>
#include <fstream>
#include <iterator>
#include <optional>
#include <vector>

#include <sched.h>
#include <unistd.h>

namespace pirn::os {
namespace {

std::size_t in_affinity_mask() noexcept {
    // More than 1,024 processors do not fit into a cpu_set_t: the kernel says EINVAL until the set is large enough.
    for (std::size_t processors = 1024; processors <= 1'048'576; processors *= 2) {
        cpu_set_t* const set = CPU_ALLOC(processors);
        if (set == nullptr) {
            break;
        }
        const std::size_t bytes = CPU_ALLOC_SIZE(processors);
        const int failed = ::sched_getaffinity(0, bytes, set);
        const int count = failed == 0 ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (count > 0) {
            return static_cast<std::size_t>(count);
        }
    }
    return static_cast<std::size_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

std::optional<std::string> contents(const std::string& path) {
    std::ifstream file{path};
    if (!file) {
        return std::nullopt;
    }
    return std::string{std::istreambuf_iterator<char>{file}, {}};
}

std::optional<long long> number_in(std::string_view text) noexcept {
    long long value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end != text.data() ? std::optional{value} : std::nullopt;
}

std::size_t rounded_up(long long quota, long long period) noexcept {
    return quota > 0 && period > 0 ? static_cast<std::size_t>((quota + period - 1) / period) : 0;
}

void tighten(std::size_t& limit, std::size_t another) noexcept {
    if (another != 0 && (limit == 0 || another < limit)) {
        limit = another;
    }
}

// limit_at: of one directory, whichever version it is of.
std::size_t limit_at(const std::string& directory) {
    if (const auto second = contents(directory + "/cpu.max")) {
        return parse_quota(*second);
    }
    const auto quota = contents(directory + "/cpu.cfs_quota_us");
    const auto period = contents(directory + "/cpu.cfs_period_us");
    if (quota && period) {
        return rounded_up(number_in(*quota).value_or(-1), number_in(*period).value_or(0));
    }
    return 0;
}

} // namespace

std::size_t parse_quota(std::string_view text) noexcept {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) {
        return 0;
    }
    const auto quota = number_in(text.substr(0, space));
    const auto period = number_in(text.substr(space + 1));
    return quota && period ? rounded_up(*quota, *period) : 0;
}

std::size_t quota_in(const std::string& membership_file, const std::string& mount_point) {
    std::size_t limit = 0;
    std::ifstream groups{membership_file};
    // Each line is number:controllers:path; without controllers in version 2.
    for (std::string line; std::getline(groups, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) {
            continue;
        }
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const std::string padded = "," + controllers + ",";
        if (!controllers.empty() && padded.find(",cpu,") == std::string::npos) {
            continue;
        }
        const std::string root = controllers.empty() ? mount_point : mount_point + "/cpu";
        std::string path = line.substr(second + 1);
        for (;;) {
            tighten(limit, limit_at(root + path));
            const std::size_t slash = path.rfind('/');
            if (path.empty() || slash == std::string::npos) {
                break;
            }
            path.resize(slash);
        }
    }
    return limit;
}

std::size_t available_processors() noexcept {
    std::size_t processors = in_affinity_mask();
    try {
        tighten(processors, quota_in("/proc/self/cgroup", "/sys/fs/cgroup"));
    } catch (const std::exception&) { // NOLINT(bugprone-empty-catch): no memory to read the limit
    }
    return processors;
}

} // namespace pirn::os
