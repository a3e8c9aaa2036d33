// SPDX-License-Identifier: MIT
//
// What the suites of streams share: bytes that can be recognised, and reading until something.
#pragma once

#include <pirn/io/conformance.hpp>
#include <pirn/io/stream.hpp>

#include "support/sanitizers.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace support {

// pattern: bytes that differ from place to place, so that a byte out of place is noticed.
inline std::vector<std::byte> pattern(std::size_t size, unsigned seed = 1) {
    constexpr std::size_t block = std::size_t{1} << 16;
    constexpr std::size_t stamped = 512; // bytes between two numbers
    std::vector<std::byte> made(size);
    unsigned state = seed;
    for (std::byte& each : std::span{made}.first(std::min(size, block))) {
        state = state * 1664525U + 1013904223U;
        each = static_cast<std::byte>(state >> 24);
    }
    // The others are copies with their number in many places: byte by byte takes seconds under a sanitizer.
    for (std::size_t at = block; at < size; at += block) {
        std::memcpy(&made[at], made.data(), std::min(block, size - at));
        for (std::size_t in = at; in + sizeof(at) <= std::min(size, at + block); in += stamped) {
            std::memcpy(&made[in], &at, sizeof(at));
        }
    }
    return made;
}

// text_of: so many bytes of a stream, or fewer if it ends, as text. Suspends.
inline std::string text_of(pirn::io::byte_stream& from, std::size_t most) {
    std::string text(most, '\0');
    std::size_t got = 0;
    while (got < most) {
        const std::size_t n = from.read(std::span{text}.subspan(got));
        if (n == 0) break;
        got += n;
    }
    text.resize(got);
    return text;
}

// read_all: everything until the end of the stream. Suspends.
inline std::vector<std::byte> read_all(pirn::io::byte_stream& from, std::size_t piece = 8192) {
    std::vector<std::byte> all;
    std::vector<std::byte> buffer(piece);
    while (const std::size_t n = from.read(buffer)) {
        all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
    }
    return all;
}

inline std::string text_to_end(pirn::io::byte_stream& from) {
    const auto all = read_all(from);
    return {reinterpret_cast<const char*>(all.data()), all.size()};
}

// as_checked: both ends of anything that has `near` and `far`.
template <class Pair>
pirn::io::checked_pair as_checked(Pair pair) {
    using stream = std::remove_reference_t<decltype(pair.near)>;
    using other = std::remove_reference_t<decltype(pair.far)>;
    return {std::make_unique<stream>(std::move(pair.near)),
            std::make_unique<other>(std::move(pair.far))};
}

// expect_conformance: every law of a byte_stream holds. Suspends.
inline void expect_conformance(const std::function<pirn::io::checked_pair()>& make,
                               pirn::io::conformance_options options = {}) {
    options.patience *= under_sanitizer ? 10 : 1;
    pirn::io::check_byte_stream(
        make,
        [](std::string_view law, std::string_view how) { ADD_FAILURE() << law << ": " << how; },
        options);
}

} // namespace support
