// SPDX-License-Identifier: MIT
//
// Creating and destroying control blocks, and the thread's state. The life in between is entry.cpp.
#include <pirn/coro/frame.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/coro/switch.hpp>

#include "base/live_part.hpp"
#include "base/valgrind.hpp"
#include "coro/entry.hpp"
#include "coro/measure.hpp"
#include "stack/measure.hpp"
#include "stack/overflow.hpp"

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

// The body is placed on a cache line of its own, and the stack below it begins on one.
constexpr std::size_t cache_line = 64;

// Stacks of whole pages have their hottest words at the same offset of each page, and caches choose the set
// by that offset: a million coroutines would share a few sets and leave the others empty. So the tops are
// spread over eight offsets, two lines apart. By a hash of the page, so that any distance between stacks
// will do (the multiplier is 2 to the 32 by the golden ratio: Knuth, TAOCP 3, section 6.4).
constexpr std::uintptr_t colours = 8;
constexpr std::uintptr_t colour_step = 128;
constexpr std::uintptr_t least_coloured =
    4096; // bytes of a stack; smaller ones lie at several offsets

constexpr std::uintptr_t colour_of(std::uintptr_t low, std::uintptr_t high) noexcept {
    const auto page = static_cast<std::uint32_t>(high >> 12);
    const std::uintptr_t colour = (page * 0x9E3779B1u) >> 29;
    static_assert(colours == 8, "the three highest bits of the hash");
    return high - low < least_coloured - 64 ? 0 : colour * colour_step;
}

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

[[noreturn]] PIRN_COLD void refuse(footing* ground, const coroutine_options& options,
                                   std::size_t size) {
    const std::size_t stack_bytes =
        ground != nullptr ? ground->where.memory.size() : options.stack_size;
    if (ground != nullptr) {
        unplace(ground);
    }
    fail("the stack is too small for the coroutine's control block, callable and arguments",
         "body >= low + least_stack", options.where,
         {{"stack_bytes", stack_bytes}, {"body_bytes", size}});
}

// Where the body may end: at the footing, or where valgrind's number of the stack stands in a build for it.
std::byte* top_of(footing* ground) noexcept {
    return reinterpret_cast<std::byte*>(ground) - stack_number_size;
}

std::uintptr_t body_below(std::uintptr_t top, std::size_t size, std::size_t align) noexcept {
    return size < top ? (top - size) & ~(align - 1) : 0;
}

} // namespace

placement place_body(const coroutine_options& options, std::size_t size, std::size_t alignment) {
    footing* const ground = PIRN_UNLIKELY(!options.memory.empty())
                                ? lay_footing(stack_in(options), nullptr)
                                : take_stack(options.stacks, options.stack_size);
    if (PIRN_UNLIKELY(ground == nullptr)) {
        refuse(ground, options, size);
    }
    count_live(live_kind::coroutines, +1);
    std::byte* const low = ground->where.memory.data();
    const auto floor = reinterpret_cast<std::uintptr_t>(low);
    stack_begins(low, top_of(ground));
    const auto high = reinterpret_cast<std::uintptr_t>(top_of(ground));
    const std::size_t align = std::max(alignment, cache_line); // both are powers of two
    std::uintptr_t body = body_below(high - colour_of(floor, high), size, align);
    if (PIRN_UNLIKELY(body < floor + least_stack)) {
        // Whether a body fits must not depend on where its stack lies: without the colour, then.
        body = body_below(high, size, align);
        if (body < floor + least_stack) {
            refuse(ground, options, size);
        }
    }
    if (PIRN_UNLIKELY(ground->where.guard_size == 0)) {
        arm_canary(ground->where);
    }
    if (PIRN_UNLIKELY(options.measure || stacks_are_measured() != measuring::off)) {
        begin_measuring(*ground, low + (body - floor), options.measure);
    }
    ground->tenant = low + (body - floor);
    return {low + (body - floor), ground};
}

void unplace(footing* ground) noexcept {
    count_live(live_kind::coroutines, -1);
    stack_ends(ground->where.memory.data(), top_of(ground));
    put_back(ground);
}

// Under the frame that stands for "no coroutine". Never written.
static constinit footing no_ground{{}, nullptr, {}};

frame::frame() noexcept
    : context{}, parent{special}, phase{frame_phase::done}, exceptions{}, note{},
      behaviour{nullptr}, ground{&no_ground}, storage{nullptr}, name_text{} {}

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

void destroy_frame(frame& what) noexcept {
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
    arch::annotate_destroy(what.note);
    if (PIRN_UNLIKELY(what.ground->mark != watermark::none)) {
        finish_measuring(what);
    }
    footing* const ground = what.ground;
    what.behaviour->destroy(what);
    unplace(ground);
}

frame& no_frame() noexcept {
    // Shared by all threads and never written: `parent` sends every use to the slow path.
    // Never destroyed: a static coroutine that was moved from still points to it at the very end.
    static frame* const none = new frame;
    return *none;
}

} // namespace detail
} // namespace pirn
