// SPDX-License-Identifier: MIT
//
// The bridge itself: the completion of an operation becomes the waking of a task. Everything in io and
// net that waits, waits here; a program with an operation of its own may too.
//
//   pirn::awaitable<pirn::poll_operation> readable{fd, POLLIN};
//   const int events = pirn::await(readable);
//
//   task                            loop                        kernel
//    │ attempt ──────────────────────►│ answered at once? ──► result, the task has not stopped
//    │ park                           │ submit ─────────────────►│
//    ┆                                │◄──────────── completion ─┤
//    │◄─────────────────────── unpark │
//    │ result
//
// If the task is asked to stop while it waits, the operation is cancelled, and await still returns only
// when the kernel has let go of it: no buffer is ever in use behind the caller's back.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/loop/operation.hpp>
#include <pirn/sched/park.hpp>

#include <utility>

namespace pirn {

// awaitable: an operation whose completion wakes the task that awaits it.
template <class Operation>
class awaitable final : public Operation {
  public:
    template <class... Parameters>
    explicit awaitable(Parameters&&... parameters) noexcept
        : Operation{std::forward<Parameters>(parameters)..., &completed} {}

    // sleeper: who waits; set by await.
    waiter* sleeper = nullptr;

  private:
    static void completed(operation& done) noexcept {
        unpark(*static_cast<awaitable&>(done).sleeper);
    }
};

namespace detail {

// give_way: what await begins with: lets others run when this task has had its share of requests that
// were answered at once. Suspends.
PIRN_EXPORT void give_way();

// await_on: the rest of await. Suspends.
PIRN_EXPORT int await_on(loop& here, operation& what, waiter*& sleeper) noexcept;

// await_elsewhere: await_on for a loop of another thread of this runtime: started over there, if `still_wanted(whose)`
// is true then. A programmer error if the loop is not one of this runtime's. Suspends.
PIRN_EXPORT int await_elsewhere(loop& there, operation& what, waiter*& sleeper,
                                bool (*still_wanted)(const void* whose) noexcept,
                                const void* whose) noexcept;

// call_elsewhere: calls the function on the thread of that loop; it has returned when this does. False, and nothing
// has happened, if the loop is not one of this runtime's. Cannot be cancelled. Suspends.
PIRN_EXPORT bool call_elsewhere_erased(loop& there, void (*call)(void* what) noexcept,
                                       void* what) noexcept;
template <class Function>
bool call_elsewhere(loop& there, Function function) noexcept {
    return call_elsewhere_erased(
        there, [](void* what) noexcept { (*static_cast<Function*>(what))(); }, &function);
}

PIRN_EXPORT int await_operation(operation& what, waiter*& sleeper) noexcept;
PIRN_EXPORT int await_shielded_operation(operation& what, waiter*& sleeper) noexcept;

} // namespace detail

// await: the result of the operation, in the kernel's form: zero or more, or a negative errno. If the
// task is asked to stop, or had been before, -ECANCELED; or the result, if that was faster: nothing is
// lost. Called inside a task of a runtime. Never throws. Suspends.
template <class Operation>
int await(awaitable<Operation>& what) noexcept {
    return detail::await_operation(what, what.sleeper);
}

// await_shielded: the same, but a request to stop neither prevents nor ends it: for what must be done
// on the way out. Suspends.
template <class Operation>
int await_shielded(awaitable<Operation>& what) noexcept {
    return detail::await_shielded_operation(what, what.sleeper);
}

} // namespace pirn
