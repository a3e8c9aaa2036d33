// SPDX-License-Identifier: MIT
//
// Stacks by the million: one reservation of address space, cut into slots.
//
//   low                                                                                     high
//   ┌───────┬──────────────┬───────┬──────────────┬───────┬──────────────┬─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─┐
//   │ guard │ stack 0      │ guard │ stack 1      │ guard │ stack 2      │   not touched yet      │
//   └───────┴──────────────┴───────┴──────────────┴───────┴──────────────┴─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─┘
//
// What a stack costs in memory is the pages that it touched and 8 bytes; a guard costs address space only.
// Guards are marks in the page tables (Linux 6.13), so that a million guarded stacks are one mapping for
// the kernel, where ordinary guards end at 32,000. docs/stacks.md compares the sources, and
// docs/decisions/0004-guards-without-mappings.md says why it is done this way.
//
// On an older kernel the guards split the mapping, until three quarters of the process's mappings are
// used up; what comes after that has no guard (stack::guard_size is 0) but the canary that finds an
// overflow after the fact, and one line on stderr says so.
#pragma once

#include <pirn/stack/stack.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace pirn {

struct slab_options {
    // Usable bytes of each stack, at least 1,024. Rounded up: to pages with a guard, else to 64 bytes, so that
    // four stacks of 1 KiB share a page. A coroutine's stack_size must not ask for more.
    std::size_t stack_size = default_stack_size;

    // How many stacks there can be at a time. The address space for all of them is reserved at the
    // beginning, as one mapping. 0: there is no limit; whenever all are lent out, a further mapping doubles
    // the slab, which makes 14 of them for a million.
    std::size_t max_stacks = 0;

    // Inaccessible bytes below each stack, rounded up to pages; 0: none. A function whose frame is larger can
    // step over the guard, unless it was compiled with -fstack-clash-protection.
    std::size_t guard_size = 4096;

    // A stack that came back is zeroed before it is lent out again.
    bool wipe = false;
};

// slab_stack_source: lends out equal stacks from one reservation, the one that came back last first.
// Thread-safe: a stack may come back on another thread than it was lent to. One uncontended lock each way is
// all that it costs; a pooled_stack_source in front avoids even that.
class PIRN_EXPORT slab_stack_source final : public stack_source {
  public:
    // Throws std::bad_alloc when the address space for max_stacks is not to be had.
    explicit slab_stack_source(const slab_options& options);
    // All stacks have come back.
    ~slab_stack_source() override;

    // allocate: throws std::bad_alloc when `size` is larger than the stacks, when all of them are lent out, or
    // when there is no address space for more. Everything is then as before.
    stack allocate(std::size_t size) override;
    void deallocate(const stack& used) noexcept override;
    bool owns_pages() const noexcept override { return true; }

    // trim: gives the memory of all stacks that are not lent out back to the system; they keep their
    // guards. For after a peak. It has no effect on stacks that share pages. Thread-safe. Never suspends.
    void trim() noexcept;

    // stack_size: usable bytes of each stack, as rounded. lent: how many are lent out.
    // Thread-safe. Never suspends.
    std::size_t stack_size() const noexcept { return usable_; }
    std::size_t lent() const noexcept;

  private:
    void add_reservation(std::size_t slots);
    void grow();
    void make_ready() noexcept;
    stack take_fresh() noexcept;

    const std::size_t usable_;
    const std::size_t guard_;
    const std::size_t stride_;
    const bool fixed_size_;
    const bool wipe_;

    // Below, all is guarded by mutex_.
    mutable std::mutex mutex_;
    std::vector<std::span<std::byte>> reservations_;
    std::size_t capacity_ = 0; // slots in all reservations
    std::size_t lent_ = 0;
    std::size_t split_guards_ = 0; // guards that cost mappings

    // Slots of the newest reservation that were never lent out: [fresh_, ready_) has guards already, as
    // far as guards are to be had; [ready_, end_) has not been touched by anybody.
    std::byte* fresh_ = nullptr;
    std::byte* ready_ = nullptr;
    std::byte* end_ = nullptr;
    std::byte* guarded_until_ = nullptr; // the fresh ones from here on have none

    // Stacks that came back: the addresses of their memory, the lowest bit set when there is no guard.
    // Beside the stacks and not inside, so that lending and taking back touch no page of theirs.
    std::unique_ptr<std::uintptr_t[]> returned_;
    std::size_t returned_count_ = 0;
};

} // namespace pirn
