// SPDX-License-Identifier: MIT
//
// The slab. A stack's way through it:
//
//              make_ready            allocate                 deallocate
//   untouched ────────────► ready ─────────────► lent out ────────────────► returned
//                                                   ▲                          │
//                                                   └──────────────────────────┘ allocate, last first
//
// Guards are made ahead of the demand, up to 512 with one system call. Growing happens only while nothing is
// ready or returned, so that the list of the returned can be replaced by a larger one without a copy.
#include <pirn/stack/slab.hpp>

#include <pirn/base/assert.hpp>

#include "os/memory.hpp"
#include "stack/areas.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <new>
#include <string_view>
#include <utility>

#include <unistd.h>

namespace pirn {
namespace {

constexpr std::size_t least_stack = 1024;
constexpr std::size_t cache_line = 64;
constexpr std::size_t ready_min = 16;
constexpr std::size_t ready_max = 512;   // what one system call guards
constexpr std::size_t first_slots = 128; // of a slab without a limit
constexpr std::uintptr_t unguarded = 1;

std::size_t rounded(std::size_t size, bool to_pages) {
    const std::size_t result =
        to_pages ? os::round_to_pages(size) : (size + cache_line - 1) / cache_line * cache_line;
    if (result < size) {
        throw std::bad_alloc{};
    }
    return result;
}

void say_once_that_guards_are_used_up() noexcept {
    static std::atomic_flag said;
    // relaxed: only the one exchange matters.
    if (!said.test_and_set(std::memory_order_relaxed)) {
        constexpr std::string_view message =
            "pirn: this kernel makes no guards without mappings (Linux 6.13 does), and three "
            "quarters of vm.max_map_count are used up: further stacks of a slab have no guard; an "
            "overflow is found by a canary, after the fact.\n";
        // Nothing can be done about a failure here.
        [[maybe_unused]] const auto wrote = ::write(STDERR_FILENO, message.data(), message.size());
    }
}

} // namespace

slab_stack_source::slab_stack_source(const slab_options& options)
    : usable_{rounded(std::max(options.stack_size, least_stack), options.guard_size != 0)},
      guard_{rounded(options.guard_size, true)}, stride_{usable_ + guard_},
      fixed_size_{options.max_stacks != 0}, wipe_{options.wipe} {
    if (stride_ < usable_) {
        throw std::bad_alloc{};
    }
    if (fixed_size_) {
        add_reservation(options.max_stacks);
    }
}

slab_stack_source::~slab_stack_source() {
    PIRN_ASSERT(lent_ == 0, "a slab ended before the stacks that it has lent out", {"lent", lent_});
    for (const std::span<std::byte> memory : reservations_) {
        detail::unlist_area(memory.data());
        os::drop_memory(memory);
    }
    os::forget_split_guards(split_guards_);
}

stack slab_stack_source::allocate(std::size_t size) {
    if (size > usable_) {
        throw std::bad_alloc{};
    }
    const std::lock_guard lock{mutex_};
    if (returned_count_ != 0) {
        const std::uintptr_t entry = returned_[--returned_count_];
        ++lent_;
        auto* memory = reinterpret_cast<std::byte*>(entry & ~unguarded);
        return {{memory, usable_}, (entry & unguarded) != 0 ? 0 : guard_};
    }
    if (fresh_ == ready_) {
        if (ready_ == end_) {
            grow();
        }
        make_ready();
    }
    ++lent_;
    return take_fresh();
}

void slab_stack_source::deallocate(const stack& used) noexcept {
    if (wipe_) {
        os::wipe_memory(used.memory);
    }
    const std::uintptr_t without_guard = used.guard_size == 0 ? unguarded : 0;
    const std::lock_guard lock{mutex_};
    PIRN_ASSERT(used.memory.size() == usable_ && lent_ != 0, "this stack is not of this slab",
                {"bytes", used.memory.size()}, {"slab_bytes", usable_}, {"lent", lent_});
    --lent_;
    returned_[returned_count_++] =
        reinterpret_cast<std::uintptr_t>(used.memory.data()) | without_guard;
}

void slab_stack_source::trim() noexcept {
    constexpr std::size_t batch_max = 512;
    std::array<std::span<std::byte>, batch_max> batch;
    if (usable_ % os::page_size() != 0) {
        return; // a page of one stack may be the page of another that is lent out
    }
    const std::lock_guard lock{mutex_};
    for (std::size_t done = 0; done < returned_count_;) {
        const std::size_t size = std::min(batch_max, returned_count_ - done);
        for (std::size_t i = 0; i < size; ++i) {
            batch[i] = {reinterpret_cast<std::byte*>(returned_[done + i] & ~unguarded), usable_};
        }
        os::give_back(
            std::span{batch}.first(size)); // a refusal (locked memory) leaves all as it is
        done += size;
    }
}

std::size_t slab_stack_source::lent() const noexcept {
    const std::lock_guard lock{mutex_};
    return lent_;
}

// ---- Under the lock

void slab_stack_source::add_reservation(std::size_t slots) {
    if (slots > (std::numeric_limits<std::size_t>::max() / 2) / stride_ ||
        slots > std::numeric_limits<std::size_t>::max() / 16 - capacity_) {
        throw std::bad_alloc{};
    }
    // First all that can be refused, then all that cannot.
    auto returned = std::make_unique_for_overwrite<std::uintptr_t[]>(capacity_ + slots);
    reservations_.reserve(reservations_.size() + 1);
    const std::span<std::byte> memory = os::reserve_memory(os::round_to_pages(slots * stride_));
    if (memory.empty()) {
        throw std::bad_alloc{};
    }
    reservations_.push_back(memory);
    returned_ = std::move(returned);
    capacity_ += slots;
    fresh_ = ready_ = guarded_until_ = memory.data();
    end_ = fresh_ + slots * stride_;
    detail::list_area({memory.data(), slots * stride_, stride_, guard_, &fresh_});
}

// Twice as much as there is, or as much of that as the system grants.
void slab_stack_source::grow() {
    if (fixed_size_) {
        throw std::bad_alloc{};
    }
    for (std::size_t slots = std::max(capacity_, first_slots);; slots /= 2) {
        try {
            add_reservation(slots);
            return;
        } catch (const std::bad_alloc&) {
            if (slots == 1) {
                throw;
            }
        }
    }
}

void slab_stack_source::make_ready() noexcept {
    const auto left = static_cast<std::size_t>(end_ - ready_) / stride_;
    // As many as there are already, so that a small slab stays small.
    const auto ready = static_cast<std::size_t>(ready_ - reservations_.back().data()) / stride_;
    const std::size_t wanted = std::min(left, std::clamp(ready, ready_min, ready_max));
    if (guard_ != 0 && guarded_until_ == ready_) {
        const os::guards_made made = os::guard_row(ready_, {guard_, stride_}, wanted);
        split_guards_ += made.split;
        guarded_until_ = ready_ + made.guarded * stride_;
        if (made.guarded < wanted) {
            say_once_that_guards_are_used_up();
        }
    }
    ready_ += wanted * stride_;
}

stack slab_stack_source::take_fresh() noexcept {
    std::byte* slot = fresh_;
    fresh_ += stride_;
    return {{slot + guard_, usable_}, slot < guarded_until_ ? guard_ : 0};
}

} // namespace pirn
