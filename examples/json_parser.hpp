// SPDX-License-Identifier: MIT
//
// A recursive descent parser for JSON (RFC 8259) that is fed in pieces. Where it needs a byte that has
// not arrived, it suspends, with all its recursion: in the midst of a number, of an escape, of a
// character. Nothing in it knows where pieces begin and end, but peek(). Not part of the library.
#pragma once

#include <pirn/coro/yielder.hpp>

#include "json_text.hpp"

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace example {

// json_parser: reads one document, and appends it to a string as it goes, indented. Throws
// std::runtime_error with line and column (both from 1, in characters) where the document is wrong.
class json_parser {
  public:
    // `input` gives a piece at each suspension; an empty one is the end.
    json_parser(pirn::yielder<void, std::string_view>& input, std::string& out)
        : input_{input}, out_{out} {}

    void document() {
        value(0);
        if (next() != end) fail("nothing may follow the document");
        out_ += '\n';
    }

    // Levels of arrays and objects: recursion that the input decides needs a limit, or the input decides
    // about the end of the stack.
    static constexpr int max_depth = 1000;

  private:
    static constexpr int end = -1;

    // peek: the next byte. This is where the whole recursion waits for more input.
    int peek() {
        while (piece_.empty() && !ended_) {
            piece_ = input_.suspend();
            ended_ = piece_.empty();
        }
        return ended_ ? end : static_cast<unsigned char>(piece_.front());
    }

    int take() {
        const int byte = peek();
        if (byte == end) return end;
        piece_.remove_prefix(1);
        if (byte == '\n')
            line_ += 1, column_ = 1;
        else if (!is_continuation(byte))
            ++column_;
        return byte;
    }

    void copy() { out_ += static_cast<char>(take()); }

    // next: the same as peek, behind blanks.
    int next() {
        while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') take();
        return peek();
    }

    [[noreturn]] void fail(const std::string& what) {
        throw std::runtime_error{"line " + std::to_string(line_) + ", column " +
                                 std::to_string(column_) + ": " + what +
                                 (peek() == end ? ", but the input ends" : "")};
    }

    void expect(std::string_view word) {
        for (const char letter : word) {
            if (peek() != letter) fail("\"" + std::string{word} + "\" was expected");
            take();
        }
    }

    void new_line(int depth) { (out_ += '\n').append(2 * static_cast<std::size_t>(depth), ' '); }

    void value(int depth);
    void container(char close, int depth);
    void number();
    void digits();
    void string();
    char32_t escape();
    char32_t unit();
    char32_t character();

    pirn::yielder<void, std::string_view>& input_;
    std::string& out_;
    std::string_view piece_; // what is left of it
    bool ended_ = false;
    int line_ = 1;
    int column_ = 1;
};

} // namespace example
