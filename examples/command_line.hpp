// SPDX-License-Identifier: MIT
//
// The command line of the example programs: long options, each with a value. What cannot be understood
// gets a message and a usage line on stderr, and exit code 2. Not part of the library.
//
//   example::command_line line{argc, argv, "[--port N] [--verbose yes|no]"};
//   const auto port = line.number<std::uint16_t>("--port", 8080);
//   line.done();
#pragma once

#include <pirn/loop/options.hpp>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace example {

class command_line {
  public:
    command_line(int count, char** words, const char* usage)
        : words_{words, words + count}, usage_{usage} {}

    // text: the option's value, if it was given; of several, the last.
    std::optional<std::string_view> text(std::string_view option) {
        std::optional<std::string_view> value;
        for (std::size_t i = 1; i < words_.size();) {
            if (words_[i] != option) {
                ++i;
                continue;
            }
            if (i + 1 == words_.size()) refuse(option, "a value is missing");
            value = words_[i + 1];
            const auto at = words_.begin() + static_cast<std::ptrdiff_t>(i);
            words_.erase(at, at + 2);
        }
        return value;
    }

    // number: the same, as a number between least and most.
    template <class Number>
    Number number(std::string_view option, Number otherwise, Number least = 0,
                  Number most = std::numeric_limits<Number>::max()) {
        const auto word = text(option);
        if (!word) return otherwise;
        Number value{};
        const auto [end, error] = std::from_chars(word->data(), word->data() + word->size(), value);
        const bool whole = error == std::errc{} && end == word->data() + word->size();
        if (!whole || value < least || value > most) refuse(*word, "not a number in range");
        return value;
    }

    // backend: the value of --backend.
    pirn::backend_kind backend() {
        const auto word = text("--backend");
        if (!word || *word == "auto") return pirn::backend_kind::automatic;
        if (*word == "uring") return pirn::backend_kind::uring;
        if (*word == "epoll") return pirn::backend_kind::epoll;
        refuse(*word, "a backend is auto, uring or epoll");
    }

    // operand: the first word that is no option, if there is one. To be asked for after the options,
    // whose values look the same.
    std::string_view operand(std::string_view otherwise) {
        for (std::size_t i = 1; i < words_.size(); ++i) {
            if (words_[i].starts_with('-')) continue;
            const auto at = words_.begin() + static_cast<std::ptrdiff_t>(i);
            otherwise = *at;
            words_.erase(at);
            break;
        }
        return otherwise;
    }

    // done: refuses whatever nobody has asked for.
    void done() const {
        if (words_.size() > 1) refuse(words_[1], "unknown option");
    }

  private:
    [[noreturn]] void refuse(std::string_view word, const char* why) const {
        std::fprintf(stderr, "%.*s: %s\nusage: %s %s\n", static_cast<int>(word.size()), word.data(),
                     why, words_[0].data(), usage_);
        std::exit(2);
    }

    std::vector<std::string_view> words_;
    const char* usage_;
};

} // namespace example
