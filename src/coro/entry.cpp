// SPDX-License-Identifier: MIT
//
// The life of a coroutine: the slow ways into it and out of it, its first function and its end.
#include "coro/entry.hpp"

#include <pirn/base/assert.hpp>
#include <pirn/coro/switch.hpp>

#include "arch/annotate.hpp"
#include "arch/shadow_stack.hpp"
#include "base/places.hpp"
#include "stack/overflow.hpp"

#include <array>
#include <cstdio>
#include <span>
#include <string_view>
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

// For the report of a failed check: the innermost coroutine and those that resumed it, as far as there is room.
std::size_t describe(std::span<char> into) noexcept {
    constexpr int most = 4; // a deeper nesting would hide the rest of the report
    std::size_t used = 0;
    int depth = 0;
    for (const frame* at = this_thread().current; is_frame(at) && depth < most; at = at->parent) {
        const std::string_view name = at->name();
        const std::string_view file = header_in_project(at->created_at.file_name());
        std::array<char, 16> line{};
        std::snprintf(line.data(), line.size(), ":%u", at->created_at.line());
        const bool known = at->created_at.line() != 0;
        const char* const quote = name.empty() ? "" : "\"";
        const std::string_view shown = name.empty() ? "unnamed" : name;
        const int wrote =
            std::snprintf(into.data() + used, into.size() - used, "%s%s%.*s%s, spawned at %.*s%s",
                          depth == 0 ? "" : ", in ", quote, static_cast<int>(shown.size()),
                          shown.data(), quote, known ? static_cast<int>(file.size()) : 0,
                          file.data(), known ? line.data() : "an unknown place");
        if (wrote < 0 || static_cast<std::size_t>(wrote) >= into.size() - used) {
            break;
        }
        used += static_cast<std::size_t>(wrote);
        ++depth;
    }
    return used;
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
    thread_words{}.set_current(self.parent);
    self.parent = special;
    arch::annotate_leave(self.note, true);
    arch::depart(self.context, ended(self));
}

bool is_active_ancestor(const frame& self, const frame* from) noexcept {
    for (const frame* at = from; is_frame(at); at = at->parent) {
        if (at == &self) {
            return true;
        }
    }
    return false;
}

void require_resumable(const frame& to) {
    const coroutine_status status = to.status();
    PIRN_REQUIRE(&to != &no_frame(), "a moved-from coroutine was resumed");
    PIRN_REQUIRE(status == coroutine_status::start || status == coroutine_status::suspended,
                 "only a coroutine that has not started or is suspended can be resumed",
                 {"name", to.name()}, {"status", to_string(status)});
}

void require_that_it_may_leave(const frame& self) {
    PIRN_REQUIRE(
        is_active_ancestor(self, this_thread().current),
        "a coroutine was suspended that is not running on this thread: its yielder was used "
        "from outside of it",
        {"name", self.name()}, {"status", to_string(self.status())});
    PIRN_REQUIRE(!self.unwinding,
                 "a coroutine suspended while it is being destroyed, from a destructor or after a "
                 "catch (...) swallowed the unwinding; nobody is there to resume it",
                 {"name", self.name()});
}

// begin_note: before the first switch to a coroutine. Creating it writes no more than it must.
void begin_note(frame& to) noexcept {
    if (PIRN_UNLIKELY(arch::is_annotated()) && to.phase == frame_phase::fresh) {
        to.note = {};
    }
}

// leave_for: the resumer's half of a switch. leave_from: the coroutine's. leave_to: from one coroutine to another,
// which goes on on `stands_on` and goes back to the resumer of the first.
PIRN_ALWAYS_INLINE arch::message leave_for(frame& to, const stack& stands_on, arch::message sent) {
    begin_note(to);
    void* fake_stack = arch::annotate_resume(to.note, stands_on.memory);
    const arch::message got = arch::switch_to(to.context, sent);
    arch::annotate_resumed(fake_stack);
    return got;
}

