// SPDX-License-Identifier: MIT
//
// The turn of the event loop. A turn asks the backend once, takes the timers that are due, and then calls
// the completions of exactly what had finished by then. What those submit waits for the next turn, however
// fast it finishes: a chain of operations that complete at once cannot hold up the others, nor the caller of
// run(nowait).
#include <pirn/base/error.hpp>
#include <pirn/base/live.hpp>

#include "loop/reports.hpp"
#include "loop/state.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

namespace pirn {

bool loop::state::turn(time_point until, std::size_t& delivered) {
    const bool wait = out.empty() && asked.load(std::memory_order_relaxed) == 0;
    poll(wait ? latest(until) : at_once);
    const bool woken = asked.load(std::memory_order_relaxed) != 0 &&
                       asked.exchange(0, std::memory_order_acquire) != 0;
    door.turn();
    calls.turn();
    expire();
    delivered += deliver();
    if (refused && !door.busy() && !calls.busy()) {
        const std::system_error error{*refused};
        refused.reset();
        throw std::system_error{error};
    }
    return woken;
}

// poll: asks the backend. A refusal ends all operations but those that the pool has, and is thrown when these have been
// delivered and the pool has given back what it had: no operation is in flight then, unless a completion has submitted
// it, and the caller may let everything go.
bool loop::state::poll(time_point until) {
    try {
        return kernel->poll(until);
    } catch (const std::system_error& error) {
        kernel->give_up(-error.code().value());
        while (timer_operation* const timer = clockwork.take_any()) {
            finish(*timer, kernel->refusal());
        }
        refused = error;
        return false;
    }
}

// latest: until when a turn that has nothing to deliver waits in the kernel. Under a test's clock nobody waits for
// its time: it is made to come, or it does not come.
time_point loop::state::latest(time_point until) {
    const time_point due = std::min(until, clockwork.next());
    const time_point pools = std::min(door.next(), calls.next());
    if (time == nullptr) {
        return std::min(due, pools);
    }
    if (due <= time->now()) {
        return at_once;
    }
    if (due == never || time->idle() == when_idle::stands || door.busy() || calls.busy()) {
        return pools;
    }
    poll(at_once);
    if (out.empty() && asked.load(std::memory_order_relaxed) == 0) {
        time->advance_to(due);
    }
    return at_once;
}

void loop::state::expire() noexcept {
    if (clockwork.empty()) {
        return;
    }
    const time_point current = now();
    while (timer_operation* due = clockwork.take_due(current)) {
        finish(*due, 0);
    }
}

std::size_t loop::state::deliver() noexcept {
    detail::operation_queue batch;
    batch.take_all(out.finished);
    std::size_t count = out.reports.empty() ? 0 : deliver_reports();
    while (operation* what = is_here() ? batch.pop_front() : nullptr) {
        ++count;
        leave(*what);
        what->done_(*what); // the last use: it may be gone now
    }
    out.finished.take_all(batch); // the completion has forked, and this is the child
    return count;
}

// deliver_reports: what has come by now for operations that report several times.
std::size_t loop::state::deliver_reports() noexcept {
    detail::operation_access::reports batch;
    batch.take_all(out.reports);
    std::size_t count = 0;
    while (multishot_operation* what = is_here() ? batch.pop_front() : nullptr) {
        const bool once = detail::reports_once(*what);
        while (!once && is_here() && detail::take_report(*what)) {
            ++count;
            what->more_ = true;
            what->done_(*what);
            detail::drop_report(*what);
        }
        if (!is_here() || detail::operation_access::reporting(*what)) {
            continue; // cancelled by its own completion: the end is for the next turn
        }
        if (!detail::operation_access::ended(*what)) {
            kernel->resume(*what);
            continue;
        }
        if (!once || !detail::take_report(*what)) {
            what->result_ = detail::operation_access::last(*what);
        }
        detail::operation_access::ended(*what) = false;
        what->more_ = false;
        detail::count_user(*what, -1);
        ++count;
        leave(*what);
        what->done_(*what); // the last use
    }
    out.reports.take_all(batch); // as in deliver
    return count;
}

// refuse: what run does in a child process after fork. What was submitted here has been refused; what was finished at
// the time of the fork is for the parent to deliver.
std::size_t loop::state::refuse() {
    detail::operation_queue batch;
    batch.take_all(out.finished);
    std::size_t count = 0;
    while (operation* what = batch.pop_front()) {
        if (detail::left_behind(*what)) {
            detail::leave_behind(*what);
            continue;
        }
        if (detail::is_multishot(what->kind())) {
            detail::count_user(static_cast<multishot_operation&>(*what), -1);
        }
        ++count;
        leave(*what);
        what->done_(*what); // the last use
    }
    if (count == 0) {
        throw_error(error_of(-ESRCH),
                    "loop::run in a child process: the loop has stayed with the parent");
    }
    return count;
}

// leave: the operation is the caller's again.
void loop::state::leave(operation& what) noexcept {
    --pending;
    if (what.kind() != operation_kind::timer) {
        detail::count_operations(-1);
    }
    what.state_ = operation_state::idle;
}

} // namespace pirn
