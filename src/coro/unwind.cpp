// SPDX-License-Identifier: MIT
//
// Destroying a suspended coroutine: its stack is unwound, so that its destructors run. Two ways, both
// walking the frames as an exception does:
//
//   forced      _Unwind_ForcedUnwind, which is also how threads are cancelled. No catch clause with a
//               type sees it, iostreams let it through, and if a catch (...) ends it, the unwinder says
//               so. (Itanium C++ ABI, exception handling, section 1.3.)
//   by throwing an exception of a type that nobody else knows. For the cases that forced unwinding
//               cannot do: inside a catch block, where a catch (...) on the way would have to hold a
//               foreign exception on top of a C++ one, which ends in std::terminate; and from within
//               nested coroutines, whose frames lie on several stacks.
//
// The exception object of the forced way must outlive the frames that are unwound, so it stands on the
// stack of the one who destroys; frame::transfer tells where.
#include <unwind.h>

#include <pirn/base/assert.hpp>
#include <pirn/coro/switch.hpp>

#include "arch/annotate.hpp"
#include "coro/entry.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

namespace pirn::detail {
namespace {

// The catch (...) that swallowed it is still on the stack of the coroutine, as is whoever calls this.
void swallowed(_Unwind_Reason_Code, _Unwind_Exception*) {
    const frame& self = *this_thread().current;
    fail_at(self.created_at,
            "a catch (...) swallowed the unwinding of a coroutine that is being destroyed; "
            "end it with `throw;`, or catch const std::exception&",
            "forced unwinding ends at the coroutine's first function", {{"name", self.name()}});
}

#if defined(__ARM_EABI_UNWINDER__)

bool can_be_forced(const frame&) noexcept { return false; } // another interface; throwing serves
[[noreturn]] void force(frame& self) { throw unwinding{&self}; }

#else

bool can_be_forced(const frame& self) noexcept {
    const thread_state& here = this_thread();
    return here.current == &self && !arch::eh_in_use(here.eh);
}

// Asked before each frame. The last one is entry's, which has handlers of its own: not entered again.
_Unwind_Reason_Code at_each_frame(int, _Unwind_Action actions, _Unwind_Exception_Class,
                                  _Unwind_Exception*, _Unwind_Context* at, void* which) {
    frame& self = *static_cast<frame*>(which);
    const std::span<const std::byte> memory = self.where().memory;
    const std::uintptr_t below =
        _Unwind_GetCFA(at) - reinterpret_cast<std::uintptr_t>(memory.data());
    if (below <= memory.size()) {
        arch::annotate_unwound(memory.first(below));
    }
    const bool last = (actions & _UA_END_OF_STACK) != 0 ||
                      _Unwind_GetRegionStart(at) == reinterpret_cast<std::uintptr_t>(&entry);
    if (last) {
        leave_for_good(self);
    }
    return _URC_NO_REASON;
}

// Counted as an exception that is thrown is, for destructors that commit unless they see one more than at their
// construction. It is not counted down: the resumer puts its own count over it, see resume_slowly.
[[noreturn]] void force(frame& self) {
    auto* exception = static_cast<_Unwind_Exception*>(self.transfer);
    arch::eh_count_one(this_thread().eh);
    _Unwind_ForcedUnwind(exception, &at_each_frame, &self);
    fail_at(self.created_at, "the stack of a coroutine that is being destroyed cannot be unwound",
            "_Unwind_ForcedUnwind", {{"name", self.name()}});
}

#endif

// The handler that was there before ours; written once.
std::terminate_handler earlier_handler = nullptr;

// Unwinding that comes to a noexcept function, or a destructor, ends in std::terminate, which would say no more than
// that. An exception that terminates while a coroutine is unwound is another matter, which the earlier handler names.
void say_why() noexcept {
    const frame* const running = this_thread().current;
    if (is_frame(running) && running->unwinding) {
        fail_at(running->created_at,
                "a coroutine was destroyed while it is suspended inside a noexcept function, or a "
                "destructor, or a function that throws while it is unwound: its stack cannot be "
                "unwound from there; resume it until it has left that function, or remove the "
                "noexcept",
                "unwinding reaches the coroutine's first function", {{"name", running->name()}});
    }
    if (earlier_handler != nullptr) {
        earlier_handler();
    }
}

// Once in a process: a program that sets a handler of its own afterwards has the last word.
void name_noexcept_functions() {
    static const bool done = [] {
        earlier_handler = std::set_terminate(&say_why);
        return true;
    }();
    static_cast<void>(done);
}

} // namespace

void throw_unwinding(frame& self) {
    // Said here, because the language would only say "terminate called".
    PIRN_REQUIRE(
        std::uncaught_exceptions() == 0,
        "a coroutine is destroyed while it is suspended in a destructor that runs because of "
        "an exception: it cannot be unwound from there; resume it until it has left",
        {"name", self.name()});
    self.unwinding = true;
    name_noexcept_functions();
    if (can_be_forced(self)) {
        force(self);
    }
    throw unwinding{&self};
}

void unwind(frame& what) noexcept {
    _Unwind_Exception exception{};
    exception.exception_cleanup = &swallowed;
    what.transfer = &exception;
    const arch::message got = resume_slowly(what, arch::message::unwind);
    PIRN_REQUIRE(got == ended(what),
                 "a coroutine suspended while it is being destroyed: a catch (...) swallowed the "
                 "unwinding; end it with `throw;`, or catch const std::exception&",
                 {"name", what.name()});
}

} // namespace pirn::detail
