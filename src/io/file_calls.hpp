// SPDX-License-Identifier: MIT
//
// What the sources about files share.
#pragma once

#include <pirn/io/file_system.hpp>
#include <pirn/io/stream.hpp>
#include <pirn/runtime/await.hpp>

#include "base/c_string.hpp"

#include <cerrno>
#include <concepts>
#include <filesystem>
#include <system_error>

struct statx;

namespace pirn::io::detail {

// check_path: check, with the path in what(). Never suspends.
void check_path(const std::error_code& error, const char* operation,
                const std::filesystem::path& path);

// await_named: await, for an operation that gives these paths to the kernel. -EINVAL, and nothing has happened, when
// the kernel would cut one of them at a zero byte. Suspends.
template <class Operation, std::same_as<std::filesystem::path>... Paths>
int await_named(awaitable<Operation>& operation, const Paths&... paths) noexcept {
    if ((pirn::detail::is_c_string(paths.native()) && ...)) {
        return await(operation);
    }
    pirn::detail::give_way(); // this answer counts as any other
    return -EINVAL;
}

// kind_of_mode: from the bits of st_mode. status_from: from statx(2). Never suspend.
file_kind kind_of_mode(unsigned mode) noexcept;
file_status status_from(const struct statx& known) noexcept;

} // namespace pirn::io::detail
