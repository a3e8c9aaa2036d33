// SPDX-License-Identifier: MIT
//
// Tasks that end together: a group does not outlive the block that it stands in, and its tasks do not outlive it.
//
//   pirn::task_group group;                        // its destructor cancels, and waits
//   group.spawn([&] { left = sort(a); });
//   group.spawn([&] { right = sort(b); });
//   group.wait();                                  // the first error of a task comes out here
//
// The first error of a task cancels the other tasks, and the block that owns the group: from then on the owner's
// suspending calls end with `cancelled` until the group has been left, and the error comes out (the laws are in
// docs/scope.md, the reasons in docs/decisions/0005-a-failed-child-ends-its-owners-block.md). To catch it where the
// block stands, let the group run the block:
//
//   pirn::task_group clients;
//   clients.run([&] {                              // a client's error comes out here
//       for (;;) clients.spawn(talk, listener.accept());
//   });
//
// Declare a group below everything that its tasks use. A local that is declared below the group is destroyed before
// the group has joined its tasks, and they would use what is gone. A request to stop that reaches the scope in which
// the group was made reaches the group's tasks too. After trio's nurseries and Java's StructuredTaskScope.
#pragma once

#include <pirn/base/arguments.hpp>
#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/base/export.hpp>
#include <pirn/base/spin_lock.hpp>
#include <pirn/sched/cancel_node.hpp>
#include <pirn/sched/scheduler.hpp>
#include <pirn/sched/task.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace pirn {

class task_group;

namespace detail {

struct slot_wait; // src/scope/slot_wait.hpp

// failed_task: which task an error has left, for reports: its name, and where it was spawned.
struct failed_task {
    std::array<char, 32> name{};
    std::source_location spawned_at{};
};

// group_function: what a task of a group runs. Having been cancelled is no error.
template <class Function, class... Arguments>
struct group_function {
    void operator()(Arguments&&... arguments) {
        catch_cancelled(
            [&] { static_cast<void>(std::invoke(std::move(function), std::move(arguments)...)); },
            [] { throw_group_error(); }); // else it has left as it was asked to
    }
    Function function;
};

// start_state: between task_group::start and the task that reports that it is ready. It stands on the starter's
// stack, and is settled once, on any thread.
struct PIRN_EXPORT start_state {
    // wait: until it is settled; throws if the task is not ready. If the starter is asked to stop meanwhile, asks the
    // task to stop, and waits on. Suspends.
    void wait(task& started);
    void settle() noexcept;

    spin_lock guard; // of `waits` and `settled`
    slot_wait* waits = nullptr;
    bool settled = false;
    bool ready = false; // written before it is settled
    std::exception_ptr failure;
};

template <class T>
struct start_value : start_state {
    std::optional<T> value;
};
template <>
struct start_value<void> : start_state {};

// started_base: the task's end of it.
class started_base {
  public:
    started_base(const started_base&) = delete;
    started_base& operator=(const started_base&) = delete;

  protected:
    friend class pirn::task_group;
    explicit started_base(start_state& tells) noexcept : state_{&tells} {}

    start_state& state() const {
        PIRN_REQUIRE(state_ != nullptr, "a task said twice that it has started");
        return *state_;
    }
    void settle(bool ready, std::exception_ptr failure = nullptr) noexcept {
        if (start_state* const told = std::exchange(state_, nullptr)) {
            told->ready = ready;
            told->failure = std::move(failure);
            told->settle();
        }
    }
    bool waited_for() const noexcept { return state_ != nullptr; }

  private:
    start_state* state_;
};

} // namespace detail

// started: through which a task of task_group::start says that it is ready, with a T.
template <class T = void>
class started : public detail::started_base {
  public:
    // Says it, once. Never suspends.
    void operator()(T value) {
        static_cast<detail::start_value<T>&>(state()).value.emplace(std::move(value));
        settle(true);
    }

  private:
    using started_base::started_base;
    friend class task_group;
};

template <>
class started<void> : public detail::started_base {
  public:
    void operator()() {
        static_cast<void>(state());
        settle(true);
    }

  private:
    using started_base::started_base;
    friend class task_group;
};

