// SPDX-License-Identifier: MIT
//
// Strings on their way to a call of C, which ends them at their first zero byte: a string that has one in it would
// name something else there.
#pragma once

#include <string>
#include <string_view>

namespace pirn::detail {

// is_c_string: whether a call of C sees all of it. Never suspends.
inline bool is_c_string(std::string_view text) noexcept {
    return text.find('\0') == std::string_view::npos;
}

// printable: the text for a message, with each zero byte as \0. Never suspends.
inline std::string printable(std::string_view text) {
    std::string made;
    made.reserve(text.size());
    for (const char byte : text) {
        if (byte == '\0') {
            made += "\\0";
        } else {
            made += byte;
        }
    }
    return made;
}

} // namespace pirn::detail
