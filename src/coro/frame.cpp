// SPDX-License-Identifier: MIT
//
// Creating and destroying control blocks, and the thread's state. The life in between is entry.cpp.
#include <pirn/coro/frame.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/coro/switch.hpp>

#include "arch/annotate.hpp"
#include "base/live_part.hpp"
#include "base/valgrind.hpp"
#include "coro/entry.hpp"
#include "coro/measure.hpp"
#include "stack/measure.hpp"
#include "stack/overflow.hpp"
#include "stack/shelves.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

// Named by assembly only, of which link-time optimisation knows nothing: it would make the variable its own, or
// drop it.
extern "C" {
[[gnu::used]] PIRN_THREAD_LOCAL thread_local constinit pirn::detail::thread_state
    pirn_thread_state{};
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
    PIRN_REQUIRE(options.memory.size() >= skip + least_stack,
                 "the memory for a coroutine is too small", {"bytes", options.memory.size()});
    const std::size_t usable = (options.memory.size() - skip) / 16 * 16;
    return {options.memory.subspan(skip, usable), 0};
}

void give_back(footing* ground) noexcept {
    if (!keep(ground)) {
        put_away(ground);
    }
}

[[noreturn]] PIRN_COLD void refuse(footing* ground, std::size_t stack_size, std::size_t size,
                                   std::source_location where) {
    if (ground != nullptr) {
        stack_size = ground->where.memory.size();
        give_back(ground);
    }
    fail_at(where,
            "the stack is too small for the coroutine's control block, callable and arguments",
            "body >= low + least_stack", {{"stack_bytes", stack_size}, {"body_bytes", size}});
}

// Where the body may end under valgrind, and the number of the stack's registration begins.
std::byte* number_on(footing* ground) noexcept {
    return reinterpret_cast<std::byte*>(ground) - stack_number_size;
}

// The place for a body that ends so far below the footing, or null where there is not room enough.
std::byte* place_on(footing* ground, std::size_t below_footing, std::size_t size,
                    std::size_t alignment) noexcept {
    const auto low = reinterpret_cast<std::uintptr_t>(ground->where.memory.data());
    const auto top = reinterpret_cast<std::uintptr_t>(ground);
    const std::uintptr_t body = (top - size - below_footing) & ~(alignment - 1);
    // One comparison: what would lie too low, or below zero, goes round to a distance that is far too large.
    const bool has_room = body - low - least_stack <= top - low;
    return has_room ? reinterpret_cast<std::byte*>(body) : nullptr;
}

PIRN_ALWAYS_INLINE placement settle(footing* ground, std::byte* body) noexcept {
    count_live(live_kind::coroutines, +1);
    if (PIRN_UNLIKELY(ground->where.guard_size == 0)) {
        arm_canary(ground->where);
    }
    ground->tenant = body;
    return {body, ground};
}

// place_slowly, place_on_new: what place_on_stack leaves over. Never inlined and called last, so that it has no
// registers to save.
PIRN_NOINLINE placement place_slowly(footing* ground, std::size_t size, std::size_t alignment,
                                     bool measure, std::source_location where) {
    const std::size_t reserved = under_valgrind() ? stack_number_size : 0;
    std::byte* body = place_on(ground, reserved + ground->colour, size, alignment);
    if (body == nullptr) {
        // Whether a body fits must not depend on where its stack lies: without the colour, then.
        body = place_on(ground, reserved, size, alignment);
    }
    if (body == nullptr) {
        refuse(ground, 0, size, where);
    }
    if (PIRN_UNLIKELY(reserved != 0)) {
        register_stack(ground->where.memory.data(), number_on(ground));
    }
    const placement found = settle(ground, body);
    if (measure || stacks_are_measured() != measuring::off) {
        begin_measuring(*ground, body, measure);
    }
    return found;
}

PIRN_NOINLINE placement place_on_new(stack_source* source, std::size_t stack_size, std::size_t size,
                                     std::size_t alignment, std::source_location where) {
    footing* const ground = take_new(source, stack_size);
    if (ground == nullptr) {
        refuse(nullptr, stack_size, size, where);
    }
    return place_slowly(ground, size, alignment, false, where);
}

} // namespace

