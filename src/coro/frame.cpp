// SPDX-License-Identifier: MIT
//
// Creating and destroying control blocks, and the thread's state. The life in between is entry.cpp.
#include <pirn/coro/frame.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/coro/switch.hpp>

#include "base/live_part.hpp"
#include "coro/entry.hpp"
#include "coro/measure.hpp"
#include "stack/measure.hpp"
#include "stack/overflow.hpp"

#include <algorithm>
#include <cstring>

extern "C" {
PIRN_THREAD_LOCAL thread_local constinit pirn::detail::thread_state pirn_thread_state{};
}

namespace pirn {

std::string_view to_string(coroutine_status status) noexcept {
    switch (status) {
    case coroutine_status::start: return "start";
    case coroutine_status::suspended: return "suspended";
    case coroutine_status::active: return "active";
    case coroutine_status::done: return "done";
    }
    return "?";
}

namespace detail {
namespace {

// The least stack that is worth starting on: an empty function, and a signal handler's frame would
// already be too much.
constexpr std::size_t least_stack = 512;

// The body is placed on a cache line of its own, and the stack below it begins on one.
constexpr std::size_t cache_line = 64;

} // namespace

#if !PIRN_THREAD_LOCAL_INLINE
thread_state& this_thread() noexcept {
    asm volatile(""); // not pure: the address differs after a migration
    return pirn_thread_state;
}
#endif

namespace {

// The caller's memory, between the aligned addresses inside of it.
stack stack_in(const coroutine_options& options) {
    const auto low = reinterpret_cast<std::uintptr_t>(options.memory.data());
    const std::size_t skip = (16 - low % 16) % 16;
    PIRN_REQUIRE(options.memory.size() > skip + 16, "the memory for a coroutine is too small",
                 {"bytes", options.memory.size()});
    const std::size_t usable = (options.memory.size() - skip) / 16 * 16;
    return {options.memory.subspan(skip, usable), 0};
}

[[noreturn]] PIRN_COLD void refuse(const placement& place, const coroutine_options& options,
                                   std::size_t size) {
    const std::size_t stack_bytes = place.where.memory.size();
    unplace(place);
    fail("the stack is too small for the coroutine's control block, callable and arguments",
         "body >= low + least_stack", options.where,
         {{"stack_bytes", stack_bytes}, {"body_bytes", size}});
}

} // namespace

placement place_body(const coroutine_options& options, std::size_t size, std::size_t alignment) {
    placement place;
    if (PIRN_UNLIKELY(!options.memory.empty())) {
        place.source = nullptr;
        place.where = stack_in(options);
    } else {
        place.source = options.stacks != nullptr ? options.stacks : &default_stack_source();
        place.where = place.source->allocate(options.stack_size);
    }
    count_live(live_kind::coroutines, +1);
    const std::span<std::byte> memory = place.where.memory;
    const auto low = reinterpret_cast<std::uintptr_t>(memory.data());
    const std::uintptr_t high = low + memory.size();
    const std::size_t align = std::max(alignment, cache_line); // both are powers of two
    const std::uintptr_t body = size < high ? (high - size) & ~(align - 1) : 0;
    if (PIRN_UNLIKELY(body < low + least_stack)) {
        refuse(place, options, size);
    }
    place.body = memory.data() + (body - low);
    if (place.where.guard_size == 0) {
        arm_canary(place.where);
    }
    if (PIRN_UNLIKELY(options.measure || stacks_are_measured() != measuring::off)) {
        place.mark = begin_measuring(place, options.measure);
    }
    return place;
}

void unplace(const placement& place) noexcept {
    count_live(live_kind::coroutines, -1);
    if (place.source != nullptr) {
        place.source->deallocate(place.where);
    }
}

frame::frame() noexcept
    : context{}, parent{special}, phase{frame_phase::done}, mark{watermark::none}, exceptions{},
      note{}, behaviour{nullptr}, source{nullptr}, name_text{} {}

void frame::set_name(std::string_view text) noexcept {
    const std::size_t length = std::min(text.size(), name_text.size() - 1);
    std::memcpy(name_text.data(), text.data(), length);
    name_text[length] = '\0';
}

coroutine_status frame::status() const noexcept {
    if (phase == frame_phase::fresh) {
        return coroutine_status::start;
    }
    if (phase == frame_phase::done) {
        return coroutine_status::done;
    }
    const bool waits = innermost != nullptr || arch::holds_stack(context, where.memory);
    return waits ? coroutine_status::suspended : coroutine_status::active;
}

void destroy_frame(frame& what) noexcept {
    if (PIRN_UNLIKELY(what.phase == frame_phase::started)) {
        PIRN_REQUIRE(
            what.status() != coroutine_status::active,
            "a coroutine was destroyed while it is active: it stands on the stack that would go",
            {"name", what.name()});
        unwind(what);
    }
    if (what.where.guard_size == 0 && PIRN_UNLIKELY(!canary_alive(what.where))) {
        check_canary(what);
    }
    arch::annotate_destroy(what.note);
    if (PIRN_UNLIKELY(what.mark != watermark::none)) {
        finish_measuring(what);
    }
    const placement place{what.where, what.source, nullptr};
    what.behaviour->destroy(what);
    unplace(place);
}

frame& no_frame() noexcept {
    // Shared by all threads and never written: `parent` sends every use to the slow path.
    // Never destroyed: a static coroutine that was moved from still points to it at the very end.
    static frame* const none = new frame;
    return *none;
}

} // namespace detail
} // namespace pirn
