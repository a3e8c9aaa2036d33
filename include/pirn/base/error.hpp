// SPDX-License-Identifier: MIT
//
// What the world refuses: errors that a caller can handle. Each operation that can fail comes in two
// forms, as in <filesystem>: one throws std::system_error, the other takes a std::error_code& and
// never throws for the world's reasons. docs/decisions/0002-two-error-forms.md says why.
//
// pirn adds no error numbers of its own: the system's and the generic category name everything so
// far, and code that compares with std::errc works unchanged.
#pragma once

#include <pirn/base/config.hpp>
#include <pirn/base/export.hpp>

#include <exception>
#include <memory>
#include <system_error>

namespace pirn {

// cancelled: thrown out of every suspending call of a task that was asked to stop. It does not derive
// from std::exception, so that a handler for errors does not mistake a request to leave for an error.
struct cancelled {};

// error_of: the error_code for a result in the kernel's form: zero or more is success, a negative
// number is an errno. Never suspends.
inline std::error_code error_of(int result) noexcept {
    return result < 0 ? std::error_code{-result, std::system_category()} : std::error_code{};
}

// throw_error: throws std::system_error whose what() begins with the operation's name.
// Never suspends.
[[noreturn]] PIRN_EXPORT PIRN_COLD void throw_error(std::error_code error, const char* operation);

// throw_errno: the same, from the thread's errno. Never suspends.
[[noreturn]] PIRN_EXPORT PIRN_COLD void throw_errno(const char* operation);

namespace detail {

// What templates need of exceptions, for files that are compiled with them and without: see docs/exceptions.md.

// throw_cancelled: throws `cancelled`. rethrow: as `throw;`. Never suspend.
[[noreturn]] PIRN_EXPORT PIRN_COLD void throw_cancelled();
[[noreturn]] PIRN_EXPORT PIRN_COLD void rethrow();

// call_catching: calls; then, in the handler of its exception, when_cancelled or, if that is given, when_failed. Two
// functions and an object, so that the library, which has exceptions, can do it.
struct catching {
    void (*call)(void* object);
    void (*when_cancelled)(void* object);
    void (*when_failed)(void* object); // null: other exceptions pass
};
PIRN_EXPORT void call_catching(const catching& functions, void* object);

// catch_cancelled: calls the function; the handler is called if it was left by `cancelled`, in the catch block, where
// rethrow() may be called. Other exceptions pass. Suspends if the function does.
template <class Function, class Handler>
void catch_cancelled(Function&& function, Handler&& handler) {
#if PIRN_EXCEPTIONS
    try {
        function();
    } catch (const cancelled&) {
        handler();
    }
#else
    auto both = [&](bool failed) { failed ? handler() : function(); };
    using pair = decltype(both);
    call_catching({[](void* object) { (*static_cast<pair*>(object))(false); },
                   [](void* object) { (*static_cast<pair*>(object))(true); }, nullptr},
                  std::addressof(both));
#endif
}

// catch_all: the same, with a handler for all other exceptions. What is no exception of C++, as the unwinding of a
// coroutine, passes.
template <class Function, class Cancelled, class Failed>
void catch_all(Function&& function, Cancelled&& when_cancelled, Failed&& when_failed) {
#if PIRN_EXCEPTIONS
    try {
        function();
    } catch (const cancelled&) {
        when_cancelled();
    } catch (...) {
        if (std::current_exception() == nullptr) {
            throw;
        }
        when_failed();
    }
#else
    enum class step { call, cancelled, failed };
    auto all = [&](step next) {
        switch (next) {
        case step::call: function(); return;
        case step::cancelled: when_cancelled(); return;
        case step::failed: when_failed(); return;
        }
    };
    using three = decltype(all);
    call_catching({[](void* object) { (*static_cast<three*>(object))(step::call); },
                   [](void* object) { (*static_cast<three*>(object))(step::cancelled); },
                   [](void* object) { (*static_cast<three*>(object))(step::failed); }},
                  std::addressof(all));
#endif
}

} // namespace detail

} // namespace pirn
