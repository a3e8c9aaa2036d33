// SPDX-License-Identifier: MIT
//
// The grammar, a function for each of its rules.
#include "json_parser.hpp"

namespace example {

void json_parser::value(int depth) {
    const int first = next();
    const auto word = [&](std::string_view whole) {
        expect(whole);
        out_ += whole;
    };
    switch (first) {
    case '{': return container('}', depth);
    case '[': return container(']', depth);
    case '"': return string();
    case 't': return word("true");
    case 'f': return word("false");
    case 'n': return word("null");
    default: break;
    }
    if (first != '-' && !is_digit(first)) fail("a value was expected");
    number();
}

void json_parser::container(char close, int depth) {
    if (depth == max_depth) fail("nested too deeply, " + std::to_string(max_depth) + " at most");
    const bool named = close == '}';
    copy();
    if (next() == close) return copy();
    for (;;) {
        new_line(depth + 1);
        if (named) {
            if (next() != '"') fail("a name in quotes was expected");
            string();
            next();
            expect(":");
            out_ += ": ";
        }
        value(depth + 1);
        if (next() == close) break;
        if (peek() != ',') fail(std::string{"a comma or "} + close + " was expected");
        copy();
    }
    new_line(depth);
    copy();
}

// Numbers are copied as they are: 0.10 is not 0.1 to everybody.
void json_parser::number() {
    if (peek() == '-') copy();
    peek() == '0' ? copy() : digits(); // no digit may follow a zero
    if (peek() == '.') {
        copy();
        digits();
    }
    if (peek() == 'e' || peek() == 'E') {
        copy();
        if (peek() == '+' || peek() == '-') copy();
        digits();
    }
}

void json_parser::digits() {
    if (!is_digit(peek())) fail("a digit was expected");
    while (is_digit(peek())) copy();
}

void json_parser::string() {
    copy(); // the quote
    while (peek() != '"') {
        if (peek() == end) fail("a quote was expected");
        if (peek() < 0x20) fail("a control character in a string must be escaped");
        append_escaped(out_, peek() == '\\' ? escape() : character());
    }
    copy();
}

char32_t json_parser::escape() {
    constexpr std::string_view letters = "\"\\/bfnrt";
    constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    take();
    const int letter = peek();
    if (letter != 'u') {
        const auto which = letter == end ? letters.npos : letters.find(static_cast<char>(letter));
        if (which == letters.npos) fail("there is no such escape");
        take();
        return static_cast<unsigned char>(meanings[which]);
    }
    const char32_t first = unit();
    if (!is_surrogate(first)) return first;
    if (!is_high_surrogate(first)) fail("the second half of a pair comes first");
    expect("\\");
    const char32_t second = peek() == 'u' ? unit() : 0;
    if (!is_surrogate(second) || is_high_surrogate(second)) fail("half a pair is missing");
    return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
}

char32_t json_parser::unit() {
    take(); // the u
    char32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        const auto digit = hex_digit(peek());
        if (!digit) fail("four hexadecimal digits were expected");
        value = value * 16 + *digit;
        take();
    }
    return value;
}

char32_t json_parser::character() {
    utf8_decoder decoder{take()};
    while (decoder.missing() > 0 && is_continuation(peek())) decoder.add(take());
    if (!decoder.valid()) fail("this is not UTF-8");
    return decoder.value();
}

} // namespace example
