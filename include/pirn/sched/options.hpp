// SPDX-License-Identifier: MIT
//
// How a task may be spawned, and how a scheduler may be made. Everything has a default.
#pragma once

#include <pirn/coro/options.hpp>
#include <pirn/stack/stack.hpp>

#include <cstddef>
#include <source_location>
#include <string_view>

namespace pirn {

struct spawn_options {
    // For messages and debuggers. Copied; what exceeds 31 characters is cut off.
    std::string_view name = {};

    // Bytes, a wish to the stack source.
    std::size_t stack_size = default_stack_size;

    // Where the stack comes from; null: default_stack_source(). Outlives the task.
    stack_source* stacks = nullptr;

    // Where the task was spawned, for messages. Filled in by itself.
    std::source_location where = std::source_location::current();
};

struct scheduler_options {
    // How many turns of tasks may pass before the idler is asked for news, although tasks are still
    // runnable: a task that never blocks lets the event loop run all the same. At least 1.
    std::size_t turns_between_polls = 128;
};

} // namespace pirn
