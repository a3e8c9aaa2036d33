// SPDX-License-Identifier: MIT
//
// The event loop: the account of operations in flight, the timers, and the turn. A turn asks the
// backend once, takes the timers that are due, and then calls the completions of exactly what had
// finished by then. What those submit waits for the next turn, however fast it finishes: a chain of
// operations that complete at once cannot hold up the others, nor the caller of run(nowait).
//
// Shared state: `asked`, set by wake and cleared by the turn; the backend's wake, which the blocking pool
// rings too; the pool's door. Everything else belongs to the loop's thread.
#include <pirn/loop/loop.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/live.hpp>

#include "loop/backend.hpp"
#include "loop/buffers.hpp"
#include "loop/perform_at_once.hpp"
#include "loop/pool_door.hpp"
#include "loop/reports.hpp"
#include "loop/select.hpp"
#include "loop/timers.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>
#include <utility>

namespace pirn {

namespace flag = detail::operation_flag;

namespace {

// No clock reading can lie before it: do not wait at all.
constexpr time_point at_once = time_point::min();

loop_options checked(const loop_options& options) {
    PIRN_REQUIRE(options.submission_slots >= 1 && options.submission_slots <= 4096,
                 "loop_options::submission_slots must be 1 to 4096",
                 {"submission_slots", options.submission_slots});
    return options;
}

} // namespace

struct loop::state {
    explicit state(const loop_options& options)
        : kernel{detail::make_backend(checked(options), out)},
          door{options.pool, *kernel, out.finished} {}

    void require_owner() const;
    void admit(operation& what) const;
    void enter(operation& what) noexcept;
    void finish(operation& what, int result) noexcept;
    bool turn(time_point until, std::size_t& delivered);
    void expire() noexcept;
    void leave(operation& what) noexcept;
    std::size_t deliver() noexcept;
    std::size_t deliver_reports() noexcept;

