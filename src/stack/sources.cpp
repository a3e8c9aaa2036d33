// SPDX-License-Identifier: MIT
//
// The stack sources. Free stacks are chained through their own memory, at the high end: that page was
// touched by the coroutine that ran there, so the chain costs no page of its own.
#include <pirn/stack/sources.hpp>

#include <pirn/base/assert.hpp>

#include "os/memory.hpp"

#include <algorithm>
#include <new>
#include <utility>

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
    : fresh_{memory}, slot_size_{slot_size} {
    PIRN_REQUIRE(slot_size >= 16 && slot_size % 16 == 0, "a stack slot is a multiple of 16 bytes",
                 {"slot_size", slot_size});
    PIRN_REQUIRE(reinterpret_cast<std::uintptr_t>(memory.data()) % 16 == 0,
                 "memory for stacks is aligned to 16 bytes", {"memory", memory.data()});
    available_ = memory.size() / slot_size; // not above: a slot of no size would be a division by 0
}

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

mapped_stack_source::mapped_stack_source(std::size_t guard_size) noexcept
    : guard_size_{os::round_to_pages(guard_size)} {}

stack mapped_stack_source::allocate(std::size_t size) {
    const std::size_t usable = os::round_to_pages(size);
    if (usable < size || usable + guard_size_ < usable) {
        throw std::bad_alloc{};
    }
    const std::span<std::byte> memory = os::reserve_memory(guard_size_ + usable);
    if (memory.empty()) {
        throw std::bad_alloc{};
    }
    if (guard_size_ != 0 && !os::guard_memory(memory.first(guard_size_))) {
        // An unguarded stack where a guarded one was promised would be worse than none.
        os::release_memory(memory);
        throw std::bad_alloc{};
    }
    return {memory.subspan(guard_size_), guard_size_};
}

void mapped_stack_source::deallocate(const stack& used) noexcept {
    os::release_memory(
        {used.memory.data() - used.guard_size, used.memory.size() + used.guard_size});
}

// ---- pooled

pooled_stack_source::pooled_stack_source(stack_source& below, std::size_t size,
                                         std::size_t keep) noexcept
    : below_{below}, keep_{keep} {
    shelf_.size = size;
    shelf_.room = keep;
}

pooled_stack_source::~pooled_stack_source() {
    while (shelf_.first != nullptr) {
        const stack kept = shelf_.first->where;
        shelf_.first = shelf_.first->next;
        below_.deallocate(kept);
    }
}

stack pooled_stack_source::allocate(std::size_t size) {
    if (shelf_.first == nullptr || size > shelf_.size) {
        // A smaller wish gets a whole stack, so that it can be kept afterwards.
        return below_.allocate(std::max(size, shelf_.size));
    }
    const stack taken = shelf_.first->where;
    shelf_.first = shelf_.first->next;
    ++shelf_.room;
    return taken;
}

void pooled_stack_source::deallocate(const stack& used) noexcept {
    if (shelf_.room == 0 || !shelf_.fits(used)) {
        below_.deallocate(used);
        return;
    }
    detail::footing* kept = detail::lay_footing(used, this);
    kept->next = std::exchange(shelf_.first, kept);
    --shelf_.room;
}

} // namespace pirn
