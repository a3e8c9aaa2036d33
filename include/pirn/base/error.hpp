// SPDX-License-Identifier: MIT
//
// What the world refuses: errors that a caller can handle. Each operation that can fail comes in two
// forms, as in <filesystem>: one throws std::system_error, the other takes a std::error_code& and
// never throws for the world's reasons. docs/decisions/0002-two-error-forms.md says why.
//
// pirn adds no error numbers of its own: the system's and the generic category name everything so
// far, and code that compares with std::errc works unchanged.
#pragma once

#include <pirn/base/config.hpp>
#include <pirn/base/export.hpp>

#include <system_error>

namespace pirn {

// cancelled: thrown out of every suspending call of a task that was asked to stop. It does not derive
// from std::exception, so that a handler for errors does not mistake a request to leave for an error.
struct cancelled {};

// error_of: the error_code for a result in the kernel's form: zero or more is success, a negative
// number is an errno. Never suspends.
inline std::error_code error_of(int result) noexcept {
    return result < 0 ? std::error_code{-result, std::system_category()} : std::error_code{};
}

// throw_error: throws std::system_error whose what() begins with the operation's name.
// Never suspends.
[[noreturn]] PIRN_EXPORT PIRN_COLD void throw_error(std::error_code error, const char* operation);

// throw_errno: the same, from the thread's errno. Never suspends.
[[noreturn]] PIRN_EXPORT PIRN_COLD void throw_errno(const char* operation);

} // namespace pirn
