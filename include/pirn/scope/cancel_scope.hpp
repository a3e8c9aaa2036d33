// SPDX-License-Identifier: MIT
//
// A piece of a task that can be cancelled by itself: by hand, at a deadline, or by a stop token.
//
//   pirn::cancel_scope scope{5s};
//   const bool done = scope.run([&] { fetch(); });      // false: it was cancelled, and has been left
//
// When the deadline has passed before the scope is entered, one operation is attempted: it succeeds if it can be
// answered at once (bytes that have arrived, a value in a channel, a free place), and otherwise ends with `cancelled`
// like everything after it.
//
// Cancellation is level-triggered: from the request on, every suspending call inside the scope throws
// `cancelled`, until the scope has been left; a handler that swallows it gains nothing. It goes down to scopes and
// groups of tasks inside of this one, except where one is shielded. After trio's cancel scopes (Nathaniel J.
// Smith, "Timeouts and cancellation for humans", 2018).
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/base/export.hpp>
#include <pirn/base/time.hpp>
#include <pirn/runtime/alarm.hpp>
#include <pirn/sched/cancel_node.hpp>
#include <pirn/sched/scheduler.hpp>
#include <pirn/sched/task.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pirn {

// cancel_scope: run by one task at a time. cancel, cancel_requested and cause may be called by any task of the
// runtime, on whatever thread; request_stop of its token's source may come from any thread. May be used for one run
// after another; once cancelled it stays so.
class PIRN_EXPORT cancel_scope {
  public:
    cancel_scope() noexcept;
    // Cancelled when the monotonic clock has reached the deadline. Needs an event loop, when it runs.
    explicit cancel_scope(time_point deadline) noexcept;
    template <class Rep, class Period>
    explicit cancel_scope(std::chrono::duration<Rep, Period> delay) noexcept
        : cancel_scope{after(delay)} {}
    // Cancelled when somebody, on whatever thread, requests a stop of the token's source.
    explicit cancel_scope(std::stop_token token, time_point deadline = never);
    cancel_scope(const cancel_scope&) = delete;
    cancel_scope& operator=(const cancel_scope&) = delete;
    ~cancel_scope();

    // run: calls the function inside the scope. What it returns comes back in an optional, and true instead of
    // nothing; an empty one, or false, if it was left by `cancelled` because this scope is cancelled, and not one
    // around it. Other exceptions pass. If the failure of a task_group inside the function ended it, the error of the
    // group's task comes out. Called inside a task. Suspends.
    template <class Function>
    [[nodiscard(
        "run says whether the function came to its end or was cancelled; look at the answer, "
        "or cast it to void")]] auto
    run(Function&& function);

    // cancel: from now on. `cause` is copied. Does nothing the second time. Never suspends.
    void cancel(std::string_view cause = "cancelled",
                std::source_location where = std::source_location::current()) noexcept;

    // cancel_requested: by whatever means, of this scope or one around it, if that reaches it. Never suspends.
    bool cancel_requested() const noexcept { return node_.is_asked(); }

    // cause, where: of the request that reached it; nothing, and an unknown place, when there was none. Valid as
    // long as the scope that was cancelled. Never suspends.
    std::string_view cause() const noexcept;
    std::source_location where() const noexcept;

    // shield: whether requests from around it are kept off. Its own still count. Never suspends.
    void shield(bool on = true) noexcept { detail::set_shielded(node_, on); }

    // deadline, set_deadline: `never` when there is none. May be moved at any time, by the task that runs it or
    // another one on the same thread. Never suspend.
    time_point deadline() const noexcept { return deadline_; }
    void set_deadline(time_point when);

    // cut_short: whether the deadline of this scope ended a suspending call of the last run, or refused one, or
    // stop_requested() said so. Then a function that returned normally has swallowed that, or used forms with a
    // std::error_code. Never suspends.
    bool cut_short() const noexcept { return cut_short_; }

    // stop_token: requested when the scope is, by whatever means and also from around it. For libraries that know
    // std::stop_token; their callbacks run in the middle of the cancelling, and must not suspend. Throws
    // std::bad_alloc. Never suspends.
    std::stop_token stop_token();

  private:
    struct deadline_alarm : alarm {
        explicit deadline_alarm(cancel_scope& of) noexcept : alarm{&ring}, whose{of} {}
        static void ring(alarm& which) noexcept;
        cancel_scope& whose;
    };
    struct link_in;  // a stop_token that cancels
    struct link_out; // a stop_source that is requested

    void begin();
    void end() noexcept;
    void pass_deadline() noexcept;
    // After the end: whether a `cancelled` was this scope's own.
    bool was_ours() const noexcept;

    detail::cancel_node node_;
    detail::cancel_origin origin_;
    std::string cause_;
    deadline_alarm alarm_;
    time_point deadline_ = never;
    std::uint32_t stops_seen_ = 0; // by the task, when the deadline passed
    bool overdue_ = false;         // cancelled by the deadline
    bool cut_short_ = false;
    bool attempt_granted_ = false; // one operation is attempted although the deadline has passed
    std::unique_ptr<link_in> in_;
    link_out* out_ = nullptr; // shared with whoever calls it just now
};

// cancel_cause: why the current task is asked to stop, from the innermost scope that is; nothing when it is not.
// Never suspends.
PIRN_EXPORT std::string_view cancel_cause() noexcept;

// ---------------------------------------------------------------------------------------------------

template <class Function>
auto cancel_scope::run(Function&& function) {
    using result = std::invoke_result_t<Function>;
    static_assert(!std::is_reference_v<result>,
                  "a scope cannot hand out a reference; return a pointer");
    using answer =
        std::conditional_t<std::is_void_v<result>, bool,
                           std::optional<std::conditional_t<std::is_void_v<result>, int, result>>>;
    begin();
    struct ending {
        ~ending() { leave(); }
        void leave() noexcept {
            if (std::exchange(inside, false)) {
                scope.end();
            }
        }
        cancel_scope& scope;
        bool inside = true;
    } at_the_end{*this};
    answer returned{};
    detail::catch_cancelled(
        [&] {
            if constexpr (std::is_void_v<result>) {
                std::invoke(std::forward<Function>(function));
                returned = true;
            } else {
                returned.emplace(std::invoke(std::forward<Function>(function)));
            }
        },
        [&] {
            at_the_end.leave();
            detail::throw_group_error();
            if (!was_ours()) {
                detail::rethrow();
            }
        });
    return returned;
}

} // namespace pirn
