// SPDX-License-Identifier: MIT
//
// The scheduler: decides which task runs next, on one thread, first come, first served. Usable alone, by
// a program that has its own main loop, tick by tick; runtime/ gives it an event loop to idle on. Several on
// threads of their own can be a crew, and share what has not started yet: crew.hpp.
//
//   pirn::scheduler tasks;
//   auto a = tasks.spawn([] { pirn::yield_now(); return 1; });
//   while (tasks.tick()) {}
//   use(a.get());
//
// A scheduler belongs to the thread that made it; only unpark (and so everything built on it) and post may be
// called from others.
#pragma once

#include <pirn/base/arguments.hpp>
#include <pirn/base/export.hpp>
#include <pirn/base/list.hpp>
#include <pirn/base/mpsc.hpp>
#include <pirn/coro/body.hpp>
#include <pirn/sched/idler.hpp>
#include <pirn/sched/join_handle.hpp>
#include <pirn/sched/options.hpp>
#include <pirn/sched/pace.hpp>
#include <pirn/sched/task.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <thread>
#include <type_traits>
#include <utility>

namespace pirn {

class crew;

namespace detail {
struct scheduler_access; // src/sched/access.hpp
class walk;              // src/sched/share.hpp
} // namespace detail

class PIRN_EXPORT scheduler {
  public:
    // With no idler of yours, waits for other threads on a condition variable. The idler outlives the
    // scheduler.
    explicit scheduler(const scheduler_options& options = {}, idler* idles_with = nullptr);
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;
    // Tasks that are still alive are reported on stderr, asked to stop, and run to their end. In a crew they are a
    // programmer error.
    ~scheduler();

    // spawn: a new task that calls the function with the arguments, which are moved or copied into it.
    // It begins to run when the scheduler gets to it, never inside spawn. Throws std::bad_alloc when
    // there is no stack. Only on the scheduler's thread; in a crew, a task may name any scheduler of it, and the new
    // task belongs to the one that runs the caller. At most twelve arguments. Never suspends.
    template <class Function>
    [[nodiscard(
        "the task is stopped at once when its join_handle is dropped; keep the handle, or detach()")]] auto
    spawn(Function&& function, std::source_location where = std::source_location::current());
    template <class Function, PIRN_ARGUMENT_TYPES>
        requires(detail::callable_with<Function, PIRN_ARGUMENT_NAMES>)
    [[nodiscard(
        "the task is stopped at once when its join_handle is dropped; keep the handle, or detach()")]] auto
    spawn(Function&& function, PIRN_ARGUMENTS,
          std::source_location where = std::source_location::current()) {
        return spawn({.where = where}, std::forward<Function>(function), PIRN_FORWARD_ARGUMENTS);
    }
    template <class Function>
        requires(std::is_invocable_v<std::decay_t<Function>>)
    [[nodiscard(
        "the task is stopped at once when its join_handle is dropped; keep the handle, or detach()")]] auto
    spawn(const spawn_options& options, Function&& function,
          std::source_location where = std::source_location::current());
    template <class Function, PIRN_ARGUMENT_TYPES>
        requires(detail::callable_with<Function, PIRN_ARGUMENT_NAMES>)
    [[nodiscard(
        "the task is stopped at once when its join_handle is dropped; keep the handle, or detach()")]] auto
    spawn(const spawn_options& options, Function&& function, PIRN_ARGUMENTS,
          std::source_location where = std::source_location::current()) {
        return detail::with_present(
            [&](auto&&... present) {
                return spawn_at(where, options, std::forward<Function>(function),
                                std::forward<decltype(present)>(present)...);
            },
            PIRN_FORWARD_ARGUMENTS);
    }

    // spawn_at: the same; `where` counts when the options name no place. Not API. Never suspends.
    template <class Function, class... Arguments>
    auto spawn_at(std::source_location where, const spawn_options& options, Function&& function,
                  Arguments&&... arguments);

