// SPDX-License-Identifier: MIT
//
// Answers about the running coroutine, from the thread's state.
#include <pirn/coro/current.hpp>

namespace pirn {
namespace {

std::optional<coroutine_ref> reference_to(const detail::frame* which) noexcept {
    return detail::is_frame(which) ? std::optional{coroutine_ref{*which}} : std::nullopt;
}

} // namespace

std::optional<coroutine_ref> coroutine_ref::parent() const noexcept {
    // Once it waits, whoever resumed it last may be gone.
    return status() == coroutine_status::active ? reference_to(frame_->parent) : std::nullopt;
}

std::optional<coroutine_ref> current() noexcept {
    return reference_to(detail::this_thread().current);
}

// Not inlined, as link-time optimisation would: its own frame must be the lowest.
PIRN_NOINLINE std::size_t remaining_stack() noexcept {
    const detail::frame* running = detail::this_thread().current;
    if (!detail::is_frame(running)) {
        return 0;
    }
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    return here - reinterpret_cast<std::uintptr_t>(running->where().memory.data());
}

} // namespace pirn
