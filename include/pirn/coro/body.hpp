// SPDX-License-Identifier: MIT
//
// The typed part of a coroutine: its frame, and behind it the callable, the arguments and the result.
// Everything here that does not depend on a type lives in frame.cpp.
//
// This is not API. It is installed because it is a template.
#pragma once

#include <pirn/coro/frame.hpp>
#include <pirn/coro/yielder.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace pirn::detail {

// manual: storage for a T that is constructed and destroyed by hand, because the parts of a body end
// at different times: the callable when it has run, the result when the handle goes.
template <class T>
union manual {
    manual() noexcept {}
    ~manual() {}
    T value;
};

// place_of: as placement new wants it, whatever T overloads and whether or not it is const.
template <class T>
void* place_of(manual<T>& storage) noexcept {
    return const_cast<std::remove_const_t<T>*>(std::addressof(storage.value));
}

struct nothing {};

// undo: does what it was given unless it is disarmed, when an exception passes by. No try block, because user code
// may be compiled without exceptions: see docs/exceptions.md.
template <class Action>
struct undo {
    explicit undo(Action what) noexcept : action{what} {}
    ~undo() {
        if (armed) {
            action();
        }
    }
    undo(const undo&) = delete;
    undo& operator=(const undo&) = delete;

    Action action;
    bool armed = true;
};

// A reference is kept as a pointer.
template <class T>
using stored =
    std::conditional_t<std::is_void_v<T>, nothing,
                       std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>>;

// body: Base is a frame, or what derives from one. Function is called with `Self&` first if it takes that
// (never if Self is void), then with the arguments.
template <class Base, class Self, class Return, class Function, class... Arguments>
class body final : public Base {
  public:
    template <class F, class... As>
    PIRN_ALWAYS_INLINE body(const placement& place, const coroutine_options& options, F&& function,
                            As&&... arguments)
        : Base{place, behaviour_table, options} {
        ::new (place_of(function_)) Function(std::forward<F>(function));
        undo drop_function{[&]() noexcept { std::destroy_at(std::addressof(function_.value)); }};
        ::new (place_of(arguments_)) std::tuple<Arguments...>(std::forward<As>(arguments)...);
        drop_function.armed = false;
    }
    ~body() {
        // Not only of a coroutine that never started: see `ending`.
        if constexpr (!callable_is_plain) {
            if ((this->parts & callable_is_gone) == 0) {
                drop_callable();
            }
        }
        if constexpr (!result_is_plain) {
            if ((this->parts & result_is_there) != 0) {
                std::destroy_at(std::addressof(result_.value));
            }
        }
    }

  private:
    static void run(frame& base) {
        auto& self = static_cast<body&>(base);
        // The callable and its arguments end with the run, on this stack: their destructors may suspend.
        // Compiled without exceptions this is passed over when a suspended coroutine is destroyed; then they
        // end with the body.
        struct ending {
            ~ending() { ended.drop_callable(); }
            body& ended;
        } const at_the_end{self};
        if constexpr (std::is_void_v<Return>) {
            self.call();
        } else {
            if constexpr (std::is_reference_v<Return>) {
                Return returned = self.call();
                self.result_.value = std::addressof(returned);
                self.transfer = const_cast<void*>(static_cast<const void*>(self.result_.value));
            } else {
                ::new (place_of(self.result_)) Return(self.call());
                self.transfer = place_of(self.result_);
            }
            if constexpr (!result_is_plain) {
                self.parts |= result_is_there;
            }
        }
    }

    static void destroy(frame& base) noexcept { static_cast<body&>(base).~body(); }

    decltype(auto) call() {
        if constexpr (takes_self) {
            static_assert(sizeof(Self) == sizeof(this->yielder_place) &&
                          std::is_trivially_destructible_v<Self>);
            Self& self = *::new (static_cast<void*>(this->yielder_place.data())) Self{};
            return std::apply(
                [&](Arguments&... arguments) -> decltype(auto) {
                    return std::invoke(std::move(function_.value), self,
                                       static_cast<Arguments&&>(arguments)...);
                },
                arguments_.value);
        } else {
            return std::apply(
                [&](Arguments&... arguments) -> decltype(auto) {
                    return std::invoke(std::move(function_.value),
                                       static_cast<Arguments&&>(arguments)...);
                },
                arguments_.value);
        }
    }

    static constexpr bool takes_self = [] {
        if constexpr (std::is_void_v<Self>) {
            return false;
        } else {
            return std::is_invocable_v<Function, Self&, Arguments...>;
        }
    }();

    void drop_callable() noexcept {
        if constexpr (!callable_is_plain) {
            this->parts |= callable_is_gone;
            std::destroy_at(std::addressof(arguments_.value));
            std::destroy_at(std::addressof(function_.value));
        }
    }

    // Of frame::parts, which begin as zero. Parts whose destructors do nothing need no account.
    static constexpr std::uint8_t callable_is_gone = 1;
    static constexpr std::uint8_t result_is_there = 2;
    static constexpr bool callable_is_plain =
        std::is_trivially_destructible_v<Function> &&
        std::is_trivially_destructible_v<std::tuple<Arguments...>>;
    static constexpr bool result_is_plain = std::is_trivially_destructible_v<stored<Return>>;

    // None, where the destructor has more to do than to drop the callable.
    static constexpr std::uint8_t nothing_left = [] {
        constexpr std::uint8_t none = 0xff;
        if (!std::is_same_v<Base, frame> || !result_is_plain) {
            return none;
        }
        return callable_is_plain ? std::uint8_t{0} : callable_is_gone;
    }();

    static constexpr frame_behaviour behaviour_table{&body::run, &body::destroy, nothing_left};

    manual<Function> function_;
    manual<std::tuple<Arguments...>> arguments_;
    [[no_unique_address]] manual<stored<Return>> result_;
};

// make_body: places a coroutine at the high end of a stack. Throws std::bad_alloc, and what copying or
// moving the callable and its arguments throws. Never suspends.
template <class Body, class... Parts>
PIRN_ALWAYS_INLINE Body* make_body(const coroutine_options& options, Parts&&... parts) {
    const placement place = place_body(options, sizeof(Body), alignof(Body));
    undo give_back{[&]() noexcept { unplace(place.ground); }};
    Body* const made = new (place.body) Body(place, options, std::forward<Parts>(parts)...);
    give_back.armed = false;
    return made;
}

} // namespace pirn::detail