    // tick: one turn for every task that is runnable now, and news from the idler if there are any.
    // True if there is more to do at once. Never waits. Called outside of any task.
    bool tick();

    // run: until no task is alive, in the whole crew. Waits by the idler when nothing is runnable. Called outside
    // of any task.
    void run();

    // run_until_ended: the same, but only until this task has ended.
    void run_until_ended(detail::task& which);

    // serve: runs tasks until the crew is closed and nothing is runnable here. Called outside of any task.
    void serve();

    // request_stop_all: asks every task that is alive to stop, and whoever is spawned before all of
    // those have ended: nobody can slip in while everybody leaves. Of a crew, all of it. Never suspends.
    void request_stop_all() noexcept;

    // report_alive: on stderr, the tasks that are alive. Never suspends.
    void report_alive() const noexcept;

    // post: has it called soon. Thread-safe. call_posted: calls at once what has been posted; on the scheduler's
    // thread, also inside a task. Not API. Never suspend.
    void post(detail::remote_call& what) noexcept;
    void call_posted() noexcept;

    // alive: tasks spawned and not ended; of a crew, all of them. Never suspends.
    std::size_t alive() const noexcept;

    // shares_with: as given in the options; null when it is alone. number: which of the crew, in the order in
    // which they joined; 0 when it is alone. Never suspend.
    pirn::crew* shares_with() const noexcept { return crew_; }
    std::size_t number() const noexcept { return number_; }

    // idles_with: as given, or the condition variable. Never suspends.
    idler& idles_with() const noexcept { return *idler_; }

    // current: the scheduler whose task this thread is running, or null. Never suspends.
    static scheduler* current() noexcept;

  private:
    friend struct detail::scheduler_access;
    friend class crew;
    class at_work;
    class current_turn;
    class watching;
    struct share; // what others of the crew touch

    bool round(bool and_more);
    void have_turn(detail::task& next);
    detail::task* run_one(detail::task& next);
    void look();
    void look_anew() noexcept;
    void look_after(std::ptrdiff_t turns) noexcept;
    void let_in(time_point current) noexcept;
    detail::task* take_last_ahead() noexcept;
    void forget_jumps() noexcept;
    bool poll_is_late() noexcept;
    bool may_go_on() noexcept;
    void conclude(detail::task& ended);
    bool goes_on_at_once(waiter& joiner) noexcept;
    void drain_inbox() noexcept;
    void poll();
    std::ptrdiff_t turns_between_polls() const noexcept;
    void wait();
    void ask_all_here() noexcept;
    bool must_lock() const noexcept { return must_lock_; }

    void begin(detail::task& fresh) noexcept;
    void make_runnable(detail::task& what) noexcept;
    bool take_now(detail::task& fresh) noexcept;

    // Deadlocks (deadlock.cpp).
    void wait_and_watch();
    void look_for_circles() noexcept;
    void report_deadlock() noexcept;

    // In a crew (crew.cpp).
    detail::task* take_fresh() noexcept;
    detail::task* take_offered(bool of_tree) noexcept;
    void adopt(detail::task& taken) noexcept;
    void offer(detail::task& what) noexcept;
    void send(detail::task& fresh) noexcept;
    void arrive(detail::task& fresh) noexcept;
    bool steal() noexcept;
    bool steal_from(scheduler& victim) noexcept;
    bool search() noexcept;
    void sleep();
    bool unpark_mover(detail::task& sleeper, waiter& on) noexcept;
    waiter* wait_of(detail::task& what) noexcept;
    std::size_t fresh_to_take() const noexcept;
    bool may_sleep() const noexcept;
    bool sleeps_for_good(std::uint64_t& sleep) const noexcept;

