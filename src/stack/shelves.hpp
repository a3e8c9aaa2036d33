// SPDX-License-Identifier: MIT
//
// Stacks for whoever creates and destroys coroutines: from the shelf of a source and back there in a few
// instructions, and by the source itself when the shelf cannot serve. The straight way is inline, and calls nothing,
// so that who uses it need not save its registers either.
//
// Shared state:
//   default_source   written once, by default_stack_source (release), read here (acquire)
//   pool_here        the thread's own
#pragma once

#include <pirn/stack/stack.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

namespace pirn::detail {

// default_source: null until somebody has asked for it. A plain pointer, because the guard of a static would be
// looked at twice in the life of each coroutine.
extern constinit std::atomic<stack_source*> default_source;

// pool_here: the thread's part of it, for who knows that it is there; null before its first use and after its end.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local stack_source* pool_here;

struct shelf_access {
    static shelf& of(stack_source& source) noexcept { return source.shelf_; }
};

// colour_of: stacks of whole pages have their hottest words at the same offset of each page, and caches choose the
// set by that offset: a million coroutines would share a few sets and leave the others empty. So the tops are spread
// over eight offsets, two lines apart. By a hash of the page, so that any distance between stacks will do (the
// multiplier is 2 to the 32 by the golden ratio: Knuth, TAOCP 3, section 6.4). In bytes. Never suspends.
inline std::uint16_t colour_of(const stack& where) noexcept {
    constexpr std::uint16_t step = 128;
    constexpr std::size_t least_coloured = 4096; // smaller ones lie at several offsets anyway
    const auto high = reinterpret_cast<std::uintptr_t>(where.memory.data()) + where.memory.size();
    const auto page = static_cast<std::uint32_t>((high - 1) >> 12);
    const std::uint32_t colour = (page * 0x9E3779B1u) >> 29; // the three highest bits
    return where.memory.size() < least_coloured ? std::uint16_t{0}
                                                : static_cast<std::uint16_t>(colour * step);
}

// lay_footing: puts the description of a stack in its place. Never suspends.
inline footing* lay_footing(const stack& where, stack_source* source) noexcept {
    footing* const laid = new (where.memory.data() + where.memory.size() - sizeof(footing))
        footing{where, source, {}};
    laid->colour = colour_of(where);
    return laid;
}

// take_kept: a stack from the shelf of a source, or of the default one if that is null, as it was left there; null
// when there is none that will do. Never suspends.
inline footing* take_kept(stack_source* source, std::size_t size) noexcept {
    // acquire: pairs with the release in default_stack_source.
    stack_source* const standard = default_source.load(std::memory_order_acquire);
    stack_source* keeper = source;
    if (source == nullptr || source == standard) {
        source = standard;
        keeper = pool_here;
        if (PIRN_UNLIKELY(keeper == nullptr)) {
            return nullptr;
        }
    }
    shelf& on = shelf_access::of(*keeper);
    if (PIRN_UNLIKELY(on.first == nullptr || size > on.size || !on.open)) {
        return nullptr;
    }
    footing* const taken = on.take();
    if (PIRN_UNLIKELY(taken->source != source)) {
        taken->source = source;
    }
    return taken;
}

// take_new: the same by way of the source, and with a description at its high end. Throws std::bad_alloc; null
// when what the source gives has no room even for that, and for valgrind's number. Never suspends.
footing* take_new(stack_source* source, std::size_t size);

// keep: the way back onto the shelf. False when that is not possible, or when the source wants to have a look.
// Never suspends.
inline bool keep(footing* ground) noexcept {
    if (PIRN_UNLIKELY(!ground->has_shelf)) {
        return false;
    }
    stack_source* keeper = ground->source;
    if (keeper == default_source.load(std::memory_order_acquire)) {
        keeper = pool_here;
        if (PIRN_UNLIKELY(keeper == nullptr)) {
            return false; // the thread is about to end, or has had no coroutine of its own
        }
    }
    shelf& on = shelf_access::of(*keeper);
    // The last one before the source wants to look goes through it.
    if (PIRN_UNLIKELY(on.returned + 1 == on.look_at || on.kept() == on.keep)) {
        return false;
    }
    on.put(ground);
    return true;
}

// put_away: the way back by way of the source, if there is one. Never suspends.
void put_away(footing* ground) noexcept;

} // namespace pirn::detail
