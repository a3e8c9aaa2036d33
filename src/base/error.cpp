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

namespace detail {

void throw_cancelled() { throw cancelled{}; }

void rethrow() { throw; }

void call_catching(const catching& functions, void* object) {
    try {
        functions.call(object);
    } catch (const cancelled&) {
        functions.when_cancelled(object);
    } catch (...) {
        if (functions.when_failed == nullptr || std::current_exception() == nullptr) {
            throw;
        }
        functions.when_failed(object);
    }
}

} // namespace detail

} // namespace pirn
