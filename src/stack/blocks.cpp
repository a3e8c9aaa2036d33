// SPDX-License-Identifier: MIT
//
// Blocks of stacks: how large they are, which one lends first, and when they go back. The pools of threads are in stack.cpp.
#include "stack/blocks.hpp"

#include <pirn/base/assert.hpp>
#include <pirn/stack/sources.hpp>

#include "base/valgrind.hpp"
#include "os/memory.hpp"

#include <algorithm>
#include <bit>
#include <new>
#include <span>
#include <tuple>
#include <utility>

namespace pirn::detail {
namespace {

constexpr std::size_t guard_size = std::size_t{64} * 1024;

// The first block of a size takes no more address space than this, and has no more stacks; later ones double what there
// is, up to the largest. All but a few stacks are in blocks of the largest size when there are hundreds of thousands.
constexpr std::size_t first_bytes = std::size_t{8} << 20;
constexpr std::size_t first_slots = 16;
constexpr std::size_t most_bytes = std::size_t{2} << 30;
constexpr std::size_t most_slots = 4096;

constexpr std::size_t guards_at_once = 64;

// Sizes: from a page of 4 KiB up, each twice the one before. Larger stacks have mappings of their own.
constexpr std::size_t least_usable = 4096;
constexpr std::size_t most_usable = std::size_t{64} << 20;
constexpr std::size_t sizes = std::bit_width(most_usable / least_usable);

} // namespace

// ---- One block

std::unique_ptr<stack_block> stack_block::make(std::size_t usable, std::size_t guard,
                                               std::size_t slots) noexcept {
    std::unique_ptr<std::uint32_t[]> cold{new (std::nothrow) std::uint32_t[slots]};
    const std::span<std::byte> memory =
        cold != nullptr ? os::reserve_memory(slots * (usable + guard)) : std::span<std::byte>{};
    if (memory.empty()) {
        return nullptr;
    }
    if (slots > 1 && os::is_resident(memory.last(os::page_size()))) {
        // The program locks all memory that it maps: each page of the block would take memory.
        std::ignore = os::release_memory(memory);
        return make(usable, guard, 1);
    }
    std::unique_ptr<stack_block> block{
        new (std::nothrow) stack_block{memory.data(), usable, guard, slots, std::move(cold)}};
    if (block == nullptr) {
        std::ignore = os::release_memory(memory);
        return nullptr;
    }
    if (!block->guard_more()) {
        std::ignore = block->release();
        return nullptr;
    }
    return block;
}

stack_block::stack_block(std::byte* low, std::size_t usable, std::size_t guard, std::size_t slots,
                         std::unique_ptr<std::uint32_t[]> cold) noexcept
    : low_{low}, usable_{usable}, guard_{guard}, stride_{usable + guard}, slots_{slots},
      fresh_{low}, cold_{std::move(cold)} {
    list_area({low_, slots_ * stride_, stride_, guard_, &fresh_});
}

bool stack_block::release() noexcept {
    unlist_area(low_);
    if (!os::release_memory({low_, slots_ * stride_})) {
        list_area({low_, slots_ * stride_, stride_, guard_, &fresh_});
        return false;
    }
    os::forget_split_guards(split_guards_);
    return true;
}

stack stack_block::lend() noexcept {
    std::size_t slot = 0;
    if (cold_count_ > 0) {
        slot = cold_[--cold_count_];
    } else {
        slot = static_cast<std::size_t>(fresh_ - low_) / stride_;
        if (slot == guarded_ && !guard_more()) {
            refused_ = true;
            return {};
        }
        fresh_ += stride_;
    }
    ++lent_;
    return {{low_ + slot * stride_ + guard_, usable_}, guard_};
}

void stack_block::take_back(const std::byte* low) noexcept {
    cold_[cold_count_++] =
        static_cast<std::uint32_t>(static_cast<std::size_t>(low - low_) / stride_);
    --lent_;
    refused_ = false;
}

// As many as there are already, so that a small block stays small. False when there is none more.
bool stack_block::guard_more() noexcept {
    const std::size_t wanted =
        std::min({slots_ - guarded_, std::max<std::size_t>(guarded_, first_slots), guards_at_once});
    const os::guards_made made =
        os::guard_row(low_ + guarded_ * stride_, {guard_, stride_}, wanted);
    guarded_ += made.guarded;
    split_guards_ += made.split;
    return made.guarded > 0;
}

// ---- All blocks of a size

stack stack_blocks::lend() {
    const std::lock_guard lock{mutex_};
    if (warm_count_ > 0) {
        ++lent_;
        return warm_[--warm_count_];
    }
    for (;;) {
        while (room_from_ < blocks_.size() && !blocks_[room_from_]->has_room()) {
            ++room_from_;
        }
        stack_block& from = room_from_ < blocks_.size() ? *blocks_[room_from_] : add_block();
        if (const stack taken = from.lend(); !taken.memory.empty()) {
            ++lent_;
            return taken;
        }
    }
}

// Twice as many stacks as there are, or as many of them as the system grants. One under valgrind, which looks through the
// whole of each block for leaks.
stack_block& stack_blocks::add_block() {
    const std::size_t stride = usable_ + guard_;
    const std::size_t least = std::clamp<std::size_t>(first_bytes / stride, 1, first_slots);
    const std::size_t most =
        under_valgrind() ? 1 : std::clamp<std::size_t>(most_bytes / stride, 1, most_slots);
    blocks_.reserve(blocks_.size() + 1);
    for (std::size_t slots = std::clamp(slots_, std::min(least, most), most); slots > 0;
         slots /= 2) {
        if (auto made = stack_block::make(usable_, guard_, slots)) {
            slots_ += made->slots();
            const auto place =
                std::ranges::upper_bound(blocks_, made->low(), {}, &stack_block::low);
            room_from_ = static_cast<std::size_t>(place - blocks_.begin());
            return **blocks_.insert(place, std::move(made));
        }
    }
    throw std::bad_alloc{};
}

void stack_blocks::take_back(const stack& used) noexcept {
    std::array<std::span<std::byte>, warm_max / 2> cooling;
    {
        const std::lock_guard lock{mutex_};
        --lent_;
        if (warm_count_ < warm_max) {
            warm_[warm_count_++] = used;
            return;
        }
        // The half that has been here longest makes room.
        for (std::size_t i = 0; i < cooling.size(); ++i) {
            cooling[i] = warm_[i].memory;
        }
        std::ranges::copy(std::span{warm_}.subspan(cooling.size()), warm_.begin());
        warm_count_ -= cooling.size();
        warm_[warm_count_++] = used;
    }
    cool(cooling);
}

// cool: without the lock, as it is for the kernel to do. A refusal, as of locked memory, leaves the pages.
void stack_blocks::cool(std::span<const std::span<std::byte>> stacks) noexcept {
    os::give_back(stacks);
    const std::lock_guard lock{mutex_};
    for (const std::span<std::byte> each : stacks) {
        const std::size_t which = block_of(each.data());
        blocks_[which]->take_back(each.data());
        room_from_ = std::min(room_from_, which);
        if (blocks_[which]->unused()) {
            drop_unused(1);
        }
    }
}

void stack_blocks::trim() noexcept {
    for (;;) {
        std::array<std::span<std::byte>, warm_max> cooling;
        std::size_t count = 0;
        {
            const std::lock_guard lock{mutex_};
            for (; warm_count_ > 0; ++count) {
                cooling[count] = warm_[--warm_count_].memory;
            }
            if (count == 0) {
                drop_unused(0);
                return;
            }
        }
        cool(std::span{cooling}.first(count));
    }
}

// drop_unused: the smallest stay. What the system does not take back stays as well, and is tried again.
void stack_blocks::drop_unused(std::size_t keep) noexcept {
    for (;;) {
        stack_block* largest = nullptr;
        std::size_t unused = 0;
        for (const auto& each : blocks_) {
            if (each->unused()) {
                ++unused;
                if (largest == nullptr || each->slots() > largest->slots()) {
                    largest = each.get();
                }
            }
        }
        if (unused <= keep || !largest->release()) {
            return;
        }
        slots_ -= largest->slots();
        std::erase_if(blocks_, [largest](const auto& each) { return each.get() == largest; });
        room_from_ = 0;
    }
}

std::size_t stack_blocks::block_of(const std::byte* address) const noexcept {
    const auto behind = std::ranges::upper_bound(blocks_, address, {}, &stack_block::low);
    PIRN_ASSERT(behind != blocks_.begin(), "this stack is of no block", {"memory", address});
    return static_cast<std::size_t>(behind - blocks_.begin()) - 1;
}

default_stack_report stack_blocks::report() const noexcept {
    const std::lock_guard lock{mutex_};
    return {lent_, warm_count_, blocks_.size(), slots_ * (usable_ + guard_)};
}

// ---- All sizes

namespace {

using every_size = std::array<stack_blocks, sizes>;

template <std::size_t... I>
every_size* make_every_size(std::index_sequence<I...>) {
    return new every_size{
        stack_blocks{std::max(least_usable << I, os::page_size()), guard_size}...};
}

every_size& all_blocks() noexcept {
    // Never destroyed: coroutines may be destroyed by static destructors.
    static every_size* const all = make_every_size(std::make_index_sequence<sizes>{});
    return *all;
}

// blocks_for: null for stacks that are too large.
stack_blocks* blocks_for(std::size_t size) noexcept {
    if (size > most_usable) {
        return nullptr;
    }
    const std::size_t rounded = std::bit_ceil(std::max({size, least_usable, os::page_size()}));
    return &all_blocks()[static_cast<std::size_t>(std::bit_width(rounded / least_usable)) - 1];
}

mapped_stack_source& large() noexcept {
    static auto* const instance = new mapped_stack_source{guard_size};
    return *instance;
}

} // namespace

default_stack_report report_blocks() noexcept {
    default_stack_report sum;
    for (const stack_blocks& each : all_blocks()) {
        const default_stack_report one = each.report();
        sum.lent += one.lent;
        sum.warm += one.warm;
        sum.blocks += one.blocks;
        sum.bytes += one.bytes;
    }
    return sum;
}

void trim_blocks() noexcept {
    for (stack_blocks& each : all_blocks()) {
        each.trim();
    }
}

stack shared_stack_source::allocate(std::size_t size) {
    stack_blocks* const blocks = blocks_for(size);
    return blocks != nullptr ? blocks->lend() : large().allocate(size);
}

void shared_stack_source::deallocate(const stack& used) noexcept {
    stack_blocks* const blocks = blocks_for(used.memory.size());
    blocks != nullptr ? blocks->take_back(used) : large().deallocate(used);
}

} // namespace pirn::detail