// task_group: belongs to the task that makes it. Its own tasks may spawn into it as well, on whatever thread of the
// runtime they run.
class PIRN_EXPORT task_group {
  public:
    // Made inside a task. Never suspends.
    task_group();
    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;
    // Cancels the tasks that are left and waits for them. If a task's error has cancelled the owner's block, and an
    // exception leaves the block, the error takes the place of `cancelled` where that is caught: by the scope around the
    // block (cancel_scope, with_timeout, task_group::run), or at the end of the owner. Other errors that no call has
    // delivered are printed on stderr. Suspends.
    ~task_group();

    // spawn: a task of the group. It begins to run when the current one next suspends; in a group that is cancelled
    // it is told so by its first suspending call. Throws std::bad_alloc when there is no stack. Never suspends.
    // Reports name the task by the place of the call, unless the options say another. At most twelve arguments.
    template <class Function>
    void spawn(Function&& function, std::source_location where = std::source_location::current());
    template <class Function>
        requires(std::is_invocable_v<std::decay_t<Function>>)
    void spawn(const spawn_options& options, Function&& function,
               std::source_location where = std::source_location::current());
    template <class Function, PIRN_ARGUMENT_TYPES>
        requires(detail::callable_with<Function, PIRN_ARGUMENT_NAMES>)
    void spawn(const spawn_options& options, Function&& function, PIRN_ARGUMENTS,
               std::source_location where = std::source_location::current()) {
        detail::with_present(
            [&](auto&&... present) {
                spawn_at(where, options, std::forward<Function>(function),
                         std::forward<decltype(present)>(present)...);
            },
            PIRN_FORWARD_ARGUMENTS);
    }
    template <class Function, PIRN_ARGUMENT_TYPES>
        requires(detail::callable_with<Function, PIRN_ARGUMENT_NAMES>)
    void spawn(Function&& function, PIRN_ARGUMENTS,
               std::source_location where = std::source_location::current()) {
        spawn(spawn_options{}, std::forward<Function>(function), PIRN_FORWARD_ARGUMENTS, where);
    }

    // start: spawns a task and waits until it has called its first argument, a `started<T>&`. Returns what it was
    // called with. If the task fails before, its exception comes out here and the group goes on; if it ends without
    // having called, std::errc::operation_canceled. If the caller is asked to stop before the task is ready, the task
    // is asked too, and start throws `cancelled` once the task has ended or is ready. Suspends.
    //
    //   const int port = group.start<int>([](pirn::started<int>& ready) { ready(listen()); serve(); });
    template <class T = void, class Function>
    T start(Function&& function, std::source_location where = std::source_location::current());

    // wait: until all tasks have ended, also those that are spawned meanwhile. If the owner is asked to stop meanwhile,
    // by whatever scope it stands in, the group is cancelled. Throws the first error that left a task, once, and from
    // then on the owner is no longer cancelled because of it; without an error, `cancelled` if the owner is asked to
    // stop. In all cases all tasks have ended. Suspends.
    void wait();

    // run: calls the function, waits as `wait` does, and returns what the function returned. The first error of a task
    // ends the function with `cancelled` at its next suspending call, and comes out here. If something else leaves the
    // function, the tasks are cancelled first. In all cases all tasks have ended. Called by the owner. Suspends.
    template <class Function>
    std::invoke_result_t<Function> run(Function&& body);

    // cancel: asks all tasks of the group to stop, and those that are still to come. Never suspends.
    void cancel(std::source_location where = std::source_location::current()) noexcept;
    bool cancel_requested() const noexcept { return node_.is_asked(); }

    // size: tasks that have not ended. Never suspends.
    std::size_t size() const noexcept;

    // further_errors: what left tasks after the first error, in order. Complete once wait has returned or thrown.
    // Never suspends.
    const std::vector<std::exception_ptr>& further_errors() const noexcept { return further_; }

  private:
    struct hook : detail::end_hook {
        explicit hook(task_group& of) noexcept : end_hook{&ended}, whose{of} {}
        static void ended(end_hook& self, detail::task& which) noexcept;
        task_group& whose;
    };