    detail::outbox out; // whose completions are still to be called
    std::unique_ptr<detail::backend> kernel;
    detail::pool_door door;
    timers clockwork;
    std::size_t pending = 0;
    std::atomic<int> asked{0}; // somebody has called wake
    bool running = false;
    const std::thread::id owner = std::this_thread::get_id();
};

loop::loop(const loop_options& options) : state_{std::make_unique<state>(options)} {}

loop::~loop() {
    PIRN_REQUIRE(state_->pending == 0,
                 "a loop was destroyed with operations in flight; cancel them and run it first",
                 {"pending", state_->pending});
}

void loop::submit(operation& what) noexcept {
    state_->admit(what);
    state_->enter(what);
    switch (what.kind()) {
    case operation_kind::nop: state_->finish(what, 0); break;
    case operation_kind::timer: state_->clockwork.arm(static_cast<timer_operation&>(what)); break;
    default:
        if (detail::is_at_once(what.kind())) {
            state_->finish(what, detail::perform_at_once(what, socket_flags()));
        } else if (what.kind() >= operation_kind::work && !state_->kernel->serves(what.kind())) {
            state_->door.submit(static_cast<pooled_operation&>(what));
        } else {
            state_->kernel->submit(what);
        }
    }
}

bool loop::attempt(operation& what) noexcept {
    if (what.kind() == operation_kind::nop || what.kind() == operation_kind::timer ||
        what.kind() >= operation_kind::work) {
        submit(what); // these are about a later turn
        return false;
    }
    // Entered into the account only if it stays: most attempts to send are answered at once.
    state_->admit(what);
    if (detail::is_at_once(what.kind())) {
        what.result_ = detail::perform_at_once(what, socket_flags());
        return true;
    }
    if (state_->kernel->attempt(what)) {
        return true;
    }
    state_->enter(what);
    return false;
}

void loop::cancel(operation& what) noexcept {
    state_->require_owner();
    if (what.state_ != operation_state::in_flight) {
        return;
    }
    what.state_ = operation_state::cancelling;
    if ((what.flags_ & flag::finished) != 0) {
        return; // the result was faster
    }
    if (what.kind() == operation_kind::timer) {
        state_->clockwork.disarm(static_cast<timer_operation&>(what));
        state_->finish(what, -ECANCELED);
    } else if ((what.flags_ & flag::on_pool) != 0) {
        state_->door.cancel(static_cast<pooled_operation&>(what));
    } else {
        state_->kernel->cancel(what);
    }
}

void loop::withdraw(timer_operation& what) noexcept {
    state_->require_owner();
    if (!what.in_flight()) {
        return;
    }
    if ((what.flags_ & flag::finished) != 0) {
        // Or from the batch that is being delivered: the link knows.
        state_->out.finished.erase(what);
    } else {
        state_->clockwork.disarm(what);
    }
    what.state_ = operation_state::idle;
    --state_->pending;
}

void loop::release(int descriptor) noexcept {
    state_->require_owner();
    state_->kernel->release(descriptor);
}

std::size_t loop::run(run_mode mode, time_point until) {
    state_->require_owner();
    PIRN_REQUIRE(!state_->running,
                 "loop::run was called by a completion; return to the loop instead");
    struct running_mark {
        explicit running_mark(bool& flag) noexcept : running{flag} { running = true; }
        ~running_mark() { running = false; }
        bool& running;
    } const mark{state_->running};

    std::size_t delivered = 0;
    while (mode != run_mode::until_idle || state_->pending > 0) {
        const bool woken = state_->turn(mode == run_mode::nowait ? at_once : until, delivered);
        if (woken || mode == run_mode::nowait || (mode == run_mode::once && delivered > 0) ||
            (until != never && clock::now() >= until)) {
            break;
        }
    }
    return delivered;
}

void loop::wake() noexcept {
    // Whoever finds it asked already leaves the bell to who asked. An exchange all the same, not a look: it pairs
    // with the acquire in turn, so that what was written before this wake is seen there.
    if (state_->asked.exchange(1, std::memory_order_acq_rel) == 0) {
        state_->kernel->wake();
    }
}

std::size_t loop::pending() const noexcept { return state_->pending; }

buffer_ring::buffer_ring(loop& serves, const buffer_options& options)
    : pool_{std::make_unique<detail::buffer_pool>(*serves.state_->kernel, options)} {}

const char* loop::backend_name() const noexcept { return state_->kernel->name(); }

int loop::socket_flags() const noexcept { return state_->kernel->socket_flags(); }

// ---------------------------------------------------------------------------------------------------

void loop::state::require_owner() const {
    PIRN_ASSERT(owner == std::this_thread::get_id(),
                "a loop was used on another thread than the one that made it; only wake() may be");
}

void loop::state::admit(operation& what) const {
    require_owner();
    PIRN_REQUIRE(!what.in_flight(), "an operation was submitted while it is still in flight",
                 {"kind", static_cast<int>(what.kind())});
    what.flags_ = 0;
    what.more_ = false;
    if (detail::is_multishot(what.kind())) {
        detail::drop_report(static_cast<multishot_operation&>(what));
    }
}

void loop::state::enter(operation& what) noexcept {
    what.state_ = operation_state::in_flight;
    ++pending;
    if (what.kind() != operation_kind::timer) {
        detail::count_operations(1);
    }
    if (detail::is_multishot(what.kind())) {
        detail::count_user(static_cast<multishot_operation&>(what), 1);
    }
}

void loop::state::finish(operation& what, int result) noexcept {
    what.result_ = result;
    what.flags_ |= flag::finished;
    out.finished.push_back(what);
}

// turn: asks the kernel, waiting no longer than `until`, and calls the completions. True when somebody
// called wake; the pool's threads ring the same bell for what they have done.
bool loop::state::turn(time_point until, std::size_t& delivered) {
    const time_point latest = std::min({until, clockwork.next(), door.next()});
    const bool wait = out.empty() && asked.load(std::memory_order_relaxed) == 0;
    kernel->poll(wait ? latest : at_once);
    const bool woken = asked.load(std::memory_order_relaxed) != 0 &&
                       asked.exchange(0, std::memory_order_acquire) != 0;
    door.turn();
    expire();
    delivered += deliver();
    return woken;
}

void loop::state::expire() noexcept {
    if (clockwork.empty()) {
        return;
    }
    const time_point now = clock::now();
    while (timer_operation* due = clockwork.take_due(now)) {
        finish(*due, 0);
    }
}

std::size_t loop::state::deliver() noexcept {
    detail::operation_queue batch;
    batch.take_all(out.finished);
    std::size_t count = out.reports.empty() ? 0 : deliver_reports();
    while (operation* what = batch.pop_front()) {
        ++count;
        leave(*what);
        what->done_(*what); // the last use: it may be gone now
    }
    return count;
}

// deliver_reports: what has come by now for operations that report several times.
std::size_t loop::state::deliver_reports() noexcept {
    detail::operation_access::reports batch;
    batch.take_all(out.reports);
    std::size_t count = 0;
    while (multishot_operation* what = batch.pop_front()) {
        const bool once = detail::reports_once(*what);
        while (!once && detail::take_report(*what)) {
            ++count;
            what->more_ = true;
            what->done_(*what);
            detail::drop_report(*what);
        }
        if (detail::operation_access::reporting(*what)) {
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
