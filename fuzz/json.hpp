// SPDX-License-Identifier: MIT
//
// A strict checker of JSON (RFC 8259), small and of our own, so that what it allows is known: it accepts no more than
// the grammar, and collects the values of one key.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fuzz {

// utf8_size: bytes of the character at the text's beginning, 0 if it is none (overlong, a surrogate, cut off).
inline std::size_t utf8_size(std::string_view text) noexcept {
    const auto at = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto follows = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
    const unsigned first = at(0);
    if (text.empty() || (first >= 0x80 && first < 0xC2) || first > 0xF4) {
        return 0;
    }
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xE0) {
        return follows(1) ? 2 : 0;
    }
    if (first < 0xF0) {
        const bool overlong = first == 0xE0 && at(1) < 0xA0;
        const bool surrogate = first == 0xED && at(1) > 0x9F;
        return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
    }
    const bool overlong = first == 0xF0 && at(1) < 0x90;
    const bool too_large = first == 0xF4 && at(1) > 0x8F;
    return follows(1) && follows(2) && follows(3) && !overlong && !too_large ? 4 : 0;
}

inline bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t size = utf8_size(text);
        if (size == 0) {
            return false;
        }
        text.remove_prefix(size);
    }
    return true;
}

// json_checker: reads one text. Escapes above U+00FF stay as they are in what it collects.
class json_checker {
  public:
    json_checker(std::string_view text, std::string_view wanted_key)
        : left_{text}, wanted_key_{wanted_key} {}

    // check: whether all of the text is one JSON value.
    bool check() {
        const bool good = value(0);
        space();
        return good && left_.empty();
    }

    const std::vector<std::string>& collected() const noexcept { return collected_; }

  private:
    static constexpr int deepest = 200;

    void space() {
        const std::size_t at = left_.find_first_not_of(" \t\r\n");
        left_.remove_prefix(at == std::string_view::npos ? left_.size() : at);
    }

    bool take(std::string_view what) {
        if (!left_.starts_with(what)) {
            return false;
        }
        left_.remove_prefix(what.size());
        return true;
    }

    bool value(int depth) {
        space();
        if (left_.empty() || depth > deepest) {
            return false;
        }
        switch (left_.front()) {
        case '{': return object(depth);
        case '[': return array(depth);
        case '"': {
            std::string ignored;
            return string(ignored);
        }
        case 't': return take("true");
        case 'f': return take("false");
        case 'n': return take("null");
        default: return number();
        }
    }

    bool object(int depth) {
        left_.remove_prefix(1);
        space();
        if (take("}")) {
            return true;
        }
        do {
            space();
            std::string key;
            if (!string(key)) {
                return false;
            }
            space();
            if (!take(":")) {
                return false;
            }
            space();
            if (key == wanted_key_) {
                std::string text;
                if (!string(text)) {
                    return false;
                }
                collected_.push_back(std::move(text));
            } else if (!value(depth + 1)) {
                return false;
            }
            space();
        } while (take(","));
        return take("}");
    }

    bool array(int depth) {
        left_.remove_prefix(1);
        space();
        if (take("]")) {
            return true;
        }
        do {
            if (!value(depth + 1)) {
                return false;
            }
            space();
        } while (take(","));
        return take("]");
    }

    bool string(std::string& into) {
        if (!take("\"")) {
            return false;
        }
        while (!left_.empty() && left_.front() != '"') {
            if (left_.front() == '\\') {
                if (!escape(into)) {
                    return false;
                }
                continue;
            }
            const std::size_t size = utf8_size(left_);
            if (size == 0 || static_cast<unsigned char>(left_.front()) < 0x20) {
                return false;
            }
            into += left_.substr(0, size);
            left_.remove_prefix(size);
        }
        return take("\"");
    }

    bool escape(std::string& into) {
        constexpr std::array<std::pair<char, char>, 8> table{{{'"', '"'},
                                                              {'\\', '\\'},
                                                              {'/', '/'},
                                                              {'b', '\b'},
                                                              {'f', '\f'},
                                                              {'n', '\n'},
                                                              {'r', '\r'},
                                                              {'t', '\t'}}};
        left_.remove_prefix(1);
        if (left_.empty()) {
            return false;
        }
        for (const auto& [letter, meaning] : table) {
            if (left_.front() == letter) {
                into += meaning;
                left_.remove_prefix(1);
                return true;
            }
        }
        if (!take("u") || left_.size() < 4) {
            return false;
        }
        unsigned code = 0;
        for (const char each : left_.substr(0, 4)) {
            const std::size_t digit = std::string_view{"0123456789abcdef"}.find(
                each >= 'A' && each <= 'F' ? static_cast<char>(each - 'A' + 'a') : each);
            if (digit == std::string_view::npos) {
                return false;
            }
            code = code * 16 + static_cast<unsigned>(digit);
        }
        if (code < 0x80) {
            into += static_cast<char>(code);
        } else {
            (into += "\\u") += left_.substr(0, 4);
        }
        left_.remove_prefix(4);
        return true;
    }

    bool digits() {
        const std::size_t count = std::min(left_.find_first_not_of("0123456789"), left_.size());
        left_.remove_prefix(count);
        return count > 0;
    }

    bool number() {
        take("-");
        if (!take("0") && !digits()) {
            return false;
        }
        if (take(".") && !digits()) {
            return false;
        }
        if (take("e") || take("E")) {
            if (!take("+")) {
                take("-");
            }
            return digits();
        }
        return true;
    }

    std::string_view left_;
    std::string_view wanted_key_;
    std::vector<std::string> collected_;
};

} // namespace fuzz
