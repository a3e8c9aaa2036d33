// SPDX-License-Identifier: MIT
//
// Characters as JSON knows them: UTF-8 in and out, and what must be escaped. Not part of the library.
#pragma once

#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace example {

// A byte is an int, as std::getc has it: negative at the end of the input.
inline bool is_digit(int byte) { return byte >= '0' && byte <= '9'; }
inline bool is_continuation(int byte) { return byte >= 0x80 && byte < 0xC0; }
inline bool is_surrogate(char32_t unit) { return unit >= 0xD800 && unit < 0xE000; }
inline bool is_high_surrogate(char32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }

inline std::optional<unsigned> hex_digit(int byte) {
    if (is_digit(byte)) return static_cast<unsigned>(byte - '0');
    const int letter = byte | 0x20;
    if (byte > 0 && letter >= 'a' && letter <= 'f') return static_cast<unsigned>(letter - 'a' + 10);
    return std::nullopt;
}

// utf8_decoder: one character, byte by byte.
class utf8_decoder {
  public:
    explicit utf8_decoder(int lead) {
        const int length = lead < 0x80   ? 1
                           : lead < 0xC0 ? 0
                           : lead < 0xE0 ? 2
                           : lead < 0xF0 ? 3
                                         : 4;
        constexpr std::array<int, 5> marks{0, 0, 0xC0, 0xE0, 0xF0};
        constexpr std::array<char32_t, 5> least{0x110000, 0, 0x80, 0x800, 0x10000};
        const auto which = static_cast<std::size_t>(length);
        value_ = static_cast<char32_t>(lead - marks[which]);
        least_ = least[which]; // what fits into fewer bytes must not take more
        missing_ = length > 0 ? length - 1 : 0;
    }

    void add(int byte) {
        value_ = value_ << 6 | static_cast<char32_t>(byte & 0x3F);
        --missing_;
    }

    int missing() const { return missing_; }
    char32_t value() const { return value_; }
    bool valid() const {
        return missing_ == 0 && value_ >= least_ && value_ < 0x110000 && !is_surrogate(value_);
    }

  private:
    char32_t value_;
    char32_t least_;
    int missing_;
};

// append_escaped: a character as it stands in a string of a document; escaped only if it must be.
inline void append_escaped(std::string& out, char32_t code) {
    constexpr std::string_view special = "\"\\\b\f\n\r\t";
    constexpr std::string_view letters = "\"\\bfnrt";
    const auto byte = [&out](char32_t value) { out += static_cast<char>(value); };
    const auto tail = [byte](char32_t bits) { byte(0x80 | (bits & 0x3F)); };
    if (const auto which = code < 0x80 ? special.find(static_cast<char>(code)) : special.npos;
        which != special.npos) {
        (out += '\\') += letters[which];
    } else if (code < 0x20) {
        std::array<char, 8> text{};
        std::snprintf(text.data(), text.size(), "\\u%04x", static_cast<unsigned>(code));
        out += text.data();
    } else if (code < 0x80) {
        byte(code);
    } else if (code < 0x800) {
        byte(0xC0 | code >> 6), tail(code);
    } else if (code < 0x10000) {
        byte(0xE0 | code >> 12), tail(code >> 6), tail(code);
    } else {
        byte(0xF0 | code >> 18), tail(code >> 12), tail(code >> 6), tail(code);
    }
}

} // namespace example
