// SPDX-License-Identifier: MIT
//
// A channel in which each receiver sees every value. The last `capacity` values are kept; a sender never waits. A
// receiver that falls further behind than that misses values, and is told how many.
//
//   pirn::broadcast<event_record> log{64};
//   auto mine = log.subscribe();
//   while (auto next = mine.receive()) { note_gap(next->missed); use(next->value); }
//
// From any thread, tasks and others; a subscription by one party at a time. Values are copied while the lock is
// held: a copy constructor must neither suspend nor use the broadcast.
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/sync/watch.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace pirn {

// broadcast_item: a value of a broadcast.
template <class T>
struct broadcast_item {
    T value;
    std::uint64_t
        missed; // how many values between the one before and this one were lost to this receiver
};

template <class T>
class broadcast {
    static_assert(std::copy_constructible<T>);

  public:
    class subscription;

    // At least one value is kept. Throws std::bad_alloc.
    explicit broadcast(std::size_t capacity);
    broadcast(const broadcast&) = delete;
    broadcast& operator=(const broadcast&) = delete;
    // No subscription may be waiting, nor be used afterwards.
    ~broadcast() = default;

    // send: to all who have subscribed before; the oldest value goes if there is no room. False when closed.
    // Thread-safe. Never suspends.
    bool send(T value);

    // subscribe: sees what is sent from now on. The broadcast outlives it. Thread-safe. Never suspends.
    subscription subscribe() { return subscription{*this}; }

    // close: nothing more will be sent; what is kept can still be received. Thread-safe. Never suspends.
    void close() noexcept { core_.close(); }

  private:
    // Values are numbered from 1; number n is at n % capacity. The core's version is the last one's number plus 1.
    detail::watch_core core_;
    std::vector<std::optional<T>> kept_; // under core_.guard
};

template <class T>
class broadcast<T>::subscription {
  public:
    explicit subscription(broadcast& of) noexcept : of_{&of} {
        const detail::holding held{of.core_.guard};
        next_ = of.core_.version;
    }

    // receive: the next value, when there is one; nothing when the broadcast was closed and everything was
    // received. Throws `cancelled` if the task is asked to stop, and then has received nothing; what copying
    // throws, and then it is still the next. Suspends.
    std::optional<broadcast_item<T>> receive();

    // try_receive: the next value, if there is one now. Never suspends.
    [[nodiscard("the value is lost when the answer is dropped")]] std::optional<broadcast_item<T>>
    try_receive();

    // receiving: for select: Function(std::optional<broadcast_item<T>>). Never suspends.
    auto receiving() & noexcept;

  private:
    struct registration;

    broadcast* of_;
    std::uint64_t next_ = 0; // the number of the next value
};

// ---------------------------------------------------------------------------------------------------

template <class T>
broadcast<T>::broadcast(std::size_t capacity) : kept_(capacity) {
    PIRN_REQUIRE(capacity > 0, "a broadcast keeps at least one value");
}

template <class T>
bool broadcast<T>::send(T value) {
    std::optional<T> fresh{
        std::move(value)}; // destroyed without the lock, as is the value that goes
    detail::woken wake;
    const detail::holding held{core_.guard};
    if (core_.closed) {
        return false;
    }
    kept_[core_.version % kept_.size()].swap(fresh);
    core_.bump(wake);
    return true;
}

template <class T>
std::optional<broadcast_item<T>> broadcast<T>::subscription::receive() {
    of_->core_.wait_beyond(next_);
    return try_receive();
}

template <class T>
std::optional<broadcast_item<T>> broadcast<T>::subscription::try_receive() {
    const detail::holding held{of_->core_.guard};
    const std::uint64_t end = of_->core_.version;
    if (next_ == end) {
        return std::nullopt;
    }
    const std::uint64_t behind = end - next_;
    const std::uint64_t missed = behind > of_->kept_.size() ? behind - of_->kept_.size() : 0;
    std::optional<broadcast_item<T>> item{
        broadcast_item<T>{*of_->kept_[(next_ + missed) % of_->kept_.size()], missed}};
    next_ += missed + 1;
    return item;
}

template <class T>
struct broadcast<T>::subscription::registration {
    subscription* of;

    struct select_case_type final : detail::watch_core::change_case {
        explicit select_case_type(const registration& what) noexcept
            : change_case{what.of->of_->core_, what.of->next_}, subscribed{*what.of} {}
        template <class Function>
        decltype(auto) finish(Function& function) {
            return function(subscribed.try_receive());
        }
        subscription& subscribed;
    };
};

template <class T>
auto broadcast<T>::subscription::receiving() & noexcept {
    return registration{this};
}

} // namespace pirn
