// SPDX-License-Identifier: MIT
//
// Who is running: what a function can learn about the coroutine that it was called from.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/coro/frame.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string_view>

namespace pirn {

namespace detail {
struct frame_access;
}

// coroutine_ref: a coroutine, seen from inside or from below (current), or from its owner (coroutine::ref).
// Valid until it ends, or the owner destroys it.
class PIRN_EXPORT coroutine_ref {
  public:
    explicit coroutine_ref(const detail::frame& which) noexcept : frame_{&which} {}

    std::string_view name() const noexcept { return frame_->name(); }
    coroutine_status status() const noexcept { return frame_->status(); }
    std::uint64_t id() const noexcept { return frame_->id(); } // see coroutine
    std::source_location created_at() const noexcept { return frame_->created_at; }
    // parent: the coroutine that resumed this one and waits for it; nothing when that was no coroutine,
    // or this one is not running.
    std::optional<coroutine_ref> parent() const noexcept;

    // stack_used: bytes of its stack that were used at most so far, from the high end: with the control block,
    // the callable, its arguments and its result. To the byte if it was created with coroutine_options::measure,
    // else by the page: then earlier tenants of a reused stack count too (unless measure_stacks was on), and what
    // was reclaimed does not. Nothing when it is not known: on the caller's memory without that option, and where
    // the kernel does not tell. Never suspends.
    std::optional<std::size_t> stack_used() const noexcept { return detail::stack_used(*frame_); }

    bool operator==(const coroutine_ref&) const = default;

  private:
    friend struct detail::frame_access;
    const detail::frame* frame_;
};

// current: the innermost running coroutine of this thread; nothing outside of any. Never suspends.
PIRN_EXPORT std::optional<coroutine_ref> current() noexcept;

// remaining_stack: bytes between here and the low end of the current coroutine's stack; 0 outside of
// any coroutine. Never suspends.
PIRN_EXPORT std::size_t remaining_stack() noexcept;

namespace detail {

// The mutable frame behind a reference: that it points to a constant says what its readers may do.
struct frame_access {
    static frame& of(const coroutine_ref& which) noexcept {
        return const_cast<frame&>(*which.frame_);
    }
};

} // namespace detail
} // namespace pirn
