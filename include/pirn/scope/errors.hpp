// SPDX-License-Identifier: MIT
//
// Several errors that travel as one.
#pragma once

#include <pirn/base/export.hpp>

#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace pirn {

// all_failed: of several ways to an answer, none led there. Also when there was none to begin with.
class PIRN_EXPORT all_failed : public std::exception {
  public:
    explicit all_failed(std::vector<std::exception_ptr> errors);
    ~all_failed() override;

    // errors: in the order in which they came. Never suspends.
    const std::vector<std::exception_ptr>& errors() const noexcept { return errors_; }

    // what: how many, and what each says.
    const char* what() const noexcept override { return text_.c_str(); }

  private:
    std::vector<std::exception_ptr> errors_;
    std::string text_;
};

// text_of: what an exception says of itself, for messages about several. Throws std::bad_alloc. Never suspends.
PIRN_EXPORT std::string text_of(const std::exception_ptr& error);

namespace detail {

[[noreturn]] PIRN_EXPORT void throw_all_failed(std::vector<std::exception_ptr> errors);

} // namespace detail
} // namespace pirn
