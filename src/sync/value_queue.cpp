// SPDX-License-Identifier: MIT
//
// Values in blocks:
//
//   first_ ──► [ . . . v v v ] ──► [ v v v v v v ] ──► [ v v . . . . ] ◄── last_
//                      ▲ head_                              ▲ tail_
//
// When the last value is taken and only one block is there, both indices go back to its beginning, so that a
// short queue stays in the same lines of the cache.
#include <pirn/sync/channel_core.hpp>

#include <algorithm>
#include <new>

namespace pirn::detail {
namespace {

// A block is about this large, for values of common sizes: few allocations, and little to keep in reserve.
constexpr std::size_t block_bytes = 2048;
constexpr std::size_t per_block_max = 64;

} // namespace

struct value_queue::block {
    block* next = nullptr;
};

namespace {

constexpr std::size_t header_bytes(std::size_t alignment) noexcept {
    return std::max(sizeof(void*), alignment);
}

} // namespace

value_queue::value_queue(const element_type& holds, std::size_t capacity) noexcept
    : holds_{holds},
      per_block_{std::clamp<std::size_t>(
          std::min(capacity, block_bytes / std::min(holds.size, block_bytes)), 1, per_block_max)} {}

value_queue::~value_queue() {
    for (; size_ > 0; --size_) {
        holds_.destroy(at(*first_, head_));
        popped();
    }
    retire(first_);
    retire(nullptr);
}

void* value_queue::at(block& in, std::size_t index) const noexcept {
    return reinterpret_cast<std::byte*>(&in) + header_bytes(holds_.alignment) + index * holds_.size;
}

value_queue::block* value_queue::obtain() {
    if (spare_ != nullptr) {
        return std::exchange(spare_, nullptr);
    }
    const std::align_val_t alignment{std::max(alignof(block), holds_.alignment)};
    void* const memory =
        ::operator new(header_bytes(holds_.alignment) + per_block_ * holds_.size, alignment);
    return ::new (memory) block;
}

// retire: keeps the block as the spare one; the former spare one goes.
void value_queue::retire(block* empty) noexcept {
    if (block* const surplus = std::exchange(spare_, empty)) {
        const std::align_val_t alignment{std::max(alignof(block), holds_.alignment)};
        ::operator delete(surplus, alignment);
    }
}

void value_queue::push(void* value) {
    if (last_ == nullptr) {
        first_ = last_ = obtain();
        head_ = tail_ = 0;
    } else if (tail_ == per_block_) {
        // Linked only when it has a value in it.
        block* const fresh = obtain();
        try {
            holds_.put(at(*fresh, 0), value);
        } catch (...) {
            retire(fresh);
            throw;
        }
        fresh->next = nullptr;
        last_->next = fresh;
        last_ = fresh;
        tail_ = 1;
        ++size_;
        return;
    }
    holds_.put(at(*last_, tail_), value);
    ++tail_;
    ++size_;
}

void value_queue::pop(void* received) {
    holds_.take(received, at(*first_, head_));
    --size_;
    popped();
}

// popped: the value at the head is gone.
void value_queue::popped() noexcept {
    ++head_;
    if (first_ == last_) {
        if (head_ == tail_) {
            head_ = tail_ = 0;
        }
    } else if (head_ == per_block_) {
        block* const empty = std::exchange(first_, first_->next);
        head_ = 0;
        retire(empty);
    }
}

} // namespace pirn::detail
