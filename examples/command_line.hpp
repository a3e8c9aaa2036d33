// SPDX-License-Identifier: MIT
//
// The command line of the example programs: long options, each with a value, and --help. What cannot be understood
// gets a message and a usage line on stderr, and exit code 2. Not part of the library.
//
//   example::command_line line{argc, argv, "[--port N] [--verbose yes|no]", "Answers at a port."};
//   const auto port = line.number<std::uint16_t>("--port", 8080);
//   line.done();
#pragma once

#include <pirn/loop/options.hpp>

#include "numbers.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace example {

class command_line {
  public:
    // With --help among the words: prints the usage and the summary, and ends the program.
    command_line(int count, char** words, const char* usage, const char* summary)
        : words_{words, words + count}, usage_{usage} {
        if (std::find(words_.begin() + 1, words_.end(), "--help") == words_.end()) return;
        std::printf("usage: %s %s\n\n%s\n", words[0], usage, summary);
        std::exit(0);
    }

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

    // number: the same, as a number between least and most, which may be written 1_000_000 or 1M.
    template <class Number>
    Number number(std::string_view option, Number otherwise, Number least = 0,
                  Number most = std::numeric_limits<Number>::max()) {
        const auto word = text(option);
        if (!word) return otherwise;
        const auto value = parse_number(*word);
        if (!value || *value < least || *value > most) {
            const std::string named = std::string{option} + " " + std::string{*word};
            const std::string why =
                "not a number between " + std::to_string(least) + " and " + std::to_string(most);
            refuse(named, why.c_str());
        }
        return static_cast<Number>(*value);
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

// no_options: for a program that takes none but --help.
inline void no_options(int count, char** words, const char* summary) {
    command_line{count, words, "", summary}.done();
}

} // namespace example
