// SPDX-License-Identifier: MIT
//
// Several functions at the same time, each in a task of its own, and one answer:
//
//   auto [x, y] = pirn::all([&] { return fetch(a); }, [&] { return fetch(b); });    // both
//   auto page   = pirn::any([&] { return ask(one); }, [&] { return ask(other); });  // the first to succeed
//   auto answer = pirn::race([&] { return ask(one); }, [&] { return give_up(); });  // the first to end
//
// Each also takes a range of functions of one type. Whatever the answer, all tasks have ended when it comes:
// those whose result is not wanted any more are cancelled. The functions are called where they are; they need
// not be copied.
#pragma once

#include <pirn/base/arguments.hpp>
#include <pirn/scope/errors.hpp>
#include <pirn/scope/task_group.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <optional>
#include <ranges>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace pirn {

namespace detail {

template <class Function>
using answer_of = std::decay_t<std::invoke_result_t<Function&>>;

struct no_answer {};

// A place for what a function returns; nothing takes no place.
template <class T>
using answer_slot = std::optional<std::conditional_t<std::is_void_v<T>, no_answer, T>>;

template <class T, class Function>
void answer_into(answer_slot<T>& slot, Function& function) {
    if constexpr (std::is_void_v<T>) {
        std::invoke(function);
        slot.emplace();
    } else {
        slot.emplace(std::invoke(function));
    }
}

template <class Slot, class Function>
void answer_in_group(task_group& group, Slot& slot, Function& function,
                     std::source_location where) {
    group.spawn([&slot, &function] { answer_into<answer_of<Function>>(slot, function); }, where);
}

// functions: that there is at least one, and that each can be called; same_answers: and that all return the same type.
template <class List>
inline constexpr bool are_functions = false;
template <class... Functions>
inline constexpr bool are_functions<type_list<Functions...>> = sizeof...(Functions) > 0 &&
                                                               (std::invocable<Functions&> && ...);
template <class... Maybe>
concept functions = are_functions<present_types<Maybe...>>;

template <class List>
inline constexpr bool are_same_answers = false;
template <class First, class... Rest>
inline constexpr bool are_same_answers<type_list<First, Rest...>> =
    (std::same_as<answer_of<First>, answer_of<Rest>> && ...);
template <class... Maybe>
concept same_answers = functions<Maybe...> && are_same_answers<present_types<Maybe...>>;

template <class T, class = void>
inline constexpr bool is_functions = false;
template <class T>
inline constexpr bool
    is_functions<T, std::enable_if_t<std::ranges::forward_range<T> &&
                                     std::is_invocable_v<std::ranges::range_reference_t<T>>>> =
        true;

// first_wins: any and race. `failures_count` says whether an exception is an answer too.
template <class T>
class first_wins {
  public:
    explicit first_wins(bool failures_count) noexcept : failures_count_{failures_count} {}

    template <class Function>
    void enter(Function& function, std::source_location where) {
        group_.spawn(
            [this, &function] {
                answer_slot<T> mine;
                catch_all([&] { answer_into<T>(mine, function); },
                          [&] {
                              if (std::exception_ptr error = take_group_error()) {
                                  failed(std::move(error));
                              } else {
                                  rethrow();
                              }
                          },
                          [&] { failed(std::current_exception()); });
                if (mine) {
                    succeeded(std::move(mine));
                }
            },
            where);
    }

    T wait() {
        group_.wait();
        if (answer_) {
            if constexpr (std::is_void_v<T>) {
                return;
            } else {
                return *std::move(answer_);
            }
        }
        if (over_) {
            std::rethrow_exception(failures_.front());
        }
        throw_all_failed(std::move(failures_));
    }

  private:
    void succeeded(answer_slot<T>&& answer) {
        {
            const holding held{guard_, tree_shared()};
            if (over_) {
                return;
            }
            over_ = true;
            answer_ = std::move(answer);
        }
        group_.cancel();
    }
    void failed(std::exception_ptr what) {
        {
            const holding held{guard_, tree_shared()};
            if (over_) {
                return;
            }
            failures_.push_back(std::move(what));
            if (!failures_count_) {
                return;
            }
            over_ = true;
        }
        group_.cancel();
    }

