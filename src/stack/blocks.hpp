// SPDX-License-Identifier: MIT
//
// Stacks of all sizes for the whole process, below the pools of its threads. They are cut from blocks: reservations of
// many equal stacks, so that a million stacks are some hundred mappings for the kernel, which allows 65,530.
//
//   low                                                          high
//   ┌───────┬─────────┬───────┬─────────┬─ ─ ─ ─ ─ ─┬───────────────┐
//   │ guard │ stack 0 │ guard │ stack 1 │           │ never lent out │
//   └───────┴─────────┴───────┴─────────┴─ ─ ─ ─ ─ ─┴───────────────┘
//
// A stack's way:
//
//   never lent ──► lent ──► warm ──► cold ──► lent
//                   ▲         │
//                   └─────────┘
//
// Warm stacks have their pages, a few for each size; the pages of cold ones have gone back to the system. A block whose
// stacks are all cold goes back whole, except one that the next wave of demand may want.
//
// The lowest block that has room lends first, so that the others become empty.
//
// Shared state: all of a size, guarded by its mutex.
#pragma once

#include <pirn/stack/stack.hpp>

#include "stack/areas.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace pirn::detail {

// stack_block: one reservation. Not thread-safe.
class stack_block {
  public:
    // `usable` and `guard` in bytes, whole pages. Null when the system refuses the memory or any guard of the first stack.
    static std::unique_ptr<stack_block> make(std::size_t usable, std::size_t guard,
                                             std::size_t slots) noexcept;
    stack_block(const stack_block&) = delete;
    stack_block& operator=(const stack_block&) = delete;
    ~stack_block() = default; // the memory stays, unless it was released

    // lend: the lowest stack that is cold or was never lent; without memory when there is none, or when a guard is
    // refused. Never suspends.
    stack lend() noexcept;
    void take_back(const std::byte* low) noexcept;
    // release: the memory goes back to the system. False when it refuses: the block is as before. Never suspends.
    bool release() noexcept;

    const std::byte* low() const noexcept { return low_; }
    std::size_t slots() const noexcept { return slots_; }
    bool has_room() const noexcept { return lent_ < slots_ && !refused_; }
    bool unused() const noexcept { return lent_ == 0; }

  private:
    stack_block(std::byte* low, std::size_t usable, std::size_t guard, std::size_t slots,
                std::unique_ptr<std::uint32_t[]> cold) noexcept;
    bool guard_more() noexcept;

    std::byte* low_;
    const std::size_t usable_;
    const std::size_t guard_;
    const std::size_t stride_;
    const std::size_t slots_;
    std::size_t lent_ = 0;
    std::size_t guarded_ = 0; // slots below this have their guards
    std::size_t split_guards_ = 0;
    bool refused_ = false;                  // a guard was; until a stack comes back
    std::byte* fresh_;                      // from here on nothing was ever lent out
    std::unique_ptr<std::uint32_t[]> cold_; // slots that came back, last in, first out
    std::size_t cold_count_ = 0;
};

// stack_blocks: all blocks of one size. Thread-safe.
class stack_blocks {
  public:
    stack_blocks(std::size_t usable, std::size_t guard) noexcept : usable_{usable}, guard_{guard} {}

    // lend: throws std::bad_alloc. take_back: a stack that it has lent. trim: no warm stack and no unused block is kept.
    // Never suspends.
    stack lend();
    void take_back(const stack& used) noexcept;
    void trim() noexcept;

    default_stack_report report() const noexcept;

  private:
    static constexpr std::size_t warm_max = 64;

    stack_block& add_block();
    std::size_t block_of(const std::byte* address) const noexcept;
    void cool(std::span<const std::span<std::byte>> stacks) noexcept;
    void drop_unused(std::size_t keep) noexcept;

    const std::size_t usable_;
    const std::size_t guard_;
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<stack_block>> blocks_; // by address
    std::size_t room_from_ = 0;                        // no block before it has room
    std::size_t slots_ = 0;                            // of all blocks
    std::size_t lent_ = 0;                             // the warm ones not counted
    std::array<stack, warm_max> warm_;                 // the one that came back last, last
    std::size_t warm_count_ = 0;
};

// report_blocks, trim_blocks: of all sizes. Never suspends.
default_stack_report report_blocks() noexcept;
void trim_blocks() noexcept;

// shared_stack_source: blocks for each power of two. Guards of 64 KiB. Thread-safe, never destroyed.
class shared_stack_source final : public stack_source {
  public:
    stack allocate(std::size_t size) override;
    void deallocate(const stack& used) noexcept override;
    bool owns_pages() const noexcept override { return true; }
};

} // namespace pirn::detail
