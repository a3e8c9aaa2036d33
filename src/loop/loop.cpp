// SPDX-License-Identifier: MIT
//
// The event loop as its callers see it: the account of operations in flight, and who does what. turn.cpp
// has what `run` does; state.hpp the inside and the inventory of what is shared.
//
// In a child process after fork nothing here touches what the kernel shares with the parent: submissions are
// refused, and `run` delivers the refusals or throws.
#include <pirn/loop/loop.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/base/live.hpp>
#include <pirn/loop/socket.hpp>

#include "loop/buffers.hpp"
#include "loop/perform_at_once.hpp"
#include "loop/reports.hpp"
#include "loop/select.hpp"
#include "loop/state.hpp"

#include <algorithm>
#include <cerrno>

namespace pirn {

namespace flag = detail::operation_flag;

namespace {

loop_options checked(const loop_options& options) {
    PIRN_REQUIRE(options.submission_slots >= 1 && options.submission_slots <= 4096,
                 "loop_options::submission_slots must be 1 to 4096",
                 {"submission_slots", options.submission_slots});
    PIRN_REQUIRE(options.completion_slots <= 65'536,
                 "loop_options::completion_slots must be 0 to 65536",
                 {"completion_slots", options.completion_slots});
    os::watch_forks();
    return options;
}

} // namespace

loop::loop(const loop_options& options) : state_{std::make_unique<state>(options)} {}

loop::~loop() {
    if (!state_->is_here()) {
        state_->kernel->abandon();
        os::leave_for_good(state_.release()); // its lists may hold what exists no more
        return;
    }
    PIRN_REQUIRE(state_->pending == 0,
                 "a loop was destroyed with operations in flight; cancel them and run it first",
                 {"pending", state_->pending});
}

void loop::submit(operation& what) noexcept {
    state_->admit(what);
    state_->enter(what);
    if (!state_->is_here()) {
        state_->finish(what, -ESRCH);
        return;
    }
    switch (what.kind()) {
    case operation_kind::nop: state_->finish(what, 0); break;
    case operation_kind::timer: state_->clockwork.arm(static_cast<timer_operation&>(what)); break;
    default:
        if (detail::is_at_once(what.kind())) {
            state_->finish(what, detail::perform_at_once(what, socket_flags()));
        } else if (what.kind() >= operation_kind::work && !state_->kernel->serves(what)) {
            auto& pooled = static_cast<pooled_operation&>(what);
            state_->door_for(pooled).submit(pooled);
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
    if (!state_->is_here()) {
        what.result_ = -ESRCH;
        return true;
    }
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
    if (what.state_ != operation_state::in_flight || !state_->is_here()) {
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
        auto& pooled = static_cast<pooled_operation&>(what);
        state_->door_for(pooled).cancel(pooled);
    } else {
        state_->kernel->cancel(what);
    }
}

void loop::withdraw(timer_operation& what) noexcept {
    state_->require_owner();
    if (!what.in_flight()) {
        return;
    }
    if (detail::left_behind(what)) {
        detail::leave_behind(what);
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
    if (!state_->is_here()) {
        return;
    }
    state_->require_fed(descriptor);
    state_->kernel->release(descriptor);
}

std::size_t loop::run(run_mode mode, time_point until) {
    state_->require_owner();
    PIRN_REQUIRE(!state_->running,
                 "loop::run was called by a completion; return to the loop instead");
    if (!state_->is_here()) {
        return state_->refuse();
    }
    struct running_mark {
        explicit running_mark(bool& flag) noexcept : running{flag} { running = true; }
        ~running_mark() { running = false; }
        bool& running;
    } const mark{state_->running};

    std::size_t delivered = 0;
    while (mode != run_mode::until_idle || state_->pending > 0) {
        const bool woken =
            state_->turn(mode == run_mode::nowait ? state::at_once : until, delivered);
        if (woken || mode == run_mode::nowait || (mode == run_mode::once && delivered > 0) ||
            (until != never && state_->now() >= until) || !state_->is_here()) {
            break;
        }
    }
    return delivered;
}

void loop::wake() noexcept {
    if (!state_->is_here()) {
        return; // the bell is the parent's too
    }
    // Whoever finds it asked already leaves the bell to who asked. An exchange all the same, not a look: it pairs
    // with the acquire in turn, so that what was written before this wake is seen there.
    if (state_->asked.exchange(1, std::memory_order_acq_rel) == 0) {
        state_->kernel->wake();
    }
}

std::size_t loop::pending() const noexcept { return state_->pending; }

time_point loop::now() const noexcept { return state_->now(); }

int loop::descriptor() {
    state_->require_owner();
    state_->require_here("loop::descriptor");
    return state_->kernel->descriptor();
}

time_point loop::next_deadline() noexcept {
    state_->require_owner();
    const time_point now = state_->now();
    if (!state_->is_here() || !state_->kernel->before_wait() || !state_->out.empty() ||
        state_->asked.load(std::memory_order_relaxed) != 0) {
        return now;
    }
    time_point next = state_->clockwork.next();
    if (const time_point other =
            std::min({state_->door.next(), state_->calls.next(), state_->kernel->next()});
        other != never) {
        next = state_->time == nullptr ? std::min(next, other)
                                       : now; // which is not in the test's time
    }
    return std::max(next, now);
}

buffer_ring::buffer_ring(loop& serves, const buffer_options& options) {
    serves.state_->require_here("buffer_ring");
    pool_ = std::make_unique<detail::buffer_pool>(*serves.state_->kernel, options);
}

std::error_code loop::refusal() const noexcept { return error_of(state_->kernel->refusal()); }

const char* loop::backend_name() const noexcept { return state_->kernel->name(); }

int loop::socket_flags() const noexcept { return state_->kernel->socket_flags(); }

// ---------------------------------------------------------------------------------------------------

void loop::state::require_owner() const {
    PIRN_ASSERT(owner == std::this_thread::get_id(),
                "a loop was used on another thread than the one that made it; only wake() may be");
}

loop::state::state(const loop_options& options)
    : kernel{detail::make_backend(checked(options), out)},
      door{options.pool, *kernel, out.finished}, calls{options.calls, *kernel, out.finished},
      time{options.time} {}

void loop::state::require_here(const char* caller) const {
    if (!is_here()) {
        throw_error(error_of(-ESRCH), caller);
    }
}

// require_fed: one that waits for a buffer is known to the ring alone, which would use the number later.
void loop::state::require_fed(int descriptor) const {
    PIRN_REQUIRE(
        !kernel->is_starved(descriptor),
        "a descriptor was released with a receive in flight that waits for a buffer; cancel it "
        "and wait for its completion first",
        {"descriptor", descriptor});
}

void loop::state::admit(operation& what) const {
    require_owner();
    if (what.in_flight() && detail::left_behind(what)) {
        detail::leave_behind(what);
    }
    PIRN_REQUIRE(!what.in_flight(), "an operation was submitted while it is still in flight",
                 {"kind", static_cast<int>(what.kind())});
    what.flags_ = 0;
    what.more_ = false;
    what.generation_ = detail::generation_now() & 0x3fU;
    if (what.kind() == operation_kind::close) {
        require_fed(static_cast<const close_operation&>(what).descriptor);
    }
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

} // namespace pirn
