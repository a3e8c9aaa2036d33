// SPDX-License-Identifier: MIT
//
// An intrusive queue with many producers and one consumer: how a wake from another thread travels.
// A stack by compare-and-swap (Treiber, 1986) that the consumer takes whole and reverses: one atomic
// exchange for a batch, no loop on the consumer's side, and first in, first out within a batch.
//
// Shared state: head_, pushed by anyone with release, exchanged by the consumer with acquire; the
// links of queued elements, written by the producer before its push.
#pragma once

#include <atomic>

namespace pirn {

struct mpsc_link {
    mpsc_link* next = nullptr;
};

// mpsc: T derives from mpsc_link. Elements are not owned.
template <class T>
class mpsc {
  public:
    // push: true when the queue was empty, so that only the first producer has to wake the consumer.
    // Thread-safe. Never suspends.
    bool push(T& element) noexcept;

    // take_all: everything pushed so far, oldest first, linked through `next`; null when empty.
    // Only the consumer. Never suspends.
    T* take_all() noexcept;

    bool empty() const noexcept { return head_.load(std::memory_order_relaxed) == nullptr; }

    static T* next(T& element) noexcept { return static_cast<T*>(element.mpsc_link::next); }

  private:
    std::atomic<mpsc_link*> head_{nullptr};
};

// ---------------------------------------------------------------------------------------------------

template <class T>
bool mpsc<T>::push(T& element) noexcept {
    mpsc_link& link = element;
    mpsc_link* seen = head_.load(std::memory_order_relaxed);
    do {
        link.next = seen;
        // release: pairs with the acquire exchange in take_all; the element is written before it is
        // seen. Afterwards it belongs to the consumer, hence the answer from the local copy.
    } while (!head_.compare_exchange_weak(seen, &link, std::memory_order_release,
                                          std::memory_order_relaxed));
    return seen == nullptr;
}

template <class T>
T* mpsc<T>::take_all() noexcept {
    // acquire: pairs with the release in push.
    mpsc_link* newest = head_.exchange(nullptr, std::memory_order_acquire);
    mpsc_link* oldest = nullptr;
    while (newest != nullptr) {
        mpsc_link* following = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = following;
    }
    return static_cast<T*>(oldest);
}

} // namespace pirn
