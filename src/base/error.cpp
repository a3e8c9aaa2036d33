// SPDX-License-Identifier: MIT
//
// Throwing, out of line: a throw expression inlined into every caller would cost more code than the
// operations themselves.
#include <pirn/base/error.hpp>

#include <cerrno>

namespace pirn {

void throw_error(std::error_code error, const char* operation) {
    throw std::system_error{error, operation};
}

void throw_errno(const char* operation) {
    throw std::system_error{errno, std::system_category(), operation};
}

} // namespace pirn
