// SPDX-License-Identifier: MIT
//
// Several errors as one.
#include <pirn/scope/errors.hpp>

namespace pirn {

// NOLINTBEGIN(bugprone-throw-keyword-missing): a member of that type, not an exception
all_failed::all_failed(std::vector<std::exception_ptr> errors)
    : errors_{std::move(errors)}, text_{"all " + std::to_string(errors_.size()) + " failed"} {
    for (std::size_t i = 0; i < errors_.size(); ++i) {
        text_ += (i == 0 ? ": " : "; ") + text_of(errors_[i]);
    }
}

// NOLINTEND(bugprone-throw-keyword-missing)

all_failed::~all_failed() = default;

std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        return known.what();
    } catch (...) {
        return "not a std::exception";
    }
}

namespace detail {

void throw_all_failed(std::vector<std::exception_ptr> errors) {
    throw all_failed{std::move(errors)};
}

} // namespace detail

} // namespace pirn
