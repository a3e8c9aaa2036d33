// SPDX-License-Identifier: MIT
//
// What the sources about files share.
#pragma once

#include <pirn/io/file_system.hpp>
#include <pirn/io/stream.hpp>

#include <filesystem>
#include <system_error>

struct statx;

namespace pirn::io::detail {

// check_path: check, with the path in what(). Never suspends.
void check_path(const std::error_code& error, const char* operation,
                const std::filesystem::path& path);

// kind_of_mode: from the bits of st_mode. status_from: from statx(2). Never suspend.
file_kind kind_of_mode(unsigned mode) noexcept;
file_status status_from(const struct statx& known) noexcept;

} // namespace pirn::io::detail
