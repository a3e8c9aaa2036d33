// SPDX-License-Identifier: MIT
//
// How a coroutine may be created. Everything has a default; designated initializers name the rest:
//
//   pirn::coroutine<int> numbers{{.name = "numbers", .stack_size = 16 * 1024}, body};
#pragma once

#include <pirn/stack/stack.hpp>

#include <cstddef>
#include <source_location>
#include <span>
#include <string_view>

namespace pirn {

namespace detail {
struct any_storage;
}

struct coroutine_options {
    // For messages and debuggers. Copied; what exceeds 31 characters is cut off.
    std::string_view name = {};

    // Bytes, a wish to the stack source. The control block, the callable and its arguments are taken
    // from it too: about 350 bytes and their sizes; and of 4 KiB and more, up to 896 bytes are left free, so
    // that the hottest words of many stacks do not all want the same sets of the cache.
    std::size_t stack_size = default_stack_size;

    // Where the stack comes from; null: default_stack_source(). Outlives the coroutine.
    stack_source* stacks = nullptr;

    // The caller's own memory as stack, instead of a source. Outlives the coroutine. Unguarded: an
    // overflow is found by a canary when the function returns and when the coroutine is destroyed (and
    // at each suspend in debug builds).
    std::span<std::byte> memory = {};

    // An object of the caller's that is at hand wherever this coroutine runs, a coroutine_storage<T> (see
    // storage.hpp), or none. Outlives the coroutine.
    detail::any_storage* storage = nullptr;

    // Whether its use of the stack is measured, exactly: stack_used() tells it to the byte, and measure_stacks'
    // account has it when the coroutine has ended. Every byte of the stack is written at the creation, and
    // takes memory from then on: a quarter of a megabyte takes some 20 µs. See stack/usage.hpp for what costs less.
    bool measure = false;

    // Where the coroutine was created, for messages. Filled in by itself.
    std::source_location where = std::source_location::current();
};

} // namespace pirn
