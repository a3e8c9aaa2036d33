// SPDX-License-Identifier: MIT
//
// The table of areas: a hash table with linear probing, in memory of its own, since the heap is the program's. An
// entry that goes is closed up with those behind it (Knuth, TAOCP 3, section 6.4, algorithm R), so that there are no
// marks of the dead, and a table that has become much too large is replaced by a smaller one.
//
// Shared state: the table, guarded by `mutex`. A debugger that stops the process in the midst of a change may miss
// entries.
#include "stack/areas.hpp"

#include "os/memory.hpp"

#include <array>
#include <cstdint>
#include <mutex>

namespace {

using pirn::detail::stack_area;

constexpr std::size_t first_capacity = 128;
constinit std::array<stack_area, first_capacity> first_entries{};
constinit std::mutex mutex;

} // namespace

extern "C" {
constinit pirn_stack_area_table pirn_stack_areas{1, first_entries.data(), first_capacity, 0, 0};
}

namespace pirn::detail {
namespace {

constexpr pirn_stack_area_table& table = pirn_stack_areas;

std::size_t place_of(const std::byte* low) noexcept {
    const auto cache_line = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(low) / 64);
    return static_cast<std::size_t>((cache_line * 0x9E3779B97F4A7C15U) >> 32) &
           (table.capacity - 1);
}

std::size_t next_place(std::size_t at) noexcept { return (at + 1) & (table.capacity - 1); }

// Where this area is, or where it would go.
std::size_t find(const std::byte* low) noexcept {
    std::size_t at = place_of(low);
    while (table.entries[at].low != nullptr && table.entries[at].low != low) {
        at = next_place(at);
    }
    return at;
}

std::span<std::byte> memory_of(stack_area* entries, std::size_t capacity) noexcept {
    return {reinterpret_cast<std::byte*>(entries),
            os::round_to_pages(capacity * sizeof(stack_area))};
}

// Leaves everything as it is when there is no memory.
void move_to_table_of(std::size_t capacity) noexcept {
    stack_area* entries = first_entries.data();
    if (capacity == first_capacity) {
        first_entries.fill({});
    } else {
        const std::span<std::byte> memory =
            os::reserve_memory(os::round_to_pages(capacity * sizeof(stack_area)));
        if (memory.empty()) {
            return;
        }
        // By way of void*, which says nothing of alignment: pages have any. Zero: all vacant.
        entries = static_cast<stack_area*>(static_cast<void*>(memory.data()));
    }
    stack_area* const old = table.entries;
    const std::size_t old_capacity = table.capacity;
    table.entries = entries;
    table.capacity = capacity;
    for (std::size_t i = 0; i < old_capacity; ++i) {
        if (old[i].low != nullptr) {
            entries[find(old[i].low)] = old[i];
        }
    }
    if (old_capacity != first_capacity) {
        os::drop_memory(memory_of(old, old_capacity));
    }
}

} // namespace

void list_area(const stack_area& which) noexcept {
    const std::lock_guard lock{mutex};
    if (2 * table.count >= table.capacity) {
        move_to_table_of(2 * table.capacity);
    }
    if (table.count + 1 == table.capacity) { // one stays vacant, where a search ends
        ++table.unlisted;
        return;
    }
    const std::size_t at = find(which.low);
    table.count += table.entries[at].low == nullptr ? 1 : 0;
    table.entries[at] = which;
}

void unlist_area(const std::byte* low) noexcept {
    const std::lock_guard lock{mutex};
    std::size_t hole = find(low);
    if (low == nullptr || table.entries[hole].low == nullptr) {
        return; // it was not listed
    }
    // Whoever stands further on because the hole was taken moves into it.
    for (std::size_t at = next_place(hole); table.entries[at].low != nullptr; at = next_place(at)) {
        const std::size_t wanted = place_of(table.entries[at].low);
        const std::size_t mask = table.capacity - 1;
        if (((at - wanted) & mask) >= ((at - hole) & mask)) {
            table.entries[hole] = table.entries[at];
            hole = at;
        }
    }
    table.entries[hole] = {};
    --table.count;
    if (table.capacity > first_capacity && 8 * table.count < table.capacity) {
        move_to_table_of(table.capacity / 2);
    }
}

} // namespace pirn::detail
