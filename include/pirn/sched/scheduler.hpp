// SPDX-License-Identifier: MIT
//
// The scheduler: decides which task runs next, on one thread, first come, first served. Usable alone, by
// a program that has its own main loop, tick by tick; runtime/ gives it an event loop to idle on.
//
//   pirn::scheduler tasks;
//   auto a = tasks.spawn([] { pirn::yield_now(); return 1; });
//   while (tasks.tick()) {}
//   use(a.get());
//
// A scheduler belongs to one thread; only unpark (and so everything built on it) may be called from
// others.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/list.hpp>
#include <pirn/base/mpsc.hpp>
#include <pirn/coro/body.hpp>
#include <pirn/sched/idler.hpp>
#include <pirn/sched/join_handle.hpp>
#include <pirn/sched/options.hpp>
#include <pirn/sched/task.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

namespace pirn {

namespace detail {
struct scheduler_access; // src/sched/access.hpp

// remote_call: a function that a scheduler is to call on its own thread, outside of any task; asked for on any
// thread. Stays where it is until it has been called.
struct remote_call : mpsc_link {
    explicit remote_call(void (*what)(remote_call&) noexcept) noexcept : call{what} {}
    void (*const call)(remote_call&) noexcept;
};
} // namespace detail

class PIRN_EXPORT scheduler {
  public:
    // With no idler of yours, waits for other threads on a condition variable. The idler outlives the
    // scheduler.
    explicit scheduler(const scheduler_options& options = {}, idler* idles_with = nullptr);
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;
    // Tasks that are still alive are reported on stderr, asked to stop, and run to their end.
    ~scheduler();

    // spawn: a new task that calls the function with the arguments, which are moved or copied into it.
    // It begins to run when the scheduler gets to it, never inside spawn. Throws std::bad_alloc when
    // there is no stack. Never suspends.
    template <class Function>
    auto spawn(Function&& function, std::source_location where = std::source_location::current());
    template <class Function, class... Arguments>
        requires(std::is_invocable_v<std::decay_t<Function>, std::decay_t<Arguments>...>)
    auto spawn(const spawn_options& options, Function&& function, Arguments&&... arguments);
    // A pack leaves no room for a default argument: with arguments, only the options tell where.
    template <class Function, class First, class... Rest>
        requires(
            std::is_invocable_v<std::decay_t<Function>, std::decay_t<First>, std::decay_t<Rest>...>)
    auto spawn(Function&& function, First&& first, Rest&&... rest);

    // tick: one turn for every task that is runnable now, and news from the idler if there are any.
    // True if there is more to do at once. Never waits. Called outside of any task.
    bool tick();

    // run: until no task is alive. Waits by the idler when nothing is runnable. Called outside of any
    // task.
    void run();

    // run_until_ended: the same, but only until this task has ended.
    void run_until_ended(const detail::task& which);

    // request_stop_all: asks every task that is alive to stop, and whoever is spawned before all of
    // those have ended: nobody can slip in while everybody leaves. Never suspends.
    void request_stop_all() noexcept;

    // post: has it called soon. Thread-safe. call_posted: calls at once what has been posted; on the scheduler's
    // thread, also inside a task. Not API. Never suspend.
    void post(detail::remote_call& what) noexcept;
    void call_posted() noexcept;

    // alive: tasks spawned and not ended. Never suspends.
    std::size_t alive() const noexcept { return alive_count_; }

    // idles_with: as given, or the condition variable. Never suspends.
    idler& idles_with() const noexcept { return *idler_; }

    // current: the scheduler whose task this thread is running, or null. Never suspends.
    static scheduler* current() noexcept;

  private:
    friend struct detail::scheduler_access;

    void run_one(detail::task& next);
    void drain_inbox() noexcept;
    void poll();
    void wait();
    void report_alive() const noexcept;

    idler* idler_;
    std::unique_ptr<idler> own_idler_;
    scheduler_options options_;
    detail::task_queue runnable_;
    list<detail::task, &detail::task::alive_link> alive_;
    bool everybody_leaves_ = false; // request_stop_all was called, and somebody is still there
    mpsc<waiter> inbox_;
    mpsc<detail::remote_call> calls_;
    std::atomic<unsigned> wakers_{0}; // other threads in the middle of unpark; see there
    detail::task* running_ = nullptr;
    std::size_t alive_count_ = 0;
    std::size_t turns_since_poll_ = 0;
    unsigned answers_left_ = 0; // see detail::spend_answer
};

// ---------------------------------------------------------------------------------------------------

namespace detail {

template <class Function, class... Arguments>
using task_result = std::invoke_result_t<std::decay_t<Function>, std::decay_t<Arguments>...>;

template <class Function, class... Arguments>
using task_body = body<task, void, task_result<Function, Arguments...>, std::decay_t<Function>,
                       std::decay_t<Arguments>...>;

} // namespace detail

template <class Function>
auto scheduler::spawn(Function&& function, std::source_location where) {
    return spawn(spawn_options{.where = where}, std::forward<Function>(function));
}

template <class Function, class First, class... Rest>
    requires(
        std::is_invocable_v<std::decay_t<Function>, std::decay_t<First>, std::decay_t<Rest>...>)
auto scheduler::spawn(Function&& function, First&& first, Rest&&... rest) {
    return spawn(spawn_options{.where = {}}, std::forward<Function>(function),
                 std::forward<First>(first), std::forward<Rest>(rest)...);
}

template <class Function, class... Arguments>
    requires(std::is_invocable_v<std::decay_t<Function>, std::decay_t<Arguments>...>)
auto scheduler::spawn(const spawn_options& options, Function&& function, Arguments&&... arguments) {
    const coroutine_options create{.name = options.name,
                                   .stack_size = options.stack_size,
                                   .stacks = options.stacks,
                                   .where = options.where};
    detail::task& fresh = *detail::make_body<detail::task_body<Function, Arguments...>>(
        create, std::forward<Function>(function), std::forward<Arguments>(arguments)...);
    detail::start(fresh, *this);
    return join_handle<detail::task_result<Function, Arguments...>>{fresh};
}

} // namespace pirn
