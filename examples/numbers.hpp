// SPDX-License-Identifier: MIT
//
// Numbers as people type them on a command line: 1000000, 1_000_000, 1000k, 1M. For the example programs and the
// benchmarks. Not part of the library.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace example {

// parse_number: digits, with an underscore between any two, and one of k, M and G (thousand, million, billion) behind
// them. Nothing if the text is something else, or the number does not fit.
constexpr std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t unit = 1;
    if (text.ends_with('k')) unit = 1'000;
    if (text.ends_with('M')) unit = 1'000'000;
    if (text.ends_with('G')) unit = 1'000'000'000;
    if (unit > 1) text.remove_suffix(1);

    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t number = 0;
    bool after_digit = false;
    for (const char c : text) {
        if (c == '_' && after_digit) {
            after_digit = false;
            continue;
        }
        if (c < '0' || c > '9') return std::nullopt;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (number > (most - digit) / 10) return std::nullopt;
        number = number * 10 + digit;
        after_digit = true;
    }
    if (!after_digit || number > most / unit) return std::nullopt;
    return number * unit;
}

} // namespace example
