// SPDX-License-Identifier: MIT
//
// The life of a coroutine: the slow ways into it and out of it, its first function and its end.
#include "coro/entry.hpp"

#include <pirn/base/assert.hpp>
#include <pirn/coro/switch.hpp>

#include "arch/shadow_stack.hpp"
#include "stack/overflow.hpp"

#include <utility>

namespace pirn::detail {
namespace {

// For the report of an overflow, from within the fault handler.
bool identify(stack_owner& found) noexcept {
    const frame* running = this_thread().current;
    if (!is_frame(running)) {
        return false;
    }
    found = {running->name(), running->created_at, running->where()};
    return true;
}

frame& frame_of(arch::context* context) noexcept {
    static_assert(offsetof(frame, context) == 0, "the switch hands the context's address to entry");
    return *reinterpret_cast<frame*>(context);
}

// What leaves the function goes on to whoever resumed it. There is no result then, and the last value
// that was yielded is gone with the stack.
void fail_with_current_exception(frame& self) noexcept {
    self.failure = std::current_exception();
    self.transfer = nullptr;
}

// Inlined into entry: a call that never returns would leave the processor's stack of return predictions
// one too deep for the resumer, whose next return would be mispredicted.
[[noreturn]] PIRN_ALWAYS_INLINE void depart_for_good(frame& self) {
    self.phase = frame_phase::done;
    this_thread().current = self.parent;
    self.parent = special;
    arch::annotate_leave(self.note, true);
    arch::depart(self.context, arch::message::finished);
}

bool is_active_ancestor(const frame& self, const frame* from) noexcept {
    for (const frame* at = from; is_frame(at); at = at->parent) {
        if (at == &self) {
            return true;
        }
    }
    return false;
}

} // namespace

void leave_for_good(frame& self) { depart_for_good(self); }

void entry(arch::context* own) {
    frame& self = frame_of(own);
    self.phase = frame_phase::started;
    arch::annotate_arrived(self.note);
    bool left_by_unwinding = false;
    try {
        self.behaviour->run(self);
    } catch (const unwinding& found) {
        left_by_unwinding = found.target == &self;
        if (!left_by_unwinding) {
            fail_with_current_exception(self);
        }
    } catch (...) {
        fail_with_current_exception(self);
    }
    PIRN_REQUIRE(left_by_unwinding == self.unwinding,
                 "a catch (...) swallowed the unwinding of a coroutine that is being destroyed; "
                 "end it with `throw;`, or catch const std::exception&",
                 {"name", self.name()});
    if (self.where().guard_size == 0 && PIRN_UNLIKELY(!canary_alive(self.where()))) {
        check_canary(self);
    }
    depart_for_good(self);
}

arch::message resume_slowly(frame& to, arch::message sent) {
    thread_state& here = this_thread();
    if (here.current == nullptr) {
        arch::refuse_shadow_stacks(arch::shadow_stack_pointer());
        here.current = outside;
        here.exceptions = arch::eh_globals();
        watch_for_overflow(&identify);
    }
    const coroutine_status status = to.status();
    PIRN_REQUIRE(&to != &no_frame(), "a moved-from coroutine was resumed");
    PIRN_REQUIRE(status == coroutine_status::start || status == coroutine_status::suspended,
                 "only a coroutine that has not started or is suspended can be resumed",
                 {"name", to.name()}, {"status", to_string(status)});
    to.parent = here.current;
    frame* innermost = std::exchange(to.innermost, nullptr);
    here.current = innermost != nullptr ? innermost : &to;

    // The thread's exception state changes hands: ours waits here, on our stack.
    const arch::eh_state mine = arch::eh_take(here.exceptions);
    arch::eh_put(here.exceptions, std::exchange(to.exceptions, {}));
    const arch::message got = leave_for(to, here.current->where(), sent);
    // The coroutine has left the state clean behind it, see suspend.
    arch::eh_put(this_thread().exceptions, mine);
    return got;
}

arch::message suspend_slowly(frame& self) {
    thread_state& here = this_thread();
    PIRN_REQUIRE(
        is_active_ancestor(self, here.current),
        "a coroutine was suspended that is not running on this thread: its yielder was used "
        "from outside of it",
        {"name", self.name()}, {"status", to_string(self.status())});
    PIRN_REQUIRE(!self.unwinding,
                 "a coroutine suspended while it is being destroyed, from a destructor or after a "
                 "catch (...) swallowed the unwinding; nobody is there to resume it",
                 {"name", self.name()});
    self.innermost = here.current == &self ? nullptr : here.current;
    here.current = self.parent;
    self.parent = special; // so that the next resume comes through resume_slowly
    self.exceptions = arch::eh_take(here.exceptions);
    return leave_from(self);
}

void check_canary(frame& from) noexcept {
    if (from.where().guard_size == 0 && !canary_alive(from.where())) {
        report_overflow({from.name(), from.created_at, from.where()});
        fail("a coroutine has written beyond the end of its unguarded stack", "canary_alive",
             from.created_at, {{"name", from.name()}, {"stack_bytes", from.where().memory.size()}});
    }
}

} // namespace pirn::detail
