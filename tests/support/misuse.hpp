// SPDX-License-Identifier: MIT
//
// Programmer errors, caught: while a piece of code is under observation, a failed check throws instead
// of ending the program, and the test looks at what it said.
#pragma once

#include <pirn/base/assert.hpp>

#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace support {

// complaint: what a failed check said. Not a std::exception, so that the code under test does not take
// it for an error of its own.
struct complaint {
    std::string message;
    std::string values;
};

class throwing_hook {
  public:
    throwing_hook() : before_{pirn::set_failure_hook(&complain)} {}
    ~throwing_hook() { pirn::set_failure_hook(before_); }
    throwing_hook(const throwing_hook&) = delete;
    throwing_hook& operator=(const throwing_hook&) = delete;

  private:
    static void complain(const pirn::failure& what) {
        throw complaint{std::string{what.message}, std::string{what.values}};
    }
    pirn::failure_hook before_;
};

// complains: whether `code` breaks a check whose message, or values, contain `words`.
template <class Code>
testing::AssertionResult complains(Code&& code, std::string_view words,
                                   std::string_view values = {}) {
    const throwing_hook hook;
    try {
        std::forward<Code>(code)();
    } catch (const complaint& found) {
        if (found.message.find(words) == std::string::npos) {
            return testing::AssertionFailure()
                   << "the complaint is \"" << found.message << "\", without \"" << words << '"';
        }
        if (found.values.find(values) == std::string::npos) {
            return testing::AssertionFailure()
                   << "the values are \"" << found.values << "\", without \"" << values << '"';
        }
        return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << "nothing was complained about";
}

} // namespace support
