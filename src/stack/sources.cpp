// SPDX-License-Identifier: MIT
//
// The stack sources. Free stacks are chained through their own memory, at the high end: that page was
// touched by the coroutine that ran there, so the chain costs no page of its own.
#include <pirn/stack/sources.hpp>

#include <pirn/base/assert.hpp>

#include "base/valgrind.hpp"
#include "os/memory.hpp"
#include "stack/areas.hpp"
#include "stack/shelves.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <tuple>

namespace pirn {
namespace {

// Where in a free stack its link stands.
template <class Link>
std::byte* link_place(std::span<std::byte> memory) noexcept {
    return memory.data() + memory.size() - sizeof(Link);
}

} // namespace

// ---- fixed

struct fixed_stack_source::slot {
    slot* next;
};

fixed_stack_source::fixed_stack_source(std::span<std::byte> memory, std::size_t slot_size)
    : fresh_{memory}, low_{memory.data()}, slot_size_{slot_size} {
    PIRN_REQUIRE(slot_size >= 16 && slot_size % 16 == 0, "a stack slot is a multiple of 16 bytes",
                 {"slot_size", slot_size});
    PIRN_REQUIRE(reinterpret_cast<std::uintptr_t>(memory.data()) % 16 == 0,
                 "memory for stacks is aligned to 16 bytes", {"memory", memory.data()});
    available_ = memory.size() / slot_size; // not above: a slot of no size would be a division by 0
    if (available_ != 0) {
        detail::list_area({low_, available_ * slot_size, slot_size, 0, nullptr});
    }
}

fixed_stack_source::~fixed_stack_source() { detail::unlist_area(low_); }

stack fixed_stack_source::allocate(std::size_t size) {
    if (size > slot_size_ || available_ == 0) {
        throw std::bad_alloc{};
    }
    --available_;
    if (returned_ != nullptr) {
        slot* link = returned_;
        returned_ = link->next;
        std::byte* end = reinterpret_cast<std::byte*>(link) + sizeof(slot);
        return {{end - slot_size_, slot_size_}, 0};
    }
    const stack taken{fresh_.first(slot_size_), 0};
    fresh_ = fresh_.subspan(slot_size_);
    return taken;
}

void fixed_stack_source::deallocate(const stack& used) noexcept {
    returned_ = new (link_place<slot>(used.memory)) slot{returned_};
    ++available_;
}

// ---- mapped

namespace {

// Stacks that the kernel did not take back (see os::release_memory), chained in their own memory. Lent out again to
// callers that want the same size; and given back when the next one is, as it may go by then.
//
// Shared state: the chain, guarded by `mutex`; `any` is read without it.
struct refused_stacks {
    struct link {
        link* next;
        stack where;
    };
    std::mutex mutex;
    link* first = nullptr;
    std::atomic<bool> any{false};

