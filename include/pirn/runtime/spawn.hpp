// SPDX-License-Identifier: MIT
//
// Spawning from within a task: on the scheduler that runs it.
//
//   auto answer = pirn::spawn([] { return fetch(); });
//   pirn::spawn({.name = "session"}, serve, std::move(client)).detach();
#pragma once

#include <pirn/base/arguments.hpp>
#include <pirn/base/assert.hpp>
#include <pirn/sched/scheduler.hpp>

#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pirn {

namespace detail {

inline scheduler& required_scheduler(const std::source_location& caller) {
    scheduler* here = scheduler::current();
    PIRN_REQUIRE_AT(caller, here != nullptr,
                    "pirn::spawn was called outside of any task; call it inside "
                    "pirn::run, or use scheduler::spawn");
    return *here;
}

// place_of_current_task: where it was spawned, which is a place of the user's: for tasks that the library spawns.
inline std::source_location place_of_current_task() noexcept {
    const task* const self = current_task();
    return self != nullptr ? self->created_at : std::source_location{};
}

} // namespace detail

// spawn: a new task that calls the function with the arguments, which are moved or copied into it; at most twelve. It
// begins to run when the current task next suspends. Reports name the task by the place of this call, unless the
// options say another. Throws std::bad_alloc when there is no stack. Called inside a task. Never suspends.
template <class Function>
[[nodiscard(
    "the task is stopped at once when its join_handle is dropped; keep the handle, or detach()")]] auto
spawn(Function&& function, std::source_location where = std::source_location::current()) {
    return detail::required_scheduler(where).spawn(std::forward<Function>(function), where);
}

template <class Function>
    requires(std::is_invocable_v<std::decay_t<Function>>)
[[nodiscard(
    "the task is stopped at once when its join_handle is dropped; keep the handle, or detach()")]] auto
spawn(const spawn_options& options, Function&& function,
      std::source_location where = std::source_location::current()) {
    return detail::required_scheduler(where).spawn(options, std::forward<Function>(function),
                                                   where);
}

template <class Function, PIRN_ARGUMENT_TYPES>
    requires(detail::callable_with<Function, PIRN_ARGUMENT_NAMES>)
[[nodiscard(
    "the task is stopped at once when its join_handle is dropped; keep the handle, or detach()")]] auto
spawn(const spawn_options& options, Function&& function, PIRN_ARGUMENTS,
      std::source_location where = std::source_location::current()) {
    return detail::with_present(
        [&](auto&&... present) {
            return detail::required_scheduler(where).spawn_at(
                where, options, std::forward<Function>(function),
                std::forward<decltype(present)>(present)...);
        },
        PIRN_FORWARD_ARGUMENTS);
}

template <class Function, PIRN_ARGUMENT_TYPES>
    requires(detail::callable_with<Function, PIRN_ARGUMENT_NAMES>)
[[nodiscard(
    "the task is stopped at once when its join_handle is dropped; keep the handle, or detach()")]] auto
spawn(Function&& function, PIRN_ARGUMENTS,
      std::source_location where = std::source_location::current()) {
    return pirn::spawn(spawn_options{}, std::forward<Function>(function), PIRN_FORWARD_ARGUMENTS,
                       where);
}

} // namespace pirn