    template <class Function, class... Arguments>
    void spawn_at(std::source_location where, const spawn_options& options, Function&& function,
                  Arguments&&... arguments) {
        begin(make_at(where, options, std::forward<Function>(function),
                      std::forward<Arguments>(arguments)...),
              false);
    }
    template <class Function, class... Arguments>
    detail::task& make_at(std::source_location where, const spawn_options& options,
                          Function&& function, Arguments&&... arguments);
    void begin(detail::task& fresh, bool keeps_reference) noexcept;
    void end() noexcept;
    void wait_for_all(bool cancellable);
    void throw_first();
    void keep_error(std::exception_ptr error, const detail::task& failed) noexcept;

    detail::task& owner_;
    int exceptions_around_; // in flight when the group was made
    hook hook_;
    detail::cancel_node block_; // the owner, from here on until the group is destroyed
    detail::cancel_node node_;  // the tasks; below block_
    detail::cancel_origin origin_;
    detail::cancel_origin block_origin_;
    std::string failure_;             // in words; written once, before anything refers to it
    mutable detail::spin_lock guard_; // of everything that follows
    std::size_t size_ = 0;
    detail::slot_wait* waiting_ = nullptr; // the owner's
    std::exception_ptr first_;
    std::vector<std::exception_ptr> further_;
    detail::failed_task first_failed_; // which tasks these errors left
    std::vector<detail::failed_task> further_failed_;
};

// ---------------------------------------------------------------------------------------------------

template <class Function>
void task_group::spawn(Function&& function, std::source_location where) {
    spawn_at(where, spawn_options{}, std::forward<Function>(function));
}

template <class Function>
    requires(std::is_invocable_v<std::decay_t<Function>>)
void task_group::spawn(const spawn_options& options, Function&& function,
                       std::source_location where) {
    spawn_at(where, options, std::forward<Function>(function));
}

template <class Function, class... Arguments>
detail::task& task_group::make_at(std::source_location where, const spawn_options& options,
                                  Function&& function, Arguments&&... arguments) {
    using wrapped = detail::group_function<std::decay_t<Function>, std::decay_t<Arguments>...>;
    const coroutine_options create{.name = options.name,
                                   .stack_size = options.stack_size,
                                   .stacks = options.stacks,
                                   .where = detail::place_of_spawn(options, where)};
    detail::task& fresh = *detail::make_body<detail::task_body<wrapped, Arguments...>>(
        create, wrapped{std::forward<Function>(function)}, std::forward<Arguments>(arguments)...);
    fresh.worker = options.worker;
    fresh.migratable = options.migratable;
    return fresh;
}

template <class T, class Function>
T task_group::start(Function&& function, std::source_location where) {
    detail::check_stop();
    detail::start_value<T> state;
    detail::task& fresh = make_at(
        where, spawn_options{}, [&state, function = std::forward<Function>(function)]() mutable {
            started<T> ready{state};
            detail::catch_all(
                [&] { std::invoke(std::move(function), ready); },
                [&] {
                    ready.settle(false, ready.waited_for() ? detail::take_group_error() : nullptr);
                    detail::rethrow();
                },
                [&] {
                    if (!ready.waited_for()) {
                        detail::rethrow(); // an error like any other
                    }
                    ready.settle(false, std::current_exception());
                });
            ready.settle(false); // no effect if it has said so
        });
    begin(fresh, true);
    state.wait(fresh);
    if constexpr (!std::is_void_v<T>) {
        return *std::move(state.value);
    }
}

template <class Function>
std::invoke_result_t<Function> task_group::run(Function&& body) {
    using result = std::invoke_result_t<Function>;
    static_assert(!std::is_reference_v<result>,
                  "task_group::run cannot return a reference; return a pointer");
    struct ending {
        ~ending() {
            if (unfinished) {
                group.end();
            }
        }
        task_group& group;
        bool unfinished = true;
    } at_the_end{*this};
    std::optional<std::conditional_t<std::is_void_v<result>, int, result>> value;
    detail::catch_cancelled(
        [&] {
            if constexpr (std::is_void_v<result>) {
                std::invoke(std::forward<Function>(body));
            } else {
                value.emplace(std::invoke(std::forward<Function>(body)));
            }
            at_the_end.unfinished = false;
            wait();
        },
        [&] {
            if (std::exchange(at_the_end.unfinished, false)) {
                end();
            }
            throw_first();
            detail::throw_group_error();
            detail::rethrow();
        });
    if constexpr (!std::is_void_v<result>) {
        return *std::move(value);
    }
}

} // namespace pirn
