// SPDX-License-Identifier: MIT
//
// How a task may be spawned, and how a scheduler may be made. Everything has a default.
#pragma once

#include <pirn/coro/options.hpp>
#include <pirn/stack/stack.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string_view>

namespace pirn {

class crew;

// Where a task may run, if its scheduler has others beside it: on whichever thread takes it first; on the one that
// spawns it; or on the one of a number, as crew::member counts.
inline constexpr int any_worker = -1;
inline constexpr int this_worker = -2;

struct spawn_options {
    // For messages and debuggers. Copied; what exceeds 31 characters is cut off.
    std::string_view name = {};

    // Bytes, a wish to the stack source.
    std::size_t stack_size = default_stack_size;

    // Where the stack comes from; null: default_stack_source(). Outlives the task. The stack comes back on the thread
    // that the task ends on, which with several threads may be another one than the spawner's: then a source that is not
    // thread-safe serves only tasks with `worker = this_worker`.
    stack_source* stacks = nullptr;

    // The thread on which it starts, and stays. No difference where there is only one.
    int worker = any_worker;

    // Whether other threads may take the task over also after it has started, whenever it waits or yields. Only
    // for functions that keep nothing of a thread across a suspension: no reference to a thread_local, no lock of
    // the standard library, no open file of a library that caches by thread. While a deadline is set (with_timeout)
    // it stays where it is.
    bool migratable = false;

    // Where the task was spawned, for messages. When it is not set, the place of the call that takes the options.
    std::source_location where = {};
};

struct scheduler_options {
    // How many turns of tasks may pass before the idler is asked for news, although tasks are still runnable. It is
    // asked earlier when turns are long: some 50 microseconds after it was last asked. At least 1.
    std::size_t turns_between_polls = 512;

    // When all tasks wait, and nothing is under way that could wake one, for so long: that is reported on stderr, once,
    // with the tree of tasks and with circles of tasks that wait for each other. Another thread may still end it.
    // Circles of joins and mutexes are also looked for meanwhile, at most once in such a time. Zero: nothing of this.
    std::chrono::nanoseconds report_deadlock_after = std::chrono::seconds{1};

    // Begins the sequence of random numbers by which `select` chooses among several cases that are ready. On one thread
    // the same seed makes the same choices in each run of a program that is otherwise the same; of several threads each
    // has a sequence of its own.
    std::uint64_t seed = 0;

    // With whom it shares its tasks; null: with nobody. Outlives the scheduler.
    pirn::crew* crew = nullptr;
};

} // namespace pirn
