// SPDX-License-Identifier: MIT
//
// Calls that block a thread, made on one of the blocking pool while other tasks run:
//
//   auto row = pirn::blocking([&] { return database.query(text); });
//   auto found = pirn::blocking({.abandon = true}, [name] { return look_up(name); }); // its end is not waited for
//
// The task waits; its thread does not. Threads of the pool come and go with the demand, up to 16 unless
// loop_options::calls names another pool. Files and names have a pool of their own (loop_options::pool): calls that take
// long do not hold them up, but they do hold up each other.
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/base/export.hpp>
#include <pirn/loop/work.hpp>
#include <pirn/runtime/await.hpp>
#include <pirn/runtime/spawn.hpp>
#include <pirn/sched/task.hpp>

#include <cerrno>
#include <exception>
#include <functional>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace pirn {

namespace detail {
template <class, class>
struct blocking_work;
} // namespace detail

struct blocking_options {
    // Whether a request to stop, or a deadline, ends the wait at once, although the function has begun. It then runs on
    // to its end, which the runtime waits for; what it returns is destroyed, and what it throws is reported on stderr.
    bool abandon = false;
};

// blocking_call: what a function on the pool may ask about the call that it is in.
class blocking_call {
  public:
    // stop_requested: whether the task has been asked to stop meanwhile. From then on, a signal interrupts system calls
    // (EINTR) until the function returns. Thread-safe. Never suspends.
    bool stop_requested() const noexcept { return work_.stop_requested(); }

  private:
    template <class, class>
    friend struct detail::blocking_work;
    explicit blocking_call(const pooled_operation& work) noexcept : work_{work} {}
    const pooled_operation& work_;
};

namespace detail {

// blocking_work: the call, on its way to the pool and back.
template <class Function, class Result>
struct blocking_work : work_operation {
    using slot = std::optional<std::conditional_t<std::is_void_v<Result>, int, Result>>;

    blocking_work(Function& what, completion done) noexcept
        : work_operation{&go, done}, call{what} {
        is_call_ = true;
    }

    static decltype(auto) invoke(blocking_work& self) {
        if constexpr (std::is_invocable_v<Function&, blocking_call&>) {
            blocking_call about{self};
            return std::invoke(self.call, about);
        } else {
            return std::invoke(self.call);
        }
    }
    static int go(work_operation& which) noexcept {
        auto& self = static_cast<blocking_work&>(which);
        const auto keep = [&self] { self.failure = std::current_exception(); };
        catch_all(
            [&self] {
                if constexpr (std::is_void_v<Result>) {
                    invoke(self);
                    self.result_of_call.emplace();
                } else {
                    self.result_of_call.emplace(invoke(self));
                }
            },
            keep, keep);
        return 0;
    }

    Function& call;
    slot result_of_call;
    std::exception_ptr failure;
};

template <class Function, bool Asks = std::is_invocable_v<Function&, blocking_call&>>
struct blocking_result {
    using type = std::invoke_result_t<Function&>;
};
template <class Function>
struct blocking_result<Function, true> {
    using type = std::invoke_result_t<Function&, blocking_call&>;
};

} // namespace detail

// blocking: calls the function on a thread of the loop's pool for calls, and returns what it returns, or throws what it
// throws. It may take a blocking_call&. Throws `cancelled` if the task is asked to stop before the function has begun,
// which then is not called; one that has begun is waited for, and what it returns is returned. std::system_error if no
// thread can be had. Called inside a task of a runtime; the function is not in a task. Suspends.
template <class Function>
auto blocking(Function&& function, std::source_location where = std::source_location::current()) {
    PIRN_REQUIRE_AT(where, detail::current_task() != nullptr,
                    "pirn::blocking was called outside of any task; call it inside pirn::run");
    using bare = std::remove_reference_t<Function>;
    using result = typename detail::blocking_result<bare>::type;
    static_assert(!std::is_reference_v<result>, "return a pointer from blocking, or a copy");
    awaitable<detail::blocking_work<bare, result>> work{function};
    const int outcome = await(work);
    if (work.failure) {
        std::rethrow_exception(std::move(work.failure));
    }
    if (!work.result_of_call) {
        if (outcome == -ECANCELED) {
            detail::throw_cancelled();
        }
        throw_error(error_of(outcome), "blocking");
    }
    if constexpr (!std::is_void_v<result>) {
        return *std::move(work.result_of_call);
    }
}

namespace detail {

// abandoning: a call whose task, when it is left before its end, is asked to stop and goes on by itself.
template <class Result>
struct abandoning {
    explicit abandoning(join_handle<Result>&& which) noexcept : call{std::move(which)} {}
    abandoning(const abandoning&) = delete;
    abandoning& operator=(const abandoning&) = delete;
    ~abandoning() {
        if (call.valid()) {
            call.request_stop();
            call.detach();
        }
    }
    join_handle<Result> call;
};

} // namespace detail

// blocking: the same, with options. The function belongs to the call, which destroys it when it has ended: one that may
// be abandoned refers to nothing that may be gone by then. Throws what `blocking` throws; with `abandon` also
// std::bad_alloc or std::system_error if there is no memory for a task. Suspends.
template <class Function>
auto blocking(const blocking_options& options, Function function,
              std::source_location where = std::source_location::current()) {
    if (!options.abandon) {
        return blocking(function, where);
    }
    using result = typename detail::blocking_result<Function>::type;
    detail::abandoning<result> waits{pirn::spawn(
        {.name = "blocking", .worker = this_worker},
        [own = std::move(function), where]() mutable -> result { return blocking(own, where); },
        where)};
    return waits.call.get();
}

} // namespace pirn
