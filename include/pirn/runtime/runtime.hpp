// SPDX-License-Identifier: MIT
//
// The runtime: schedulers that idle on event loops, one pair for each thread. This is the only room that knows
// both wings of the house.
//
//   int main() {
//       pirn::run([] {
//           pirn::sleep_for(10ms);
//       });
//   }
//
// With several threads, a task begins on whichever has time, and then stays there, so that it may keep what belongs to
// a thread (thread_local, locks, caches of libraries). docs/threads.md tells what tasks may share, and how.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/loop/options.hpp>
#include <pirn/sched/options.hpp>
#include <pirn/sched/scheduler.hpp>

#include <cstddef>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

namespace pirn {

class loop;

struct runtime_options {
    // Threads that run tasks, the one that makes the runtime included; at most 256. 0: as many as the process may
    // use processors (available_processors).
    std::size_t threads = 1;

    loop_options loop = {};
    scheduler_options scheduler = {};

    // For the main task.
    spawn_options main = {.name = "main"};
};

// runtime: for programs that keep one around; most call run(). Belongs to the thread that made it, which runs the main
// function and is one of its threads.
class PIRN_EXPORT runtime {
  public:
    // Throws std::system_error when the kernel refuses an event loop, or a thread.
    explicit runtime(const runtime_options& options = {});
    runtime(const runtime&) = delete;
    runtime& operator=(const runtime&) = delete;
    // Tasks that are still alive are reported on stderr, asked to stop, and run to their end.
    ~runtime();

    // run: spawns a task for the function, and returns what it returns when it and every task spawned
    // meanwhile, detached ones included, have ended. If the function throws, the other tasks are asked
    // to stop, and what it threw comes out here after they have. When the kernel refuses an event loop to go on, what
    // waits for it ends with that error, all tasks are asked to stop, and std::system_error comes out here after they
    // have. Called outside of any task.
    template <class Function>
    std::invoke_result_t<std::decay_t<Function>>
    run(Function&& function, std::source_location where = std::source_location::current());

    // Of the thread that made it.
    pirn::scheduler& scheduler() noexcept;
    pirn::loop& loop() noexcept;
    const runtime_options& options() const noexcept;

  private:
    void finish(detail::task& main);

    struct state;
    std::unique_ptr<state> state_;
};

// run: a runtime for the duration of one function. Reports name the main task by the place of this call, unless
// runtime_options::main says another. Called outside of any task.
template <class Function>
std::invoke_result_t<std::decay_t<Function>>
run(Function&& function, std::source_location where = std::source_location::current());
template <class Function>
std::invoke_result_t<std::decay_t<Function>>
run(const runtime_options& options, Function&& function,
    std::source_location where = std::source_location::current());

// current_loop: the event loop under the current task. A programmer error outside of any runtime.
// Never suspends.
PIRN_EXPORT loop& current_loop();

// current_loop_or_null: the same, or null where there is none. Never suspends.
PIRN_EXPORT loop* current_loop_or_null() noexcept;

// available_processors: how many processors the process may use at a time: those that its affinity mask allows, and no
// more than the quota of its control group (cgroup v1 or v2) rounded up. At least 1. Never suspends.
PIRN_EXPORT std::size_t available_processors() noexcept;

// ---------------------------------------------------------------------------------------------------

template <class Function>
std::invoke_result_t<std::decay_t<Function>> runtime::run(Function&& function,
                                                          std::source_location where) {
    using result = std::invoke_result_t<std::decay_t<Function>>;
    // The handle's task is needed after it has ended, to see whether it threw.
    struct main_handle : join_handle<result> {
        explicit main_handle(join_handle<result>&& spawned)
            : join_handle<result>{std::move(spawned)} {}
        detail::task& task() const noexcept { return this->checked(); }
    };
    main_handle main{scheduler().spawn(options().main, std::forward<Function>(function), where)};
    finish(main.task());
    return main.get();
}

template <class Function>
std::invoke_result_t<std::decay_t<Function>> run(Function&& function, std::source_location where) {
    return run(runtime_options{}, std::forward<Function>(function), where);
}

template <class Function>
std::invoke_result_t<std::decay_t<Function>> run(const runtime_options& options,
                                                 Function&& function, std::source_location where) {
    runtime here{options};
    return here.run(std::forward<Function>(function), where);
}

} // namespace pirn
