// SPDX-License-Identifier: MIT
//
// Where in memory stacks are, for a debugger: a table that tools/gdb/pirn.py reads, of a running process or out of a
// core file. Nothing in the library looks anything up in it.
//
// A source writes down the areas that it has mapped, or was given, when it maps them, and never when a coroutine
// comes or goes: who stands on a stack of an area is told by the footing at the stack's high end.
#pragma once

#include <pirn/base/export.hpp>

#include <cstddef>

namespace pirn::detail {

// stack_area: stacks at equal distances.
//
//   low       guard        stride     stride + guard
//   ┌─────────┬────────────┬──────────┬────────────┬─ ─
//   │ guard   │ stack 0    │ guard    │ stack 1    │
//   └─────────┴────────────┴──────────┴────────────┴─ ─
struct stack_area {
    std::byte* low;
    std::size_t size;
    std::size_t stride;
    std::size_t guard;
    std::byte* const*
        fresh; // what it points to, if within: from there on nothing was ever lent out
};

// list_area, unlist_area: an area is known by its low end. Where there is no memory for a larger table the area
// is not listed, which hurts nobody but the debugger. Thread-safe. Never suspends.
void list_area(const stack_area& which) noexcept;
void unlist_area(const std::byte* low) noexcept;

} // namespace pirn::detail

extern "C" {

// The table, in words, so that it can be read without debug information. Open addressing: an entry without `low` is
// vacant.
struct pirn_stack_area_table {
    std::size_t version; // of this layout: 1
    pirn::detail::stack_area* entries;
    std::size_t capacity; // a power of two
    std::size_t count;
    std::size_t unlisted; // areas that came while there was no room
};
PIRN_EXPORT extern pirn_stack_area_table pirn_stack_areas;
}