PIRN_ALWAYS_INLINE arch::message leave_from(frame& self, arch::message sent) {
    arch::annotate_leave(self.note, false);
    const arch::message got = arch::switch_to(self.context, sent);
    arch::annotate_arrived(self.note);
    return got;
}

PIRN_ALWAYS_INLINE arch::message leave_to(frame& self, frame& to, const stack& stands_on) {
    begin_note(to);
    arch::annotate_transfer(self.note, to.note, stands_on.memory);
    const arch::message got =
        arch::switch_between(self.context, to.context, arch::message::proceed);
    arch::annotate_arrived(self.note);
    return got;
}

// put_aside: the coroutine takes along what is its own. Returns who had resumed it.
frame* put_aside(frame& self, thread_state& here) noexcept {
    self.innermost = here.current == &self ? nullptr : here.current;
    self.exceptions = arch::eh_take(here.eh);
    return std::exchange(self.parent, special); // so that the next resume is a slow one
}

} // namespace

void leave_for_good(frame& self) { depart_for_good(self); }

// Not told by the switch who it is: after a transfer that would be the one who was here before.
void entry(arch::context*) {
    frame& self = *thread_words{}.current();
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

void prepare_thread(thread_state& here) {
    if (here.current == nullptr) {
        arch::refuse_shadow_stacks(arch::shadow_stack_pointer());
        here.current = outside;
        here.eh = arch::eh_globals();
        here.exceptions = arch::is_annotated() ? &arch::eh_always_in_use : here.eh;
        watch_for_overflow(&identify);
        set_describe_running(&describe);
    }
}

arch::message resume_slowly(frame& to, arch::message sent) {
    thread_state& here = this_thread();
    prepare_thread(here);
    require_resumable(to);
    to.parent = here.current;
    frame* innermost = std::exchange(to.innermost, nullptr);
    here.current = innermost != nullptr ? innermost : &to;

    // The thread's exception state changes hands: ours waits here, on our stack.
    const arch::eh_state mine = arch::eh_take(here.eh);
    arch::eh_put(here.eh, std::exchange(to.exceptions, {}));
    const arch::message got = leave_for(to, here.current->where(), sent);
    // The coroutine has left the state clean behind it, see suspend.
    arch::eh_put(this_thread().eh, mine);
    return got;
}

arch::message suspend_slowly(frame& self, arch::message sent) {
    require_that_it_may_leave(self);
    thread_state& here = this_thread();
    here.current = put_aside(self, here);
    return leave_from(self, sent);
}

arch::message transfer_slowly(frame& self, frame& to) {
    require_that_it_may_leave(self);
    require_resumable(to);
    thread_state& here = this_thread();
    to.parent = put_aside(self, here);
    frame* innermost = std::exchange(to.innermost, nullptr);
    here.current = innermost != nullptr ? innermost : &to;
    arch::eh_put(here.eh, std::exchange(to.exceptions, {}));
    return leave_to(self, to, here.current->where());
}

bool listen(frame& resumed, arch::message heard) {
    if (!has_ended(heard)) {
        auto& what = *reinterpret_cast<after_switch*>(static_cast<std::uintptr_t>(heard));
        what.call(what);
        return true; // `resumed` may be running elsewhere, or be gone
    }
    auto& which = *reinterpret_cast<frame*>(static_cast<std::uintptr_t>(heard) - 1);
    if (which.failure) {
        std::rethrow_exception(std::exchange(which.failure, nullptr));
    }
    return resumed.phase != frame_phase::done;
}

void check_canary(frame& from) noexcept {
    if (from.where().guard_size == 0 && !canary_alive(from.where())) {
        report_overflow({from.name(), from.created_at, from.where()});
        fail_at(from.created_at, "a coroutine has written beyond the end of its unguarded stack",
                "canary_alive",
                {{"name", from.name()}, {"stack_bytes", from.where().memory.size()}});
    }
}

} // namespace pirn::detail
