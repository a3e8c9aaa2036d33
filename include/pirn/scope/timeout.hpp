// SPDX-License-Identifier: MIT
//
// A function with a limit of time. Deadlines nest: the nearest one counts.
//
//   auto answer = pirn::with_timeout(5s, [&] { return fetch(); });          // throws timed_out
//   if (auto answer = pirn::try_with_timeout(5s, [&] { return fetch(); }))  // an optional
#pragma once

#include <pirn/scope/cancel_scope.hpp>

#include <chrono>
#include <system_error>
#include <type_traits>
#include <utility>

namespace pirn {

// timed_out: std::errc::timed_out, as a type of its own so that it can be caught alone.
class PIRN_EXPORT timed_out : public std::system_error {
  public:
    timed_out();
};

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
auto try_with_timeout(time_point deadline, Function&& function) {
    cancel_scope scope{deadline};
    auto answer = scope.run(std::forward<Function>(function));
    return scope.cut_short() ? decltype(answer){} : std::move(answer);
}
template <class Rep, class Period, class Function>
auto try_with_timeout(std::chrono::duration<Rep, Period> delay, Function&& function) {
    return try_with_timeout(after(delay), std::forward<Function>(function));
}

// with_timeout: the same, but its result itself, and throws timed_out if there is none. Suspends.
template <class Function>
std::invoke_result_t<Function> with_timeout(time_point deadline, Function&& function) {
    auto answer = try_with_timeout(deadline, std::forward<Function>(function));
    if (!answer) {
        throw timed_out{};
    }
    if constexpr (!std::is_void_v<std::invoke_result_t<Function>>) {
        return *std::move(answer);
    }
}
template <class Rep, class Period, class Function>
std::invoke_result_t<Function> with_timeout(std::chrono::duration<Rep, Period> delay,
                                            Function&& function) {
    return with_timeout(after(delay), std::forward<Function>(function));
}

} // namespace pirn
