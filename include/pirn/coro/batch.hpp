// SPDX-License-Identifier: MIT
//
// Resuming many coroutines in turn. With more of them than the caches hold, each resume waits for memory;
// whoever knows which ones come next can have them fetched meanwhile:
//
//   resume_all(simulation.entities);                          // each once
//   resume_all(sources, [&](auto& one) { use(one.value()); });
//
//         resumed now      its stack is being fetched     its frame is being fetched
//   … ──────── i ──────────────────── i + 8 ──────────────────────── i + 16 ──────────── …
//
// In two steps, because where the stack is used is written in the frame.
#pragma once

#include <pirn/coro/coroutine.hpp>

#include <concepts>
#include <cstddef>
#include <iterator>
#include <ranges>

namespace pirn {

namespace detail {

// How many coroutines ahead. Measured with a million of them: from 4 on there is a gain, from 8 on it is the
// same within the noise.
inline constexpr std::ptrdiff_t stack_ahead = 8;
inline constexpr std::ptrdiff_t frame_ahead = 2 * stack_ahead;

struct batch_access {
    static void fetch_frame(const coroutine_handle& of) noexcept {
        __builtin_prefetch(of.frame_, 1);
    }
    // Where the switch keeps no stack pointer of its own (ucontext), there is nothing to go by.
    static void fetch_stack(const coroutine_handle& of) noexcept {
        [](const auto& context) {
            if constexpr (requires { context.stack_pointer; }) {
                __builtin_prefetch(context.stack_pointer, 1);
            }
        }(of.frame_->context);
    }
};

} // namespace detail

// resume_all: resumes each coroutine of the range once, in order, with nothing injected; one that is done is
// passed over. Returns how many of the range are not done afterwards. After each resume that yielded, `visit` is
// called with the coroutine. What a coroutine or `visit` throws comes out at once, and the rest of the range has
// not been resumed. The range must not change meanwhile. Suspends the caller, until each coroutine does.
template <std::ranges::random_access_range Range, class Visit>
    requires(std::derived_from<std::ranges::range_value_t<Range>, detail::coroutine_handle>)
std::size_t resume_all(Range&& coroutines, Visit visit) {
    const auto begin = std::ranges::begin(coroutines);
    const auto count = std::ranges::distance(coroutines);
    std::size_t remaining = 0;
    for (auto i = count - count; i < count; ++i) {
        if (i + detail::frame_ahead < count) {
            detail::batch_access::fetch_frame(begin[i + detail::frame_ahead]);
        }
        if (i + detail::stack_ahead < count) {
            detail::batch_access::fetch_stack(begin[i + detail::stack_ahead]);
        }
        auto& one = begin[i];
        if (!one.done() && one.resume()) {
            ++remaining;
            visit(one);
        }
    }
    return remaining;
}

template <std::ranges::random_access_range Range>
    requires(std::derived_from<std::ranges::range_value_t<Range>, detail::coroutine_handle>)
std::size_t resume_all(Range&& coroutines) {
    return resume_all(coroutines, [](auto&) {});
}

} // namespace pirn
