// SPDX-License-Identifier: MIT
//
// Tasks that end together: a group does not outlive the block that it stands in, and its tasks do not outlive it.
//
//   pirn::task_group group;                        // its destructor cancels, and waits
//   group.spawn([&] { left = sort(a); });
//   group.spawn([&] { right = sort(b); });
//   group.wait();                                  // the first error of a task comes out here
//
// The first error cancels the other tasks; errors that follow travel with it (further_errors). After trio's
// nurseries and Java's StructuredTaskScope. The group hangs in the scope in which it was made: what cancels that
// cancels the group's tasks, but an error in the group does not interrupt the block that owns it, unless that is
// in wait().
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/base/export.hpp>
#include <pirn/base/spin_lock.hpp>
#include <pirn/sched/cancel_node.hpp>
#include <pirn/sched/scheduler.hpp>
#include <pirn/sched/task.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace pirn {

class task_group;

namespace detail {

// group_function: what a task of a group runs. Having been cancelled is no error.
template <class Function, class... Arguments>
struct group_function {
    void operator()(Arguments&&... arguments) {
        try {
            static_cast<void>(std::invoke(std::move(function), std::move(arguments)...));
        } catch (
            const cancelled&) { // NOLINT(bugprone-empty-catch): it has left, as it was asked to
        }
    }
    Function function;
};

// start_state: between task_group::start and the task that is to say that it is ready. Stands on the stack of the
// starter, who goes on as soon as it is settled. Settled once, on whatever thread.
struct PIRN_EXPORT start_state {
    void wait(); // until it is settled; throws if the task is not ready. Suspends.
    void settle() noexcept;

    waiter starter{nullptr};
    bool ready = false;
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
    // Cancels the tasks that are left and waits for them. Errors that nobody has asked for are reported on stderr.
    // Suspends.
    ~task_group();

    // spawn: a task of the group. It begins to run when the current one next suspends; in a group that is cancelled
    // it is told so by its first suspending call. Throws std::bad_alloc when there is no stack. Never suspends.
    template <class Function>
    void spawn(Function&& function, std::source_location where = std::source_location::current());
    template <class Function, class... Arguments>
        requires(std::is_invocable_v<std::decay_t<Function>, std::decay_t<Arguments>...>)
    void spawn(const spawn_options& options, Function&& function, Arguments&&... arguments);
    template <class Function, class First, class... Rest>
        requires(
            std::is_invocable_v<std::decay_t<Function>, std::decay_t<First>, std::decay_t<Rest>...>)
    void spawn(Function&& function, First&& first, Rest&&... rest);

    // start: spawns a task and waits until it has called its first argument, a `started<T>&`. Returns what it was
    // called with. If the task fails before, its exception comes out here, and the group is none the worse; if it
    // ends without having called, std::errc::operation_canceled. Suspends.
    //
    //   const int port = group.start<int>([](pirn::started<int>& ready) { ready(listen()); serve(); });
    template <class T = void, class Function>
    T start(Function&& function, std::source_location where = std::source_location::current());

    // wait: until all tasks have ended, also those that are spawned meanwhile. Throws the first error that left one,
    // once; then `cancelled` if the owner is asked to stop. In both cases all have ended. Suspends.
    void wait();

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

    void begin(detail::task& fresh) noexcept;
    void wait_for_all();
    void keep_error(std::exception_ptr what) noexcept;

    detail::task& owner_;
    hook hook_;
    detail::cancel_node node_;
    detail::cancel_origin origin_;
    mutable detail::spin_lock guard_; // of everything that follows
    std::size_t size_ = 0;
    waiter* waiting_ = nullptr; // the owner's
    std::exception_ptr first_;
    std::vector<std::exception_ptr> further_;
};

// ---------------------------------------------------------------------------------------------------

template <class Function>
void task_group::spawn(Function&& function, std::source_location where) {
    spawn(spawn_options{.where = where}, std::forward<Function>(function));
}

template <class Function, class First, class... Rest>
    requires(
        std::is_invocable_v<std::decay_t<Function>, std::decay_t<First>, std::decay_t<Rest>...>)
void task_group::spawn(Function&& function, First&& first, Rest&&... rest) {
    spawn(spawn_options{.where = {}}, std::forward<Function>(function), std::forward<First>(first),
          std::forward<Rest>(rest)...);
}

template <class Function, class... Arguments>
    requires(std::is_invocable_v<std::decay_t<Function>, std::decay_t<Arguments>...>)
void task_group::spawn(const spawn_options& options, Function&& function,
                       Arguments&&... arguments) {
    using wrapped = detail::group_function<std::decay_t<Function>, std::decay_t<Arguments>...>;
    const coroutine_options create{.name = options.name,
                                   .stack_size = options.stack_size,
                                   .stacks = options.stacks,
                                   .where = options.where};
    detail::task& fresh = *detail::make_body<detail::task_body<wrapped, Arguments...>>(
        create, wrapped{std::forward<Function>(function)}, std::forward<Arguments>(arguments)...);
    fresh.worker = options.worker;
    fresh.migratable = options.migratable;
    begin(fresh);
}

template <class T, class Function>
T task_group::start(Function&& function, std::source_location where) {
    detail::start_value<T> state;
    spawn(spawn_options{.where = where},
          [&state, function = std::forward<Function>(function)]() mutable {
              started<T> ready{state};
              try {
                  std::invoke(std::move(function), ready);
              } catch (const cancelled&) {
                  ready.settle(false);
                  throw;
              } catch (...) {
                  if (!ready.waited_for()) {
                      throw; // an error like any other
                  }
                  ready.settle(false, std::current_exception());
              }
              ready.settle(false); // no effect if it has said so
          });
    state.wait();
    if constexpr (!std::is_void_v<T>) {
        return *std::move(state.value);
    }
}

} // namespace pirn