    bool failures_count_;
    spin_lock guard_; // of what follows; the tasks may run on several threads
    bool over_ = false;
    answer_slot<T> answer_;
    std::vector<std::exception_ptr> failures_;
    task_group group_;
};

// all_at, first_at, first_of_range: all, any and race, called at that place.
template <class... Functions>
auto all_at(std::source_location where, Functions&... functions) {
    std::tuple<answer_slot<answer_of<Functions>>...> answers;
    {
        task_group group;
        std::apply([&](auto&... slots) { (answer_in_group(group, slots, functions, where), ...); },
                   answers);
        group.wait();
    }
    if constexpr (!(std::is_void_v<answer_of<Functions>> && ...)) {
        return std::apply([](auto&... slots) { return std::tuple{*std::move(slots)...}; }, answers);
    }
}

template <class First, class... Rest>
auto first_at(std::source_location where, bool failures_count, First& function, Rest&... rest) {
    first_wins<answer_of<First>> first{failures_count};
    first.enter(function, where);
    (first.enter(rest, where), ...);
    return first.wait();
}

template <class Range>
auto first_of_range(std::source_location where, bool failures_count, Range& functions) {
    first_wins<answer_of<std::ranges::range_value_t<Range>>> first{failures_count};
    for (auto& function : functions) {
        first.enter(function, where);
    }
    return first.wait();
}

} // namespace detail

// all: calls them all, and returns what they returned: a tuple, or nothing when none returns anything (what returns nothing
// among others has an empty value there). The first exception cancels the others and comes out. At most twelve
// functions. Called inside a task. Suspends.
template <PIRN_ARGUMENT_TYPES>
    requires(detail::functions<PIRN_ARGUMENT_NAMES>)
auto all(PIRN_ARGUMENTS, std::source_location where = std::source_location::current()) {
    return detail::with_present(
        [where](auto&&... functions) { return detail::all_at(where, functions...); },
        PIRN_FORWARD_ARGUMENTS);
}

// The same for a range of functions: a vector of the results, in the order of the range. Suspends.
template <class Range>
    requires(detail::is_functions<Range>)
auto all(Range&& functions, std::source_location where = std::source_location::current()) {
    using result = detail::answer_of<std::ranges::range_value_t<Range>>;
    std::list<detail::answer_slot<result>> answers;
    {
        task_group group;
        for (auto& function : functions) {
            detail::answer_in_group(group, answers.emplace_back(), function, where);
        }
        group.wait();
    }
    if constexpr (!std::is_void_v<result>) {
        std::vector<result> results;
        results.reserve(answers.size());
        for (auto& each : answers) {
            results.push_back(*std::move(each));
        }
        return results;
    }
}

// any: calls them all, and returns what the first one returned that did not fail. Throws all_failed, with all their
// exceptions, if none succeeds. At most twelve functions. Called inside a task. Suspends.
template <PIRN_ARGUMENT_TYPES>
    requires(detail::same_answers<PIRN_ARGUMENT_NAMES>)
auto any(PIRN_ARGUMENTS, std::source_location where = std::source_location::current()) {
    return detail::with_present(
        [where](auto&&... functions) { return detail::first_at(where, false, functions...); },
        PIRN_FORWARD_ARGUMENTS);
}
template <class Range>
    requires(detail::is_functions<Range>)
auto any(Range&& functions, std::source_location where = std::source_location::current()) {
    return detail::first_of_range(where, false, functions);
}

// race: calls them all, and returns what the first one returned that ended, or throws what it threw. At most twelve
// functions. Called inside a task. Suspends.
template <PIRN_ARGUMENT_TYPES>
    requires(detail::same_answers<PIRN_ARGUMENT_NAMES>)
auto race(PIRN_ARGUMENTS, std::source_location where = std::source_location::current()) {
    return detail::with_present(
        [where](auto&&... functions) { return detail::first_at(where, true, functions...); },
        PIRN_FORWARD_ARGUMENTS);
}
template <class Range>
    requires(detail::is_functions<Range>)
auto race(Range&& functions, std::source_location where = std::source_location::current()) {
    return detail::first_of_range(where, true, functions);
}

} // namespace pirn
