// SPDX-License-Identifier: MIT
//
// The stack sources. What each costs, on Linux with 4 KiB pages:
//
//   fixed     the caller's memory in equal slots; no guard, no system call, nothing per stack
//   mapped    a mapping of its own: two or three system calls and a page fault, about 2 to 5 µs; the
//             guard is address space only
//   pooled    another source's stacks, reused: a few nanoseconds once warm, and the touched pages stay
//
// Overflowing a guarded stack is reported by name (overflow.cpp); overflowing an unguarded one is found
// by a canary, which is after the damage.
#pragma once

#include <pirn/stack/stack.hpp>

#include <cstddef>
#include <span>

namespace pirn {

// fixed_stack_source: cuts a span into slots of one size and lends them out. The memory is the
// caller's and outlives the source. Not thread-safe.
class PIRN_EXPORT fixed_stack_source final : public stack_source {
  public:
    // `slot_size` in bytes, a multiple of 16. What is left over at the end of `memory` is not used.
    fixed_stack_source(std::span<std::byte> memory, std::size_t slot_size);
    ~fixed_stack_source() override;

    // Throws std::bad_alloc when all slots are lent out or `size` is larger than one.
    stack allocate(std::size_t size) override;
    void deallocate(const stack& used) noexcept override;

    std::size_t available() const noexcept { return available_; }

  private:
    struct slot;
    std::span<std::byte> fresh_; // slots never lent out: not even touched
    std::byte* const low_;
    std::size_t slot_size_;
    std::size_t available_ = 0;
    slot* returned_ = nullptr;
};

// mapped_stack_source: a mapping with a guard for each stack. Thread-safe; it has no state but its
// options, and an entry in a table of the process where a debugger finds the stack.
class PIRN_EXPORT mapped_stack_source final : public stack_source {
  public:
    // `guard_size` in bytes, rounded up to pages; 0 for none. A function whose frame is larger than the
    // guard can step over it, unless it was compiled with -fstack-clash-protection: hence 64 KiB.
    explicit mapped_stack_source(std::size_t guard_size = std::size_t{64} * 1024) noexcept;

    stack allocate(std::size_t size) override;
    void deallocate(const stack& used) noexcept override;
    bool owns_pages() const noexcept override { return true; }

  private:
    std::size_t guard_size_;
};

struct pool_options {
    // Stacks of so many bytes are kept, and at most so many of them.
    std::size_t size = default_stack_size;
    std::size_t keep = 1024;

    // A stack that came back is zeroed before anybody else gets it, whichever way it goes.
    bool wipe = false;
};

// pooled_stack_source: keeps returned stacks of one size for the next caller, last in, first out, since
// the last one is still warm in the cache. Other sizes go straight to the source below.
//
// What is kept follows the demand: of the stacks that nobody has wanted for a while, counted in stacks that
// came back (eight for each one kept, 16,384 at least), an eighth goes to the source below. A pool that is not
// used at all stays as it is, until it is trimmed.
// Not thread-safe.
class PIRN_EXPORT pooled_stack_source final : public stack_source {
  public:
    // Keeps at most `keep` stacks of `size` bytes. `below` outlives the pool.
    explicit pooled_stack_source(stack_source& below, std::size_t size = default_stack_size,
                                 std::size_t keep = 1024) noexcept
        : pooled_stack_source{below, pool_options{.size = size, .keep = keep}} {}
    pooled_stack_source(stack_source& below, const pool_options& options) noexcept;
    ~pooled_stack_source() override;

    stack allocate(std::size_t size) override;
    void deallocate(const stack& used) noexcept override;

    bool owns_pages() const noexcept override { return below_.owns_pages(); }

    // trim: gives all that is kept to the source below. For after a peak. Never suspends.
    void trim() noexcept { give_below(shelf_.kept()); }

    // kept: stacks waiting for reuse.
    std::size_t kept() const noexcept { return shelf_.kept(); }

  private:
    void give_below(std::size_t count) noexcept;
    void follow_demand() noexcept;

    stack_source& below_;
    bool wipe_;
};

} // namespace pirn
