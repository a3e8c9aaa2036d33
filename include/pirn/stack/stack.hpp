// SPDX-License-Identifier: MIT
//
// Memory to stand on: what a stack is, and who may provide one. The sources that pirn brings along are
// in sources.hpp; a program may write its own.
#pragma once

#include <pirn/base/config.hpp>
#include <pirn/base/export.hpp>

#include <cstddef>
#include <cstdint>
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

class stack_source;

namespace detail {

struct shelf_access; // src/stack/shelves.hpp

// watermark: how the use of a coroutine's stack is measured, if it was created to be measured.
enum class watermark : std::uint8_t { none, page, byte };

// footing: a stack's description, at the high end of the stack itself for as long as the stack is used or
// kept for reuse: whoever takes it again finds it there, and nothing is copied. Not API.
struct footing {
    stack where;
    stack_source* source; // who takes the stack back; null when the memory is the caller's
    union {
        footing* next = nullptr; // on a shelf
        const void* tenant;      // in use: the coroutine's body; only a debugger looks
    };
    watermark mark = watermark::none; // none again before another tenant comes
    bool has_shelf = false;           // the source's is open to others, and for stacks of this size
    std::uint16_t colour = 0;         // bytes that are left free below this: see colour_of
    std::uint32_t most_used = 0;      // in 16 bytes, before pages of the stack were given back
};

// shelf: free stacks of about one size, last in, first out. Looked into without a virtual call, because a
// coroutine's whole life is short enough for one to be seen; and with as few stores as will do, of which the
// processor retires one in a cycle: so there is no count of what is kept. Not API.
struct shelf {
    footing* first = nullptr;
    std::size_t size = 0;     // bytes; a stack may have up to twice as many
    std::size_t taken = 0;    // from here, ever; this and the next may overflow
    std::size_t returned = 0; // to here, ever
    std::size_t keep = 0;     // at most so many
    std::size_t unwanted = 0; // the fewest that were kept since the source has looked last
    std::size_t look_at = 0;  // when so many have been returned, the source looks again
    bool open = false;        // to others than the source itself

    std::size_t kept() const noexcept { return returned - taken; }
    bool fits(const stack& what) const noexcept { return what.memory.size() - size <= size; }
    bool is_for(const stack& what) const noexcept { return open && fits(what); }

    // Neither asks whether there is one, or room.
    footing* take() noexcept {
        footing* const top = first;
        first = top->next;
        ++taken;
        if (PIRN_UNLIKELY(kept() < unwanted)) {
            unwanted = kept();
        }
        return top;
    }
    void put(footing* back) noexcept {
        back->next = first;
        first = back;
        ++returned;
    }
};

} // namespace detail

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

  protected:
    friend detail::shelf_access;

    // Stacks on the shelf belong to this source, and may be taken and put back past the two functions
    // above, by whoever creates and destroys coroutines. Closed unless a source opens it.
    detail::shelf shelf_;
};

// default_stack_source: guarded stacks, kept for reuse by each thread. Thread-safe: a stack may be
// given back on another thread, whose cache it then joins. Never suspends.
PIRN_EXPORT stack_source& default_stack_source() noexcept;

// default_stack_report: what the default source has, for all threads, and whether anything is left after a peak.
struct default_stack_report {
    std::size_t lent = 0; // stacks of coroutines, and those that the pools of threads keep
    std::size_t warm =
        0; // stacks below the pools that have kept their pages, at most 64 of each size
    std::size_t blocks = 0; // mappings from which stacks are cut
    std::size_t bytes = 0;  // of address space in them
};

// report_default_stacks: stacks larger than 64 MiB have mappings of their own and are not counted. Thread-safe. Never
// suspends.
PIRN_EXPORT default_stack_report report_default_stacks() noexcept;

// trim_default_stacks: gives back to the system what the pool of this thread keeps, and what no thread uses. For after
// a peak; pools of other threads stay as they are, up to 1,024 stacks each. Thread-safe. Never suspends.
PIRN_EXPORT void trim_default_stacks() noexcept;

} // namespace pirn