placement place_on_stack(stack_source* source, std::size_t stack_size, std::size_t size,
                         std::size_t alignment, std::source_location where) {
    footing* const ground = take_kept(source, stack_size);
    if (PIRN_UNLIKELY(ground == nullptr)) {
        return place_on_new(source, stack_size, size, alignment, where);
    }
    std::byte* const body = place_on(ground, ground->colour, size, alignment);
    if (PIRN_UNLIKELY(body == nullptr || stacks_are_measured() != measuring::off ||
                      !live_is_counted_here())) {
        return place_slowly(ground, size, alignment, false, where);
    }
    return settle(ground, body);
}

placement place_by_options(const coroutine_options& options, std::size_t size,
                           std::size_t alignment) {
    footing* ground = options.memory.empty() ? take_kept(options.stacks, options.stack_size)
                                             : lay_footing(stack_in(options), nullptr);
    if (ground == nullptr) {
        ground = take_new(options.stacks, options.stack_size);
    }
    if (ground == nullptr) {
        refuse(nullptr, options.stack_size, size, options.where);
    }
    return place_slowly(ground, size, alignment, options.measure, options.where);
}

void unplace(footing* ground) noexcept {
    count_live(live_kind::coroutines, -1);
    if (under_valgrind()) {
        deregister_stack(ground->where.memory.data(), number_on(ground));
    }
    ground->mark = watermark::none;
    give_back(ground);
}

// Under the frame that stands for "no coroutine". Never written.
static constinit footing no_ground{{}, nullptr, {}};

frame::frame() noexcept
    : context{}, parent{special}, phase{frame_phase::done}, exceptions{}, behaviour{nullptr},
      ground{&no_ground}, storage{nullptr}, note{} {}

// Given out on demand, so that creating a coroutine does not count. Relaxed: a number orders nothing.
std::uint64_t frame::id() const noexcept {
    static constinit std::atomic<std::uint64_t> last{0};
    if (number == 0 && behaviour != nullptr) {
        number = last.fetch_add(1, std::memory_order_relaxed) + 1;
    }
    return number;
}

void frame::set_name(std::string_view text) noexcept {
    const std::size_t length = std::min(text.size(), name_text.size() - 1);
    std::memcpy(name_text.data(), text.data(), length);
    name_text[length] = '\0';
    named = true;
}

coroutine_status frame::status() const noexcept {
    if (phase == frame_phase::fresh) {
        return coroutine_status::start;
    }
    if (phase == frame_phase::done) {
        return coroutine_status::done;
    }
    const bool waits = innermost != nullptr || arch::holds_stack(context, where().memory);
    return waits ? coroutine_status::suspended : coroutine_status::active;
}

namespace {

PIRN_NOINLINE void destroy_slowly(frame& what) noexcept {
    const bool has_run = what.phase != frame_phase::fresh;
    if (PIRN_UNLIKELY(what.phase == frame_phase::started)) {
        PIRN_REQUIRE(
            what.status() != coroutine_status::active,
            "a coroutine was destroyed while it is active: it stands on the stack that would go",
            {"name", what.name()});
        unwind(what);
    }
    if (what.where().guard_size == 0 && PIRN_UNLIKELY(!canary_alive(what.where()))) {
        check_canary(what);
    }
    if (has_run) {
        arch::annotate_destroy(what.note);
    }
    if (what.ground->mark != watermark::none) {
        finish_measuring(what);
    }
    footing* const ground = what.ground;
    what.behaviour->destroy(what);
    unplace(ground);
}

} // namespace

// Most coroutines have returned when they are destroyed, with nothing left whose destructor does anything.
void destroy_frame(frame& what) noexcept {
    footing* const ground = what.ground;
    if (PIRN_UNLIKELY(what.phase != frame_phase::done ||
                      what.parts != what.behaviour->nothing_left)) {
        return destroy_slowly(what);
    }
    if (PIRN_UNLIKELY(what.failure || ground->mark != watermark::none)) {
        return destroy_slowly(what);
    }
    if (PIRN_UNLIKELY((ground->where.guard_size == 0 && !canary_alive(ground->where)) ||
                      !live_is_counted_here())) {
        return destroy_slowly(what);
    }
    arch::annotate_destroy(what.note);
    if (PIRN_UNLIKELY(!keep(ground))) {
        return unplace(ground);
    }
    count_live(live_kind::coroutines, -1);
}

frame& no_frame() noexcept {
    // Shared by all threads and never written: `parent` sends every use to the slow path.
    // Never destroyed: a static coroutine that was moved from still points to it at the very end.
    static frame* const none = new frame;
    return *none;
}

} // namespace detail
} // namespace pirn
