// SPDX-License-Identifier: MIT
//
// What the sources of this room may do to each other's private parts, in one place.
#pragma once

#include <pirn/sched/scheduler.hpp>

#include <exception>
#include <string>

namespace pirn::detail {

struct scheduler_access {
    static task_queue& runnable(scheduler& of) noexcept { return of.runnable_; }
    static auto& alive(scheduler& of) noexcept { return of.alive_; }
    static std::size_t& alive_count(scheduler& of) noexcept { return of.alive_count_; }
    static task* running(scheduler& of) noexcept { return of.running_; }
    static mpsc<waiter>& inbox(scheduler& of) noexcept { return of.inbox_; }
    static bool everybody_leaves(const scheduler& of) noexcept { return of.everybody_leaves_; }
    static std::atomic<unsigned>& wakers(scheduler& of) noexcept { return of.wakers_; }
    static unsigned& answers_left(scheduler& of) noexcept { return of.answers_left_; }
};

// site_of: where a task was spawned, as a message says it. A spawn with arguments and without options
// does not know.
std::string site_of(const task& which);

// report_failure: one line on stderr about an error that left a task and that nobody asked for.
void report_failure(task& which) noexcept;

// report_error: the same for an error of which nothing else is known.
PIRN_EXPORT void report_error(const char* whose, const std::exception_ptr& what) noexcept;

} // namespace pirn::detail
