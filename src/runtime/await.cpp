// SPDX-License-Identifier: MIT
//
// Waiting for the kernel.
#include <pirn/runtime/await.hpp>

#include <pirn/base/error.hpp>
#include <pirn/base/time.hpp>
#include <pirn/loop/loop.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/sched/task.hpp>

#include "runtime/wait_kinds.hpp"

#include <cerrno>

namespace pirn {
namespace {

// A wait for an operation: being asked to stop means cancelling it.
struct operation_waiter : waiter {
    operation_waiter(loop& runs_on, operation& awaited) noexcept
        : waiter{&cancel}, where{runs_on}, what{awaited} {
        kind = &detail::kind_of(awaited);
    }

    static void cancel(waiter& on) noexcept {
        auto& self = static_cast<operation_waiter&>(on);
        self.where.cancel(self.what);
    }

    loop& where;
    operation& what;
};

} // namespace

namespace detail {

const wait_kind& kind_of(const operation& what) noexcept {
    static constexpr wait_kind time{"a point in time"};
    static constexpr wait_kind descriptor{"a descriptor to be ready"};
    static constexpr wait_kind connection{"a connection"};
    static constexpr wait_kind bytes{"bytes to arrive"};
    static constexpr wait_kind taken{"bytes to be taken"};
    static constexpr wait_kind process{"the end of a process"};
    static constexpr wait_kind pool{"work on the blocking pool"};
    static constexpr wait_kind file{"a file"};
    static constexpr wait_kind other{"the kernel"};
    using enum operation_kind;
    switch (what.kind()) {
    case timer: return time;
    case poll: return descriptor;
    case accept:
    case accept_many:
    case connect: return connection;
    case receive:
    case receive_message:
    case receive_borrowed: return bytes;
    case send:
    case send_message:
    case send_file:
    case send_zero_copy: return taken;
    case child: return process;
    case work: return pool;
    default: return what.kind() >= open ? file : other;
    }
}

void give_way() {
    if (!spend_answer()) {
        let_others_run();
    }
}

int await_operation(operation& what, waiter*& sleeper) noexcept {
    give_way();
    return await_on(current_loop(), what, sleeper);
}

int await_on(loop& here, operation& what, waiter*& sleeper) noexcept {
    if (stop_refuses()) {
        return -ECANCELED; // nothing was started
    }
    if (here.attempt(what)) {
        return what.result();
    }
    operation_waiter on{here, what};
    sleeper = &on;
    park(on);
    if (PIRN_UNLIKELY(what.result() == -ECANCELED)) {
        note_stop();
    }
    return what.result();
}

int await_shielded_operation(operation& what, waiter*& sleeper) noexcept {
    loop& here = current_loop();
    if (here.attempt(what)) {
        return what.result();
    }
    waiter on;
    on.kind = &kind_of(what);
    sleeper = &on;
    park(on);
    return what.result();
}

} // namespace detail

void sleep_until(time_point deadline) {
    if (deadline <= now()) {
        yield_now();
        return;
    }
    awaitable<timer_operation> timer{deadline};
    if (const int result = await(timer); result == -ECANCELED) {
        throw cancelled{};
    } else if (result != 0) {
        throw_error(error_of(result), "sleep");
    }
}

} // namespace pirn
