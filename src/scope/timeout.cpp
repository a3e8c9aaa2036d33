// SPDX-License-Identifier: MIT
//
// The exception of a timeout.
#include <pirn/scope/timeout.hpp>

#include "base/places.hpp"

#include <cstdio>
#include <utility>

namespace pirn {
namespace {

// The largest unit in which the limit is a whole number, up to seconds.
std::pair<long long, const char*> in_units(duration limit) noexcept {
    const long long count = limit.count();
    if (count % 1'000'000'000 == 0) {
        return {count / 1'000'000'000, "s"};
    }
    if (count % 1'000'000 == 0) {
        return {count / 1'000'000, "ms"};
    }
    return count % 1'000 == 0 ? std::pair{count / 1'000, "us"} : std::pair{count, "ns"};
}

} // namespace

timed_out::timed_out() : timed_out{duration{-1}, {}} {}

timed_out::timed_out(duration limit, std::source_location where)
    : system_error{std::make_error_code(std::errc::timed_out)}, where_{where}, text_{"timed out"} {
    std::array<char, 48> after{};
    if (limit >= duration::zero()) {
        const auto [count, unit] = in_units(limit);
        std::snprintf(after.data(), after.size(), " after %lld %s", count, unit);
    }
    std::array<char, 160> at{};
    if (where.line() != 0) {
        const std::string_view file = detail::header_in_project(where.file_name());
        // The end of a path says more than its beginning.
        const std::string_view end = file.substr(file.size() > 120 ? file.size() - 120 : 0);
        std::snprintf(at.data(), at.size(), ", the limit set at %.*s:%u",
                      static_cast<int>(end.size()), end.data(), where.line());
    }
    std::snprintf(text_.data(), text_.size(), "timed out%s%s", after.data(), at.data());
}

timed_out::~timed_out() = default;

namespace detail {

void throw_timed_out(duration limit, std::source_location where) { throw timed_out{limit, where}; }

} // namespace detail
} // namespace pirn
