// SPDX-License-Identifier: MIT
//
// What is going on: the tasks that are alive, what each waits for, and who waits for whom.
//
//   std::fputs(pirn::task_tree().c_str(), stderr);
//
//   3 tasks
//   "main" #1, waits for the tasks of a group, spawned at server.cpp:12
//   ├─ "session" #7, waits for the network, spawned at server.cpp:31
//   └─ "session" #8, runs, spawned at server.cpp:31
//
// May be asked for at any time, from any thread, also while the tasks run: each line is then true of some moment of
// its own.
#pragma once

#include <pirn/base/export.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

namespace pirn {

class scheduler;

enum class task_state : std::uint8_t {
    fresh,    // not begun
    runnable, // waits for its turn
    running,  // or has resumed a coroutine that runs
    waiting,
};

std::string_view to_string(task_state state) noexcept;

// task_report: one task, as it was when somebody looked.
struct task_report {
    std::uint64_t id;
    std::string name; // empty when it has none
    task_state state;
    std::string waits_for; // in words; empty unless waiting
    bool asked_to_stop;
    std::string
        stop_cause; // why it is, or its group while a shield holds that off; empty when not known
    std::source_location spawned_at;   // line 0: not known
    std::size_t worker;                // which scheduler of its crew; 0 when that is alone
    std::optional<std::size_t> parent; // index in the vector of the one whose group it is in
};

// live_tasks: of the scheduler, or of its whole crew; parents before their children. Takes a moment of the lock of
// each scheduler. Where tasks move from thread to thread at that moment it blocks the thread for up to 5 ms, and looks
// again. Throws std::bad_alloc. Thread-safe, as long as the scheduler exists. Never suspends.
PIRN_EXPORT std::vector<task_report> live_tasks(const scheduler& of);

// task_tree_limits: how much of a tree is drawn for people. What is left out is counted in its place.
struct task_tree_limits {
    std::size_t depth = 32;   // tasks below each other
    std::size_t width = 100;  // tasks beside each other, with the same parent
    std::size_t lines = 1000; // in all
};

// task_tree: the same as text, for people, within limits. task_tree_json: for programs:
//   {"tasks":[{"id":1,"name":"main","state":"waiting","waits_for":"…","asked_to_stop":false,
//              "stop_cause":"","spawned_at":"server.cpp:12","worker":0,"children":[…]}]}
// Without an argument, of the current task's; empty outside of any. Never suspend.
PIRN_EXPORT std::string task_tree(const scheduler& of, const task_tree_limits& limits = {});
PIRN_EXPORT std::string task_tree(const task_tree_limits& limits = {});
PIRN_EXPORT std::string task_tree_json(const scheduler& of);
PIRN_EXPORT std::string task_tree_json();

} // namespace pirn