    idler* idler_;
    std::unique_ptr<idler> own_idler_;
    scheduler_options options_;
    pirn::crew* crew_;
    std::unique_ptr<share> share_; // null when alone
    std::size_t number_ = 0;
    bool must_lock_; // whether what tasks share may be touched on other threads
    bool everybody_leaves_ =
        false; // alone: request_stop_all was called, and somebody is still there
    detail::task_queue runnable_;
    detail::task_queue turn_;        // those of this round that have not had their turn
    detail::frame* outer_ = nullptr; // in which coroutine it is driven
    std::atomic<detail::task*> running_{nullptr};          // written on this thread only
    std::ptrdiff_t turns_left_ = 1;                        // until the clock is looked at
    std::ptrdiff_t turns_given_ = 1;                       // what turns_left_ was when it was set
    std::ptrdiff_t turns_to_poll_ = turns_between_polls(); // counted from then
    detail::pace pace_;
    time_point looked_at_ = time_point::min();
    time_point looked_in_{}; // by the coarse clock
    time_point polled_at_{};
    duration poll_patience_ = detail::pace::shortest_between_polls;
    time_point jumps_since_{}; // see let_in, also the next two
    time_point tree_since_{};
    duration tree_patience_{};
    unsigned lone_yields_ = 0;  // see poll_is_late
    unsigned refills_ = 0;      // of answers_left_, since a task last gave way
    bool goes_on_ = false;      // after this round with another, until the next poll
    int* errno_ = nullptr;      // of its thread
    bool nothing_new_ = false;  // since it was looked for deadlocks, no task has had a turn
    time_point next_look_{};    // for circles
    unsigned jumps_left_ = 0;   // see goes_on_at_once
    unsigned ahead_ = 0;        // so many of turn_, the first ones, are there by such a jump
    detail::task_queue let_in_; // before turn_
    unsigned answers_left_ = 0; // see detail::spend_answer
    std::uint64_t random_;      // never 0
    list<detail::task, &detail::task::alive_link> alive_;
    mutable detail::spin_lock alive_guard_;
    mutable detail::walk* alive_walks_ = nullptr;
    std::atomic<std::size_t> spawned_{0}; // both written on this thread only
    std::atomic<std::size_t> ended_{0};
    const std::thread::id thread_ = std::this_thread::get_id();
    alignas(64) mpsc<waiter> inbox_;
    mpsc<detail::remote_call> calls_;
    std::atomic<unsigned> wakers_{0}; // other threads in the middle of unpark; see there
};

// ---------------------------------------------------------------------------------------------------

namespace detail {

// place_of_spawn: as the options say, or else the caller's.
inline std::source_location place_of_spawn(const spawn_options& options,
                                           std::source_location caller) noexcept {
    return options.where.line() != 0 ? options.where : caller;
}

template <class Function, class... Arguments>
using task_result = std::invoke_result_t<std::decay_t<Function>, std::decay_t<Arguments>...>;

template <class Function, class... Arguments>
using task_body = body<task, void, task_result<Function, Arguments...>, std::decay_t<Function>,
                       std::decay_t<Arguments>...>;

} // namespace detail

template <class Function>
auto scheduler::spawn(Function&& function, std::source_location where) {
    return spawn_at(where, spawn_options{}, std::forward<Function>(function));
}

template <class Function>
    requires(std::is_invocable_v<std::decay_t<Function>>)
auto scheduler::spawn(const spawn_options& options, Function&& function,
                      std::source_location where) {
    return spawn_at(where, options, std::forward<Function>(function));
}

template <class Function, class... Arguments>
auto scheduler::spawn_at(std::source_location where, const spawn_options& options,
                         Function&& function, Arguments&&... arguments) {
    const coroutine_options create{.name = options.name,
                                   .stack_size = options.stack_size,
                                   .stacks = options.stacks,
                                   .where = detail::place_of_spawn(options, where)};
    detail::task& fresh = *detail::make_body<detail::task_body<Function, Arguments...>>(
        create, std::forward<Function>(function), std::forward<Arguments>(arguments)...);
    fresh.worker = options.worker;
    fresh.migratable = options.migratable;
    detail::start(fresh, *this);
    return join_handle<detail::task_result<Function, Arguments...>>{fresh};
}

} // namespace pirn
