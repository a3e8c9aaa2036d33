// SPDX-License-Identifier: MIT
//
// Spawning from within a task: on the scheduler that runs it.
//
//   auto answer = pirn::spawn([] { return fetch(); });
//   pirn::spawn({.name = "session"}, serve, std::move(client)).detach();
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/sched/scheduler.hpp>

#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pirn {

namespace detail {

inline scheduler& required_scheduler() {
    scheduler* here = scheduler::current();
    PIRN_REQUIRE(here != nullptr, "pirn::spawn was called outside of any task; call it inside "
                                  "pirn::run, or use scheduler::spawn");
    return *here;
}

} // namespace detail

// spawn: a new task that calls the function with the arguments, which are moved or copied into it. It
// begins to run when the current task next suspends. Throws std::bad_alloc when there is no stack.
// Called inside a task. Never suspends.
template <class Function>
auto spawn(Function&& function, std::source_location where = std::source_location::current()) {
    return detail::required_scheduler().spawn(std::forward<Function>(function), where);
}

template <class Function, class... Arguments>
    requires(std::is_invocable_v<std::decay_t<Function>, std::decay_t<Arguments>...>)
auto spawn(const spawn_options& options, Function&& function, Arguments&&... arguments) {
    return detail::required_scheduler().spawn(options, std::forward<Function>(function),
                                              std::forward<Arguments>(arguments)...);
}

template <class Function, class First, class... Rest>
    requires(
        std::is_invocable_v<std::decay_t<Function>, std::decay_t<First>, std::decay_t<Rest>...>)
auto spawn(Function&& function, First&& first, Rest&&... rest) {
    return detail::required_scheduler().spawn(
        std::forward<Function>(function), std::forward<First>(first), std::forward<Rest>(rest)...);
}

} // namespace pirn
