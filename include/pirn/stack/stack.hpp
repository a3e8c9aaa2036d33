// SPDX-License-Identifier: MIT
//
// Memory to stand on: what a stack is, and who may provide one. The sources that pirn brings along are
// in sources.hpp; a program may write its own.
#pragma once

#include <pirn/base/export.hpp>

#include <cstddef>
#include <span>

namespace pirn {

// stack: a piece of memory for one coroutine. Plain values; who allocated it gives it back.
//
//   low                                                                     high
//   ┌───────────┬───────────────────────────────────────────────────────────────┐
//   │ guard     │ memory: the coroutine's stack grows down from the high end    │
//   └───────────┴───────────────────────────────────────────────────────────────┘
struct stack {
    std::span<std::byte> memory; // usable; both ends aligned to 16 bytes
    std::size_t guard_size = 0;  // inaccessible bytes directly below, 0 when there are none
};

// The address space a stack takes unless somebody asks for another size, in bytes. Only the pages that
// are touched take memory.
inline constexpr std::size_t default_stack_size = std::size_t{256} * 1024;

// stack_source: where coroutines get their stacks.
class PIRN_EXPORT stack_source {
  public:
    stack_source() = default;
    stack_source(const stack_source&) = delete;
    stack_source& operator=(const stack_source&) = delete;
    virtual ~stack_source();

    // allocate: a stack with at least `size` usable bytes. Throws std::bad_alloc when there is none to
    // be had; the source is then as before. Never suspends.
    virtual stack allocate(std::size_t size) = 0;

    // deallocate: takes back what allocate gave. Never suspends.
    virtual void deallocate(const stack& used) noexcept = 0;

    // owns_pages: whether the stacks are private pages which the source has mapped itself. Whole pages of
    // a stack that hold nothing may then be given back to the system: wiping, reclaim, and measuring by the
    // page do so. A source that does not say it keeps its pages. Never suspends.
    virtual bool owns_pages() const noexcept { return false; }
};

// default_stack_source: guarded stacks, kept for reuse by each thread. Thread-safe: a stack may be
// given back on another thread, whose cache it then joins. Never suspends.
PIRN_EXPORT stack_source& default_stack_source() noexcept;

} // namespace pirn
