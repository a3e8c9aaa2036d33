// SPDX-License-Identifier: MIT
//
// A channel without its element's type: two queues, and between them the values that nobody waits for yet.
//
//   senders wait ──►  values, at most `capacity`  ──► receivers wait
//
// Invariants, outside of the lock: senders wait only while the values are at capacity; receivers wait only while
// there are neither values nor senders. So a value goes straight from a sender to a receiver that waits, and a
// receiver that takes the first value lets the first sender put its own behind the last.
//
// Values are moved under the lock. A move that throws leaves everything as it was, and the exception goes to
// whose call it was: where a receiver would have moved a waiting sender's value behind the others, the sender is
// woken instead, to try it itself.
//
// This is not API. It is installed because channel<T> holds it by value.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/sync/parking_lot.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace pirn::detail {

// element_type: what the core has to know about T. Whoever receives has an std::optional<T>.
struct element_type {
    std::size_t size;
    std::size_t alignment;
    void (*put)(void* memory, void* value); // a T in raw memory, moved from a T
    void (*take)(void* received,
                 void* memory); // the same back into an optional; the memory is raw again
    void (*hand)(void* received, void* value); // from a T into an optional
    void (*destroy)(void* memory) noexcept;    // makes the memory raw
};

template <class T>
inline constexpr element_type element_of{
    sizeof(T),
    alignof(T),
    [](void* memory, void* value) {
        std::construct_at(static_cast<T*>(memory), std::move(*static_cast<T*>(value)));
    },
    [](void* received, void* memory) {
        T* const stored = static_cast<T*>(memory);
        static_cast<std::optional<T>*>(received)->emplace(std::move(*stored));
        std::destroy_at(stored);
    },
    [](void* received, void* value) {
        static_cast<std::optional<T>*>(received)->emplace(std::move(*static_cast<T*>(value)));
    },
    [](void* memory) noexcept { std::destroy_at(static_cast<T*>(memory)); },
};

// value_queue: first in, first out, in blocks that are linked. One empty block is kept, so that a queue that
// breathes allocates nothing. Not thread-safe.
class PIRN_EXPORT value_queue {
  public:
    value_queue(const element_type& holds, std::size_t capacity) noexcept;
    value_queue(const value_queue&) = delete;
    value_queue& operator=(const value_queue&) = delete;
    ~value_queue();

    std::size_t size() const noexcept { return size_; }
    // push: throws std::bad_alloc, and what moving a value throws; then nothing has happened.
    void push(void* value);
    // pop: there is one. Throws what moving a value throws; then it is still there.
    void pop(void* received);

    const element_type& holds() const noexcept { return holds_; }

  private:
    struct block;

    void* at(block& in, std::size_t index) const noexcept;
    block* obtain();
    void retire(block* empty) noexcept;
    void popped() noexcept;

    const element_type& holds_;
    const std::size_t per_block_;
    std::size_t size_ = 0;
    block* first_ = nullptr;
    block* last_ = nullptr;
    block* spare_ = nullptr;
    std::size_t head_ = 0; // the index in first_ of the first value
    std::size_t tail_ = 0; // the index in last_ behind the last value
};

class PIRN_EXPORT channel_core {
  public:
    channel_core(const element_type& holds, std::size_t capacity) noexcept;
    channel_core(const channel_core&) = delete;
    channel_core& operator=(const channel_core&) = delete;
    ~channel_core();

    // send, receive: false when closed. Suspend.
    bool send(void* value);
    bool receive(void* received);
    outcome try_send(void* value);
    outcome try_receive(void* received);

    void close() noexcept;
    bool closed() const noexcept;
    std::size_t size() const noexcept;
    std::size_t capacity() const noexcept { return capacity_; }

    struct PIRN_EXPORT send_case : select_case {
        send_case(channel_core& which, void* value) noexcept;
        outcome attempt(woken& wake) override;
        channel_core& core;

      protected:
        ~send_case() = default;
    };
    struct PIRN_EXPORT receive_case : select_case {
        receive_case(channel_core& which, void* received) noexcept;
        outcome attempt(woken& wake) override;
        channel_core& core;

      protected:
        ~receive_case() = default;
    };

  private:
    outcome send_now(void* value, woken& wake);
    outcome receive_now(void* received, woken& wake);
    void refill(woken& wake) noexcept;

    mutable spin_lock guard_;
    bool closed_ = false;
    wait_queue senders_;
    wait_queue receivers_;
    const std::size_t capacity_;
    value_queue values_;
};

} // namespace pirn::detail
