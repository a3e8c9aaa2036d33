// SPDX-License-Identifier: MIT
//
// A function with a limit of time. Deadlines nest: the nearest one counts.
//
//   auto answer = pirn::with_timeout(5s, [&] { return fetch(); });          // throws timed_out
//   if (auto answer = pirn::try_with_timeout(5s, [&] { return fetch(); }))  // an optional
#pragma once

#include <pirn/scope/cancel_scope.hpp>

#include <array>
#include <chrono>
#include <source_location>
#include <system_error>
#include <type_traits>
#include <utility>

namespace pirn {

// timed_out: std::errc::timed_out, as a type of its own so that it can be caught alone.
class PIRN_EXPORT timed_out : public std::system_error {
  public:
    timed_out();
    // Of a limit that was set at that place; `limit` is negative when only its end was given.
    timed_out(duration limit, std::source_location where);
    timed_out(const timed_out&) noexcept = default;
    timed_out& operator=(const timed_out&) noexcept = default;
    ~timed_out() override;

    // what: the limit, and where it was set: "timed out after 20 ms, the limit set at main.cpp:12".
    const char* what() const noexcept override { return text_.data(); }

    // where: the place of the call that set the limit; line 0 when it is not known. Never suspends.
    std::source_location where() const noexcept { return where_; }

  private:
    std::source_location where_;
    std::array<char, 256> text_; // of its own, as a copy must not throw
};

namespace detail {

[[noreturn]] PIRN_EXPORT PIRN_COLD void throw_timed_out(duration limit, std::source_location where);

// limit_of: what timed_out is told: not negative, unless the delay is too long to be said or to end.
template <class Rep, class Period>
duration limit_of(std::chrono::duration<Rep, Period> delay, time_point deadline) noexcept {
    if (deadline == never) {
        return duration{-1};
    }
    return delay > delay.zero() ? std::chrono::ceil<duration>(delay) : duration::zero();
}

template <class Function>
std::invoke_result_t<Function> call_until(time_point deadline, duration limit,
                                          std::source_location where, Function&& function);

} // namespace detail

// try_with_timeout: calls the function, and cancels it when the time is over. Its result in an optional (true
// instead of nothing); empty, or false, if it did not come to its end. It has been left in any case: what it had
// given to the kernel has been given back.
//
// A function that returns normally because the time was over has not come to its end either: a form with a
// std::error_code gave it operation_canceled, or stop_requested() was true. What it returns is dropped then; to keep it,
// use cancel_scope::run and cut_short(). If nothing was ended or refused, its result counts, however late it is.
//
// With a deadline that has passed, one operation is attempted: see cancel_scope. Called inside a task of a runtime.
// Suspends.
template <class Function>
[[nodiscard("an empty answer says that the time was over; look at it, or use with_timeout")]] auto
try_with_timeout(time_point deadline, Function&& function) {
    cancel_scope scope{deadline};
    auto answer = scope.run(std::forward<Function>(function));
    return scope.cut_short() ? decltype(answer){} : std::move(answer);
}
template <class Rep, class Period, class Function>
[[nodiscard("an empty answer says that the time was over; look at it, or use with_timeout")]] auto
try_with_timeout(std::chrono::duration<Rep, Period> delay, Function&& function) {
    return try_with_timeout(after(delay), std::forward<Function>(function));
}

// with_timeout: the same, but its result itself, and throws timed_out if there is none. Suspends.
template <class Function>
std::invoke_result_t<Function>
with_timeout(time_point deadline, Function&& function,
             std::source_location where = std::source_location::current()) {
    return detail::call_until(deadline, duration{-1}, where, std::forward<Function>(function));
}
template <class Rep, class Period, class Function>
std::invoke_result_t<Function>
with_timeout(std::chrono::duration<Rep, Period> delay, Function&& function,
             std::source_location where = std::source_location::current()) {
    const time_point deadline = after(delay);
    return detail::call_until(deadline, detail::limit_of(delay, deadline), where,
                              std::forward<Function>(function));
}

// ---------------------------------------------------------------------------------------------------

template <class Function>
std::invoke_result_t<Function> detail::call_until(time_point deadline, duration limit,
                                                  std::source_location where, Function&& function) {
    auto answer = try_with_timeout(deadline, std::forward<Function>(function));
    if (!answer) {
        throw_timed_out(limit, where);
    }
    if constexpr (!std::is_void_v<std::invoke_result_t<Function>>) {
        return *std::move(answer);
    }
}

} // namespace pirn