    void add(const stack& what) noexcept {
        const std::lock_guard lock{mutex};
        first = new (link_place<link>(what.memory)) link{first, what};
        any.store(true, std::memory_order_relaxed);
    }
    // take: one of these sizes; without memory when there is none.
    stack take(std::size_t size, std::size_t guard) noexcept {
        if (!any.load(std::memory_order_relaxed)) {
            return {};
        }
        const std::lock_guard lock{mutex};
        for (link** at = &first; *at != nullptr; at = &(*at)->next) {
            if (const stack found = (*at)->where;
                size == 0 || (found.memory.size() == size && found.guard_size == guard)) {
                *at = (*at)->next;
                any.store(first != nullptr, std::memory_order_relaxed);
                return found;
            }
        }
        return {};
    }
};

refused_stacks& refused() noexcept {
    // Never destroyed: coroutines may be destroyed by static destructors.
    static auto* const instance = new refused_stacks;
    return *instance;
}

std::span<std::byte> with_guard(const stack& which) noexcept {
    return {which.memory.data() - which.guard_size, which.memory.size() + which.guard_size};
}

void list_mapped(const stack& which) noexcept {
    const std::span<std::byte> all = with_guard(which);
    detail::list_area({all.data(), all.size(), all.size(), which.guard_size, nullptr});
}

} // namespace

mapped_stack_source::mapped_stack_source(std::size_t guard_size) noexcept
    : guard_size_{os::round_to_pages(guard_size)} {}

stack mapped_stack_source::allocate(std::size_t size) {
    const std::size_t usable = os::round_to_pages(size);
    if (usable < size || usable + guard_size_ < usable) {
        throw std::bad_alloc{};
    }
    if (const stack again = refused().take(usable, guard_size_); !again.memory.empty()) {
        list_mapped(again);
        return again;
    }
    const std::span<std::byte> memory = os::reserve_memory(guard_size_ + usable);
    if (memory.empty()) {
        throw std::bad_alloc{};
    }
    if (guard_size_ != 0 && !os::guard_memory(memory.first(guard_size_))) {
        // An unguarded stack where a guarded one was promised would be worse than none.
        std::ignore = os::release_memory(memory); // the newest mapping splits none
        throw std::bad_alloc{};
    }
    const stack made{memory.subspan(guard_size_), guard_size_};
    list_mapped(made);
    return made;
}

void mapped_stack_source::deallocate(const stack& used) noexcept {
    const std::span<std::byte> all = with_guard(used);
    detail::unlist_area(all.data());
    if (!os::release_memory(all)) {
        refused().add(used);
    } else if (const stack earlier = refused().take(0, 0);
               !earlier.memory.empty() && !os::release_memory(with_guard(earlier))) {
        refused().add(earlier);
    }
}

// ---- pooled

namespace {
// A stack that is given back and wanted again costs as much as some hundred that are kept, and the demand of a tree of
// tasks goes up and down at every scale: the looks are so rare that they do not show.
constexpr std::size_t look_min = 16384;
constexpr std::size_t look_for_each_kept = 8; // longer than a wave of demand that uses all of them
constexpr std::size_t share = 8;
} // namespace

pooled_stack_source::pooled_stack_source(stack_source& below, const pool_options& options) noexcept
    : below_{below}, wipe_{options.wipe} {
    shelf_.size = options.size;
    shelf_.keep = options.keep;
    shelf_.look_at = look_min;
    // A stack from an open shelf is neither wiped nor registered with valgrind.
    shelf_.open = !wipe_ && !detail::under_valgrind();
}

pooled_stack_source::~pooled_stack_source() { give_below(shelf_.kept()); }

stack pooled_stack_source::allocate(std::size_t size) {
    if (shelf_.first == nullptr || size > shelf_.size) {
        // A smaller wish gets a whole stack, so that it can be kept afterwards.
        return below_.allocate(std::max(size, shelf_.size));
    }
    detail::footing* const taken = shelf_.take();
    const stack where = taken->where;
    if (wipe_) {
        std::memset(static_cast<void*>(taken), 0, sizeof *taken);
    }
    return where;
}

void pooled_stack_source::deallocate(const stack& used) noexcept {
    if (wipe_) {
        below_.owns_pages() ? os::wipe_memory(used.memory) : os::zero_memory(used.memory);
    }
    if (shelf_.kept() == shelf_.keep || !shelf_.fits(used)) {
        below_.deallocate(used);
        return;
    }
    detail::footing* const back = detail::lay_footing(used, this);
    back->has_shelf = shelf_.open;
    shelf_.put(back);
    if (shelf_.returned == shelf_.look_at) {
        follow_demand();
    }
}

void pooled_stack_source::give_below(std::size_t count) noexcept {
    for (; count > 0; --count) {
        detail::footing* const taken = shelf_.take();
        const stack where = taken->where;
        if (wipe_) {
            std::memset(static_cast<void*>(taken), 0, sizeof *taken);
        }
        below_.deallocate(where);
    }
}

void pooled_stack_source::follow_demand() noexcept {
    give_below((shelf_.unwanted + share - 1) / share);
    shelf_.unwanted = shelf_.kept();
    shelf_.look_at = shelf_.returned + std::max(look_min, look_for_each_kept * shelf_.kept());
}

} // namespace pirn
