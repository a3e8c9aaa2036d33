// SPDX-License-Identifier: MIT
//
// A coroutine's view of itself: the first argument of its function, through which it suspends. A
// yielder lives as long as the function runs, and is handed down by reference to whatever is to yield
// from deeper down; that any function on the stack may do so is the point of a stackful coroutine.
#pragma once

#include <pirn/coro/switch.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pirn {

namespace detail {

template <class Base, class Self, class Return, class Function, class... Arguments>
class body;

class coroutine_handle;

struct transfer_access {
    template <class Coroutine>
    static frame& frame_of(Coroutine& which) noexcept {
        return *which.frame_;
    }
};

// A coroutine that can be put in the place of another: nobody is there who could inject a value.
template <class T>
concept transferable =
    std::derived_from<T, coroutine_handle> && std::is_void_v<typename T::inject_type>;

// after_switch_of: see switch.hpp.
template <class Function>
struct after_switch_of : after_switch {
    template <class F>
    after_switch_of(std::in_place_t /*tells it from a copy*/, F&& from)
        : after_switch{&take_and_call}, function(std::forward<F>(from)) {}

    static void take_and_call(after_switch& self) {
        Function mine{std::move(static_cast<after_switch_of&>(self).function)};
        std::invoke(std::move(mine));
    }

    Function function;
};

// What both kinds of yielder share: the suspension, and taking what was injected.
template <class Inject>
class yielder_base {
  public:
    yielder_base(const yielder_base&) = delete;
    yielder_base& operator=(const yielder_base&) = delete;

    // name: the coroutine's, as its creator gave it. Never suspends.
    std::string_view name() const noexcept { return self().name(); }

    // id: see coroutine. Never suspends.
    std::uint64_t id() const noexcept { return self().id(); }

    // transfer_to: suspends, and `other` runs in this one's place, in one switch: it goes back to the resumer of
    // this one when it suspends or ends. The resumer's resume() of this one then returns, true unless that is
    // done; what left the other comes out of it. For schedulers that know who is next. `other` has not started
    // or is suspended, and takes no injected values. Returns what the next resume injects. Suspends.
    template <detail::transferable Other>
    PIRN_ALWAYS_INLINE Inject transfer_to(Other& other) {
        transfer(self(), transfer_access::frame_of(other));
        return take();
    }

  protected:
    yielder_base() noexcept = default;

    // The value stays where it is, on this stack; only its address travels.
    PIRN_ALWAYS_INLINE Inject hand_over(const void* value) {
        frame& own = self();
        own.transfer = const_cast<void*>(value);
        suspend(own);
        return take();
    }
    PIRN_ALWAYS_INLINE Inject hand_over_nothing() {
        suspend(self());
        return take();
    }
    template <class Function>
    Inject hand_over_then(const void* value, Function&& function) {
        static_assert(std::is_invocable_v<std::decay_t<Function>>);
        after_switch_of<std::decay_t<Function>> afterwards{std::in_place,
                                                           std::forward<Function>(function)};
        frame& own = self();
        own.transfer = const_cast<void*>(value);
        suspend(own, to_be_called(afterwards));
        return take();
    }

  private:
    PIRN_ALWAYS_INLINE Inject take() {
        if constexpr (!std::is_void_v<Inject>) {
            return static_cast<Inject&&>(
                *static_cast<std::remove_reference_t<Inject>*>(self().transfer));
        }
    }

    // A yielder stands in its coroutine's frame, and nowhere else.
    PIRN_ALWAYS_INLINE frame& self() const noexcept {
        const auto here = reinterpret_cast<std::uintptr_t>(this);
        return *reinterpret_cast<frame*>(here - offsetof(frame, yielder_place));
    }
};

} // namespace detail

// yielder: for a coroutine that yields values of type Yield and is given an Inject at each resume.
template <class Yield = void, class Inject = void>
class yielder : public detail::yielder_base<Inject> {
    using value_type = std::remove_reference_t<Yield>;

    template <class, class, class, class, class...>
    friend class detail::body;
    yielder() noexcept = default;

  public:
    // yield: suspends with a value and returns what the next resume injects. The resumer sees the very
    // object, not a copy, until it resumes again; a const object is copied first unless Yield is const.
    // Suspends.
    PIRN_ALWAYS_INLINE Inject yield(value_type& value) {
        return this->hand_over(std::addressof(value));
    }
    PIRN_ALWAYS_INLINE Inject yield(value_type&& value) {
        return this->hand_over(std::addressof(value));
    }
    PIRN_ALWAYS_INLINE Inject yield(const value_type& value)
        requires(!std::is_const_v<value_type> && std::copy_constructible<value_type>)
    {
        value_type copy{value};
        return this->hand_over(std::addressof(copy));
    }

    // yield_then: the same, and when this coroutine is suspended `function` is called, on the resumer's stack. It
    // may hand the coroutine to another thread, which may resume it at once: see suspend_then. Suspends.
    template <class Function>
    Inject yield_then(value_type& value, Function&& function) {
        return this->hand_over_then(std::addressof(value), std::forward<Function>(function));
    }
    template <class Function>
    Inject yield_then(value_type&& value, Function&& function) {
        return this->hand_over_then(std::addressof(value), std::forward<Function>(function));
    }

    // The same, as a call: `yield(node)` where the yielder is named so. Suspends.
    template <class Value>
    PIRN_ALWAYS_INLINE Inject operator()(Value&& value) {
        using given = std::remove_cvref_t<Value>;
        if constexpr (std::is_arithmetic_v<given> && std::is_arithmetic_v<value_type> &&
                      !std::is_same_v<given, std::remove_cv_t<value_type>>) {
            return yield(
                static_cast<value_type>(value)); // said, so that no compiler warns the user
        } else {
            return yield(std::forward<Value>(value));
        }
    }
};

// A coroutine that yields no value only suspends.
template <class Inject>
class yielder<void, Inject> : public detail::yielder_base<Inject> {
    template <class, class, class, class, class...>
    friend class detail::body;
    yielder() noexcept = default;

  public:
    // suspend: back to the resumer; returns what the next resume injects. Suspends.
    PIRN_ALWAYS_INLINE Inject suspend() { return this->hand_over_nothing(); }

    // suspend_then: suspends, and then `function` is called, on the resumer's stack, before its resume() returns
    // true. As the coroutine is suspended by then, `function` may make it known to whoever resumes it next, on
    // another thread too, which may do so before `function` has returned: unlock a mutex, push it into a queue.
    // It is moved off the coroutine's stack before it is called. What it throws comes out of the resume.
    // Suspends.
    template <class Function>
    Inject suspend_then(Function&& function) {
        return this->hand_over_then(nullptr, std::forward<Function>(function));
    }

    // The same as suspend(), as a call. Suspends.
    PIRN_ALWAYS_INLINE Inject operator()() { return this->hand_over_nothing(); }
};

} // namespace pirn
