// SPDX-License-Identifier: MIT
//
// Programmer errors. A broken precondition stops the program and says what was broken, with the
// values involved and the place. What the world refuses is not a programmer error: see error.hpp.
//
// PIRN_REQUIRE checks what a caller owes us and is always on. PIRN_ASSERT checks what we owe
// ourselves and costs nothing in a release build.
#pragma once

#include <pirn/base/config.hpp>
#include <pirn/base/export.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <source_location>
#include <string_view>

namespace pirn {

// failure: what a failed check knows, handed to the hook.
struct failure {
    std::string_view message;   // a sentence: what was broken and what to do instead
    std::string_view condition; // the source text of the condition
    std::string_view values;    // "state=done, resumes=3", or empty
    std::source_location where; // the caller's place where the check knows it, else its own
    // where.file_name(); of a file of pirn's, relative to the project: "pirn/sync/mutex.hpp".
    std::string_view file = {};
    // The coroutines that the thread was running, innermost first, each by its name and the place where it was made:
    // "\"session\", spawned at main.cpp:12"; empty outside of any.
    std::string_view task = {};
};

using failure_hook = void (*)(const failure&);

// set_failure_hook: replaces what happens on a failed check and returns the previous hook. The
// default prints to stderr. The program is aborted when the hook returns; a hook that throws is
// allowed (the tests do) and then the exception leaves the failed check.
// Thread-safe. Never suspends.
PIRN_EXPORT failure_hook set_failure_hook(failure_hook hook) noexcept;

namespace detail {

// A named value for the message. Only integers, pointers and text: the values that explain a broken
// state, and cheap enough to format without allocating.
struct named_value {
    named_value(std::string_view key, std::integral auto number) noexcept
        : name{key}, integer{static_cast<std::int64_t>(number)} {}
    named_value(std::string_view key, std::string_view string) noexcept
        : name{key}, text{string}, is_text{true} {}
    named_value(std::string_view key, const char* string) noexcept
        : named_value{key, std::string_view{string}} {}
    named_value(std::string_view key, const void* address) noexcept
        : name{key}, integer{static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(address))},
          is_address{true} {}

    std::string_view name;
    std::int64_t integer = 0;
    std::string_view text;
    bool is_text = false;
    bool is_address = false;
};

[[noreturn]] PIRN_EXPORT PIRN_COLD void fail(std::string_view message, std::string_view condition,
                                             std::source_location where,
                                             std::initializer_list<named_value> values = {});

// fail_at: the same, with a place of the user's, whose path is left as it is.
[[noreturn]] PIRN_EXPORT PIRN_COLD void fail_at(std::source_location caller,
                                                std::string_view message,
                                                std::string_view condition,
                                                std::initializer_list<named_value> values = {});

} // namespace detail
} // namespace pirn

// PIRN_REQUIRE(condition, "sentence", {"name", value}, …)
#define PIRN_REQUIRE(condition, message, ...)                                                      \
    do {                                                                                           \
        if (PIRN_UNLIKELY(!(condition))) {                                                         \
            ::pirn::detail::fail(message, #condition, ::std::source_location::current(),           \
                                 {__VA_ARGS__});                                                   \
        }                                                                                          \
    } while (false)

// PIRN_REQUIRE_AT(caller, condition, "sentence", …): for a function that knows the place of its caller.
#define PIRN_REQUIRE_AT(caller, condition, message, ...)                                           \
    do {                                                                                           \
        if (PIRN_UNLIKELY(!(condition))) {                                                         \
            ::pirn::detail::fail_at(caller, message, #condition, {__VA_ARGS__});                   \
        }                                                                                          \
    } while (false)

#if PIRN_ASSERTIONS
#define PIRN_ASSERT(condition, message, ...) PIRN_REQUIRE(condition, message, __VA_ARGS__)
#else
#define PIRN_ASSERT(condition, message, ...) static_cast<void>(0)
#endif
