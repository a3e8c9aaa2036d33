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

#include <pirn/scope/errors.hpp>
#include <pirn/scope/task_group.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <optional>
#include <ranges>
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
void answer_in_group(task_group& group, Slot& slot, Function& function) {
    group.spawn([&slot, &function] { answer_into<answer_of<Function>>(slot, function); });
}

template <class... Functions>
concept same_answers = sizeof...(Functions) > 0 && requires {
    requires(std::same_as<answer_of<Functions>,
                          answer_of<std::tuple_element_t<0, std::tuple<Functions...>>>> &&
             ...);
};

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
    void enter(Function& function) {
        group_.spawn([this, &function] {
            answer_slot<T> mine;
            try {
                answer_into<T>(mine, function);
            } catch (const cancelled&) {
                if (std::exception_ptr error = take_group_error()) {
                    failed(std::move(error));
                    return;
                }
                throw;
            } catch (...) {
                failed(std::current_exception());
                return;
            }
            {
                const holding held{guard_, tree_shared()};
                if (over_) {
                    return;
                }
                over_ = true;
                answer_ = std::move(mine);
            }
            group_.cancel();
        });
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
        throw all_failed{std::move(failures_)};
    }

  private:
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

} // namespace detail

// all: calls them all, and returns what they returned: a tuple, or nothing when none returns anything (what returns nothing
// among others has an empty value there). The first exception cancels the others and comes out. Called
// inside a task. Suspends.
template <class... Functions>
    requires(sizeof...(Functions) > 0 && (std::invocable<Functions&> && ...))
auto all(Functions&&... functions) {
    std::tuple<detail::answer_slot<detail::answer_of<Functions>>...> answers;
    {
        task_group group;
        std::apply([&](auto&... slots) { (detail::answer_in_group(group, slots, functions), ...); },
                   answers);
        group.wait();
    }
    if constexpr (!(std::is_void_v<detail::answer_of<Functions>> && ...)) {
        return std::apply([](auto&... slots) { return std::tuple{*std::move(slots)...}; }, answers);
    }
}

// The same for a range of functions: a vector of the results, in the order of the range. Suspends.
template <class Range>
    requires(detail::is_functions<Range>)
auto all(Range&& functions) {
    using result = detail::answer_of<std::ranges::range_value_t<Range>>;
    std::list<detail::answer_slot<result>> answers;
    {
        task_group group;
        for (auto& function : functions) {
            group.spawn([&function, &slot = answers.emplace_back()] {
                detail::answer_into<result>(slot, function);
            });
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
// exceptions, if none succeeds. Called inside a task. Suspends.
template <class... Functions>
    requires(detail::same_answers<Functions...>)
auto any(Functions&&... functions) {
    detail::first_wins<detail::answer_of<std::tuple_element_t<0, std::tuple<Functions...>>>> first{
        false};
    (first.enter(functions), ...);
    return first.wait();
}
template <class Range>
    requires(detail::is_functions<Range>)
auto any(Range&& functions) {
    detail::first_wins<detail::answer_of<std::ranges::range_value_t<Range>>> first{false};
    for (auto& function : functions) {
        first.enter(function);
    }
    return first.wait();
}

// race: calls them all, and returns what the first one returned that ended, or throws what it threw. Called inside a
// task. Suspends.
template <class... Functions>
    requires(detail::same_answers<Functions...>)
auto race(Functions&&... functions) {
    detail::first_wins<detail::answer_of<std::tuple_element_t<0, std::tuple<Functions...>>>> first{
        true};
    (first.enter(functions), ...);
    return first.wait();
}
template <class Range>
    requires(detail::is_functions<Range>)
auto race(Range&& functions) {
    detail::first_wins<detail::answer_of<std::ranges::range_value_t<Range>>> first{true};
    for (auto& function : functions) {
        first.enter(function);
    }
    return first.wait();
}

} // namespace pirn
