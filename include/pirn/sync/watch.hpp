// SPDX-License-Identifier: MIT
//
// The latest value of something, and those who want to know when it changes: a configuration, a state. Values in
// between may be missed; the last one is not.
//
//   pirn::watch<config> settings{load()};
//   for (auto seen = settings.subscribe(); auto now = seen.changed();) apply(*now);
//
// From any thread, tasks and others; a subscription by one party at a time. A value is copied while the lock is
// held: its copy constructor must neither suspend nor use the watch.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/sync/parking_lot.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

namespace pirn {

namespace detail {

// What does not depend on the value: its number, and who waits for a higher one.
class PIRN_EXPORT watch_core {
  public:
    watch_core() noexcept = default;
    watch_core(const watch_core&) = delete;
    watch_core& operator=(const watch_core&) = delete;
    ~watch_core();

    void close() noexcept;

    // wait_beyond: until there is a version after `seen`: true; or it is closed: false. Suspends.
    bool wait_beyond(std::uint64_t seen);

    // bump: a new version, with the lock held.
    void bump(woken& wake) noexcept;

    mutable spin_lock guard;
    std::uint64_t version = 1;
    bool closed = false;

    struct PIRN_EXPORT change_case : select_case {
        change_case(watch_core& of, std::uint64_t beyond) noexcept;
        outcome attempt(woken& wake) override;
        watch_core& core;
        std::uint64_t seen;

      protected:
        ~change_case() = default;
    };

  private:
    wait_queue waiters_;
};

} // namespace detail

template <class T>
class watch {
    static_assert(std::copyable<T>);

  public:
    class subscription;

    explicit watch(T initial) : value_{std::move(initial)} {}
    watch(const watch&) = delete;
    watch& operator=(const watch&) = delete;
    // No subscription may be waiting, nor be used afterwards.
    ~watch() = default;

    // set: a new value; all who wait for a change go on. Thread-safe. Never suspends.
    void set(T value);

    // get: a copy of the latest value. Thread-safe. Never suspends.
    T get() const;

    // subscribe: which has seen the value of this moment. The watch outlives it. Thread-safe. Never suspends.
    subscription subscribe() { return subscription{*this}; }

    // close: there will be no change any more. Thread-safe. Never suspends.
    void close() noexcept { core_.close(); }

  private:
    mutable detail::watch_core core_;
    T value_; // under core_.guard
};

template <class T>
class watch<T>::subscription {
  public:
    explicit subscription(watch& of) noexcept : of_{&of} {
        const detail::holding held{of.core_.guard};
        seen_ = of.core_.version;
    }

    // changed: waits until there is a value that this subscription has not seen, and gives it; nothing when the
    // watch was closed and its last value was seen. Throws `cancelled` if the task is asked to stop; the value is
    // then still unseen. Suspends.
    std::optional<T> changed();

    // has_changed: whether there is a value that was not seen. Never suspends.
    bool has_changed() const noexcept;

    // get: the latest value, which is seen by that. Never suspends.
    T get();

    // changing: for select: Function(std::optional<T>), as changed() gives it. Never suspends.
    auto changing() & noexcept;

  private:
    struct registration;

    watch* of_;
    std::uint64_t seen_ = 0;
};

// ---------------------------------------------------------------------------------------------------

template <class T>
void watch<T>::set(T value) {
    {
        detail::woken wake;
        const detail::holding held{core_.guard};
        std::swap(value_, value);
        core_.bump(wake);
    }
    // The former value goes here, without the lock.
}

template <class T>
T watch<T>::get() const {
    const detail::holding held{core_.guard};
    return value_;
}

template <class T>
std::optional<T> watch<T>::subscription::changed() {
    if (!of_->core_.wait_beyond(seen_)) {
        return std::nullopt;
    }
    return get();
}

template <class T>
bool watch<T>::subscription::has_changed() const noexcept {
    const detail::holding held{of_->core_.guard};
    return of_->core_.version != seen_;
}

template <class T>
T watch<T>::subscription::get() {
    const detail::holding held{of_->core_.guard};
    T copy{of_->value_};
    seen_ = of_->core_.version;
    return copy;
}

template <class T>
struct watch<T>::subscription::registration {
    subscription* of;

    struct select_case_type final : detail::watch_core::change_case {
        explicit select_case_type(const registration& what) noexcept
            : change_case{what.of->of_->core_, what.of->seen_}, subscribed{*what.of} {}
        template <class Function>
        decltype(auto) finish(Function& function) {
            return function(result == detail::outcome::done ? std::optional<T>{subscribed.get()}
                                                            : std::nullopt);
        }
        subscription& subscribed;
    };
};

template <class T>
auto watch<T>::subscription::changing() & noexcept {
    return registration{this};
}

} // namespace pirn
