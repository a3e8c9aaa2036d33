// SPDX-License-Identifier: MIT
//
// The command line of the example programs: long options with a value, numbers checked, and a usage
// line with exit code 2 for what cannot be understood. Not part of the library.
#pragma once

#include <pirn/loop/options.hpp>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace example {

class command_line {
  public:
    command_line(int count, char** words, const char* usage) noexcept
        : count_{count}, words_{words}, usage_{usage} {}

    // next: the next option's name, or empty at the end.
    std::string_view next() {
        if (++at_ >= count_) {
            return {};
        }
        return words_[at_];
    }

    // text, number, backend: the value that follows the option.
    std::string_view text() {
        if (++at_ >= count_) {
            refuse("a value is missing");
        }
        return words_[at_];
    }

    template <class Number>
    Number number(Number least, Number most = std::numeric_limits<Number>::max()) {
        const std::string_view word = text();
        Number value{};
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
        if (error != std::errc{} || end != word.data() + word.size() || value < least ||
            value > most) {
            refuse("not a number in range");
        }
        return value;
    }

    pirn::backend_kind backend() {
        const std::string_view word = text();
        if (word == "auto") return pirn::backend_kind::automatic;
        if (word == "uring") return pirn::backend_kind::uring;
        if (word == "epoll") return pirn::backend_kind::epoll;
        refuse("a backend is auto, uring or epoll");
    }

    [[noreturn]] void refuse(const char* why = "unknown option") const {
        const char* word = at_ < count_ ? words_[at_] : words_[count_ - 1];
        std::fprintf(stderr, "%s: %s\nusage: %s %s\n", word, why, words_[0], usage_);
        std::exit(2);
    }

  private:
    int count_;
    char** words_;
    const char* usage_;
    int at_ = 0;
};

} // namespace example
