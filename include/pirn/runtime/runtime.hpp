// SPDX-License-Identifier: MIT
//
// The runtime: a scheduler that idles on an event loop, on one thread. This is the only room that knows
// both wings of the house.
//
//   int main() {
//       pirn::run([] {
//           pirn::sleep_for(10ms);
//       });
//   }
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/loop/options.hpp>
#include <pirn/sched/options.hpp>
#include <pirn/sched/scheduler.hpp>

#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

namespace pirn {

class loop;

struct runtime_options {
    loop_options loop = {};
    scheduler_options scheduler = {};

    // For the main task.
    spawn_options main = {.name = "main"};
};

// runtime: for programs that keep one around; most call run(). Belongs to the thread that made it.
class PIRN_EXPORT runtime {
  public:
    // Throws std::system_error when the kernel refuses an event loop.
    explicit runtime(const runtime_options& options = {});
    runtime(const runtime&) = delete;
    runtime& operator=(const runtime&) = delete;
    // Tasks that are still alive are reported on stderr, asked to stop, and run to their end.
    ~runtime();

    // run: spawns a task for the function, and returns what it returns when it and every task spawned
    // meanwhile, detached ones included, have ended. If the function throws, the other tasks are asked
    // to stop, and what it threw comes out here after they have. Called outside of any task.
    template <class Function>
    std::invoke_result_t<std::decay_t<Function>> run(Function&& function);

    pirn::scheduler& scheduler() noexcept;
    pirn::loop& loop() noexcept;
    const runtime_options& options() const noexcept;

  private:
    void finish(const detail::task& main);

    struct state;
    std::unique_ptr<state> state_;
};

// run: a runtime for the duration of one function. Called outside of any task.
template <class Function>
std::invoke_result_t<std::decay_t<Function>> run(Function&& function);
template <class Function>
std::invoke_result_t<std::decay_t<Function>> run(const runtime_options& options,
                                                 Function&& function);

// current_loop: the event loop under the current task. A programmer error outside of any runtime.
// Never suspends.
PIRN_EXPORT loop& current_loop();

// current_loop_or_null: the same, or null where there is none. Never suspends.
PIRN_EXPORT loop* current_loop_or_null() noexcept;

// ---------------------------------------------------------------------------------------------------

template <class Function>
std::invoke_result_t<std::decay_t<Function>> runtime::run(Function&& function) {
    using result = std::invoke_result_t<std::decay_t<Function>>;
    // The handle's task is needed after it has ended, to see whether it threw.
    struct main_handle : join_handle<result> {
        explicit main_handle(join_handle<result>&& spawned)
            : join_handle<result>{std::move(spawned)} {}
        const detail::task& task() const noexcept { return this->checked(); }
    };
    main_handle main{scheduler().spawn(options().main, std::forward<Function>(function))};
    finish(main.task());
    return main.get();
}

template <class Function>
std::invoke_result_t<std::decay_t<Function>> run(Function&& function) {
    return run(runtime_options{}, std::forward<Function>(function));
}

template <class Function>
std::invoke_result_t<std::decay_t<Function>> run(const runtime_options& options,
                                                 Function&& function) {
    runtime here{options};
    return here.run(std::forward<Function>(function));
}

} // namespace pirn
