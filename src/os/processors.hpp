// SPDX-License-Identifier: MIT
//
// How much of the machine the process may use.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pirn::os {

// available_processors: those in the affinity mask, and no more than the quota of the control group, rounded up.
// Reads /proc and /sys; what cannot be read does not limit. At least 1. Never suspends.
std::size_t available_processors() noexcept;

// The same for other roots than /proc/self/cgroup and /sys/fs/cgroup, for tests. 0: no limit.
std::size_t quota_in(const std::string& membership_file, const std::string& mount_point);

// parse_quota: cgroup v2's cpu.max, "200000 100000" or "max 100000", in processors rounded up; 0: no limit, or not
// understood.
std::size_t parse_quota(std::string_view text) noexcept;

} // namespace pirn::os
