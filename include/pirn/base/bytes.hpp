// SPDX-License-Identifier: MIT
//
// Views of bytes. `bytes` is memory to read from, `mutable_bytes` memory to write into; anything
// contiguous whose elements are plain data converts, so that a std::string, a std::array<std::byte>
// or a std::vector<int> goes straight into a read or a write.
#pragma once

#include <cstddef>
#include <ranges>
#include <span>
#include <type_traits>

namespace pirn {

template <class Range>
concept byte_source = std::ranges::contiguous_range<Range> && std::ranges::sized_range<Range> &&
                      std::is_trivially_copyable_v<std::ranges::range_value_t<Range>>;

template <class Range>
concept byte_sink =
    byte_source<Range> &&
    !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<Range>>>;

// bytes: a view of memory that is only read. Does not own it; the owner outlives the view.
class bytes : public std::span<const std::byte> {
  public:
    using std::span<const std::byte>::span;

    constexpr bytes(std::span<const std::byte> view) noexcept : std::span<const std::byte>{view} {}

    template <byte_source Range>
    bytes(const Range& range) noexcept
        : std::span<const std::byte>{
              std::as_bytes(std::span{std::ranges::data(range), std::ranges::size(range)})} {}

    // A literal ends in a zero that nobody means to send; a buffer of char is sent whole.
    template <std::size_t Size>
    bytes(const char (&literal)[Size]) noexcept
        : std::span<const std::byte>{std::as_bytes(std::span{literal, Size - 1})} {}
    template <std::size_t Size>
    bytes(char (&buffer)[Size]) noexcept
        : std::span<const std::byte>{std::as_bytes(std::span{buffer, Size})} {}
};

// mutable_bytes: a view of memory that an operation fills.
class mutable_bytes : public std::span<std::byte> {
  public:
    using std::span<std::byte>::span;

    constexpr mutable_bytes(std::span<std::byte> view) noexcept : std::span<std::byte>{view} {}

    template <byte_sink Range>
    mutable_bytes(Range&& range) noexcept
        : std::span<std::byte>{std::as_writable_bytes(
              std::span{std::ranges::data(range), std::ranges::size(range)})} {}
};

} // namespace pirn
