// SPDX-License-Identifier: MIT
//
// A channel: values go from those who send to those who receive, in order, any number on either side.
//
//   pirn::channel<line> lines{16};
//   pirn::spawn([&] { while (auto next = read_line()) lines.send(*next); lines.close(); }).detach();
//   for (line& each : lines) use(each);
//
// The capacity says how many values may be on the way: none, and a send waits until somebody receives; some
// number; or `unbounded`, and a send never waits. From any thread, tasks and others; outside of any task, waiting
// blocks the thread.
//
// Closing says that nothing more will be sent. What was sent before is still received; then receive gives
// nothing. Whoever sends to a closed channel, or waited to when it was closed, gets false and keeps the value.
//
// A value is moved while the channel's lock is held: its move constructor must neither suspend nor use the
// channel. If it throws, the call throws, and the value is where it was.
#pragma once

#include <pirn/sync/channel_core.hpp>
#include <pirn/sync/parking_lot.hpp>

#include <concepts>
#include <cstddef>
#include <iterator>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

namespace pirn {

// unbounded: a capacity that is never reached.
inline constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

namespace detail {

template <class T>
class receive_registration;
template <class T>
class send_registration;
template <class T>
class send_reference;

} // namespace detail

template <class T>
class channel {
    static_assert(std::is_object_v<T> && std::move_constructible<T>);

  public:
    class iterator;

    explicit channel(std::size_t capacity = 0) noexcept : core_{detail::element_of<T>, capacity} {}

    // send: waits until there is room for the value, or somebody to take it, and moves it there; the copying form
    // copies it first. False when the channel is closed; the value was then not moved from. Throws `cancelled` if
    // the task is asked to stop, and then has sent nothing; std::bad_alloc. Thread-safe. Suspends.
    bool send(T&& value) { return core_.send(&value); }
    bool send(const T& value)
        requires(std::copy_constructible<T>);

    // try_send: the same, if it need not wait. Thread-safe. Never suspends.
    [[nodiscard("whether it was done is the answer; look at it")]] bool try_send(T&& value) {
        return core_.try_send(&value) == detail::outcome::done;
    }
    [[nodiscard("whether it was done is the answer; look at it")]] bool try_send(const T& value)
        requires(std::copy_constructible<T>);

    // receive: the next value, when there is one; nothing when the channel is closed and empty. Throws `cancelled`
    // if the task is asked to stop, and then has received nothing. Thread-safe. Suspends.
    std::optional<T> receive();

    // try_receive: the next value, if there is one now. Thread-safe. Never suspends.
    [[nodiscard("the value is lost when the answer is dropped")]] std::optional<T> try_receive();

    // close: once or more often. Thread-safe. Never suspends.
    void close() noexcept { core_.close(); }

    // closed: whether nothing more will be sent; something may still be there. Thread-safe. Never suspends.
    bool closed() const noexcept { return core_.closed(); }
    // size: values that were sent and not received, without those of senders that wait. Thread-safe. Never
    // suspends.
    std::size_t size() const noexcept { return core_.size(); }
    std::size_t capacity() const noexcept { return core_.capacity(); }

    // begin, end: everything that comes until the channel is closed. Taking the first value and going to the
    // next one receive. Suspends.
    iterator begin() { return iterator{*this}; }
    std::default_sentinel_t end() const noexcept { return {}; }

    // receiving, sending: for select: what the case stands for, not started. A case of a named value, or of one that is
    // trivial to copy, holds a copy, and may be kept. sending(std::move(value)) moves the value from where it is, if the
    // case wins and not otherwise: that case cannot be kept, but only be given to select where it is made. Never suspends.
    detail::receive_registration<T> receiving() noexcept {
        return detail::receive_registration<T>{core_};
    }
    auto sending(T&& value) noexcept;
    detail::send_registration<T> sending(const T& value)
        requires(std::copy_constructible<T>)
    {
        return {core_, value};
    }

  private:
    detail::channel_core core_;
};

// iterator: an input iterator; the value is its own.
template <class T>
class channel<T>::iterator {
  public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    explicit iterator(channel& from) : from_{&from}, value_{from.receive()} {}

    T& operator*() const noexcept { return *value_; }
    iterator& operator++();
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const noexcept { return !value_.has_value(); }

  private:
    channel* from_;
    mutable std::optional<T> value_;
};

// ---------------------------------------------------------------------------------------------------

namespace detail {

template <class T>
class receive_registration {
  public:
    explicit receive_registration(channel_core& from) noexcept : from_{&from} {}

    struct select_case_type final : channel_core::receive_case {
        explicit select_case_type(const receive_registration& what) noexcept
            : receive_case{*what.from_, &value} {}
        template <class Function>
        decltype(auto) finish(Function& function) {
            return function(std::move(value));
        }
        std::optional<T> value;
    };

  private:
    channel_core* from_;
};

template <class T>
class send_registration {
  public:
    send_registration(channel_core& to, const T& value) : to_{&to}, copy_{value} {}

    struct select_case_type final : channel_core::send_case {
        explicit select_case_type(send_registration& what) noexcept
            : send_case{*what.to_, &what.copy_} {}
        template <class Function>
        decltype(auto) finish(Function& function) {
            return function(result == outcome::done);
        }
    };

  private:
    channel_core* to_;
    T copy_;
};

// send_reference: a case that leaves its value where it is until it wins. The value may be a temporary, so the case
// ends with the expression that makes it: it has no copies.
template <class T>
class send_reference {
  public:
    send_reference(channel_core& to, T& value) noexcept : to_{&to}, value_{&value} {}
    send_reference(const send_reference&) = delete; // give the case to select where it is made
    send_reference& operator=(const send_reference&) = delete;

    // again: the same case, for on and when.
    send_reference again() const noexcept { return {*to_, *value_}; }

    struct select_case_type final : channel_core::send_case {
        explicit select_case_type(const send_reference& what) noexcept
            : send_case{*what.to_, what.value_} {}
        template <class Function>
        decltype(auto) finish(Function& function) {
            return function(result == outcome::done);
        }
    };

  private:
    channel_core* to_;
    T* value_;
};

} // namespace detail

template <class T>
bool channel<T>::send(const T& value)
    requires(std::copy_constructible<T>)
{
    T copy{value};
    return core_.send(&copy);
}

template <class T>
bool channel<T>::try_send(const T& value)
    requires(std::copy_constructible<T>)
{
    T copy{value};
    return core_.try_send(&copy) == detail::outcome::done;
}

template <class T>
auto channel<T>::sending(T&& value) noexcept {
    if constexpr (std::is_trivially_copyable_v<T> && std::copy_constructible<T>) {
        return detail::send_registration<T>{core_, value};
    } else {
        return detail::send_reference<T>{core_, value};
    }
}

template <class T>
std::optional<T> channel<T>::receive() {
    std::optional<T> received;
    core_.receive(&received);
    return received;
}

template <class T>
std::optional<T> channel<T>::try_receive() {
    std::optional<T> received;
    core_.try_receive(&received);
    return received;
}

template <class T>
auto channel<T>::iterator::operator++() -> iterator& {
    value_.reset();
    value_ = from_->receive();
    return *this;
}

} // namespace pirn
