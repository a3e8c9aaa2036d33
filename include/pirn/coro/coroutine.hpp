// SPDX-License-Identifier: MIT
//
// The coroutine: a function that can pause, on a stack of its own, resumed by whoever holds it.
//
//   pirn::coroutine<int> squares{[](auto& self) {
//       for (int i = 0; i < 3; ++i) self.yield(i * i);
//   }};
//   while (squares.resume()) use(squares.value());       // 0, 1, 4
//
// Asymmetric and stackful, as in de Moura and Ierusalimschy, "Revisiting Coroutines" (2009): suspend
// goes back to the resumer, and any function called from the coroutine's may do it. Needs no scheduler
// and no event loop.
//
// A coroutine is used by one thread at a time. It may be resumed on another thread than before, if the
// program sees to it that the one happens after the other.
#pragma once

#include <pirn/base/arguments.hpp>
#include <pirn/base/assert.hpp>
#include <pirn/coro/body.hpp>
#include <pirn/coro/current.hpp>
#include <pirn/coro/options.hpp>
#include <pirn/coro/yielder.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pirn {

namespace detail {

struct batch_access;

// What does not depend on the types: owning the frame.
class coroutine_handle {
  public:
    coroutine_handle(coroutine_handle&& other) noexcept
        : frame_{std::exchange(other.frame_, &no_frame())} {}
    coroutine_handle& operator=(coroutine_handle&& other) noexcept;

    // status: see frame.hpp for the picture. A moved-from coroutine is done. Never suspends.
    coroutine_status status() const noexcept { return frame_->status(); }
    bool done() const noexcept { return frame_->phase == frame_phase::done; }

    // name: as given in the options. Valid as long as the coroutine. Never suspends.
    std::string_view name() const noexcept { return frame_->name(); }

    // id: a number that no other coroutine of the process has or had; 0 for a moved-from one. Given out when it
    // is first asked for, so numbers tell nothing about the order of creation. Never suspends.
    std::uint64_t id() const noexcept { return frame_->id(); }

    // ref: for functions that take coroutines whatever their types. Valid until this one is destroyed or assigned
    // to; a move does not matter. stack_used: see coroutine_ref. Never suspends.
    coroutine_ref ref() const noexcept { return coroutine_ref{*frame_}; }
    std::optional<std::size_t> stack_used() const noexcept { return detail::stack_used(*frame_); }

  protected:
    friend struct batch_access;    // batch.hpp
    friend struct transfer_access; // yielder.hpp

    explicit coroutine_handle(frame* owned) noexcept : frame_{owned} {}
    // A suspended coroutine is unwound: its destructors run, on its stack. One that never started is
    // dropped without running. Destroying an active one is a programmer error.
    ~coroutine_handle() { reset(); }

    void reset() noexcept {
        if (frame_->behaviour != nullptr) {
            destroy_frame(*frame_);
        }
    }

    PIRN_ALWAYS_INLINE bool step() {
        const arch::message heard = resume(*frame_);
        if (PIRN_UNLIKELY(heard != arch::message::proceed)) {
            if (PIRN_UNLIKELY(heard != ended(*frame_) || frame_->failure)) {
                return listen(*frame_, heard);
            }
            return false;
        }
        return true;
    }

    frame* frame_;
};

inline coroutine_handle& coroutine_handle::operator=(coroutine_handle&& other) noexcept {
    if (this != &other) {
        reset();
        frame_ = std::exchange(other.frame_, &no_frame());
    }
    return *this;
}

} // namespace detail

// coroutine: each suspend yields a Yield, each resume but the first injects an Inject, and the function
// returns a Return. Each of them may be void or a reference.
template <class Yield = void, class Inject = void, class Return = void>
class coroutine : public detail::coroutine_handle {
  public:
    using yield_type = Yield;
    using inject_type = Inject;
    using return_type = Return;

  private:
    using yielder_type = yielder<Yield, Inject>;
    using yield_reference = std::add_lvalue_reference_t<Yield>;
    using return_reference = std::add_lvalue_reference_t<Return>;

    template <class Function, class... Arguments>
    using body_for = detail::body<detail::frame, yielder_type, Return, std::decay_t<Function>,
                                  std::decay_t<Arguments>...>;

    template <class Function, class... Arguments>
    static constexpr bool callable =
        !std::is_same_v<std::decay_t<Function>, coroutine_options> &&
        !std::is_same_v<std::decay_t<Function>, coroutine> &&
        // Not `||`: a generic callable is not even looked at without the yielder when it takes one.
        std::disjunction_v<
            std::is_invocable<std::decay_t<Function>, yielder_type&, std::decay_t<Arguments>...>,
            std::is_invocable<std::decay_t<Function>, std::decay_t<Arguments>...>>;

    template <class Function, class... Arguments>
    static constexpr bool callable_with(detail::type_list<Arguments...> /*present*/) {
        if constexpr (sizeof...(Arguments) == 0) {
            return false; // that is the constructor without arguments
        } else {
            return callable<Function, Arguments...>;
        }
    }

    template <class Function, class... Arguments>
    PIRN_ALWAYS_INLINE static detail::frame* make(const coroutine_options& options,
                                                  Function&& function, Arguments&&... arguments) {
        return detail::make_body<body_for<Function, Arguments...>>(
            options, std::forward<Function>(function), std::forward<Arguments>(arguments)...);
    }

  public:
    // From any callable, which is called with the yielder (or without, if it does not take one).
    // Nothing runs yet. Throws std::bad_alloc when there is no stack. Never suspends.
    template <class Function>
        requires(callable<Function>)
    explicit coroutine(Function&& function,
                       std::source_location where = std::source_location::current())
        : coroutine{coroutine_options{.where = where}, std::forward<Function>(function)} {}

    // The same with arguments, at most twelve, which come behind the yielder; they are moved or copied into the
    // coroutine, as std::thread does.
    template <class Function, PIRN_ARGUMENT_TYPES>
        requires(callable_with<Function>(detail::present_types<PIRN_ARGUMENT_NAMES>{}))
    explicit coroutine(Function&& function, PIRN_ARGUMENTS,
                       std::source_location where = std::source_location::current())
        : coroutine_handle{detail::with_present(
              [&](auto&&... present) {
                  return make(coroutine_options{.where = where}, std::forward<Function>(function),
                              std::forward<decltype(present)>(present)...);
              },
              PIRN_FORWARD_ARGUMENTS)} {}

    // With options, and arguments or none.
    template <class Function, class... Arguments>
        requires(callable<Function, Arguments...>)
    coroutine(const coroutine_options& options, Function&& function, Arguments&&... arguments)
        : coroutine_handle{make(options, std::forward<Function>(function),
                                std::forward<Arguments>(arguments)...)} {}

    // resume: runs the coroutine until it yields (true: see value) or has returned (false: see result).
    // What the function throws comes out here, and the coroutine is done. With an Inject this form
    // only starts it. Where a transfer put another coroutine in this one's place, it is that one's
    // suspension or end that makes this return, and its exception that comes out. Suspends the caller,
    // until the coroutine does.
    PIRN_ALWAYS_INLINE bool resume() {
        if constexpr (!std::is_void_v<Inject>) {
            PIRN_REQUIRE(status() == coroutine_status::start,
                         "a started coroutine that takes values must be resumed with one",
                         {"name", name()}, {"status", to_string(status())});
        }
        return step();
    }

    // The same, handing `injected` to the coroutine as the result of its yield, where it is moved to.
    // Not for the first resume: there is no yield yet that could return it.
    template <class Value = Inject>
        requires(!std::is_void_v<Value> && std::is_same_v<Value, Inject>)
    PIRN_ALWAYS_INLINE bool resume(std::type_identity_t<Value> injected) {
        PIRN_REQUIRE(
            status() == coroutine_status::suspended,
            "a value can be injected only into a suspended coroutine; start it with resume()",
            {"name", name()}, {"status", to_string(status())});
        frame_->transfer = const_cast<void*>(static_cast<const void*>(std::addressof(injected)));
        return step();
    }

    // next: resumes and gives the value that was yielded; the coroutine must not end here.
    template <class... Injected>
    yield_reference next(Injected&&... injected) {
        const bool yielded = resume(std::forward<Injected>(injected)...);
        PIRN_REQUIRE(yielded, "next() was called, but the coroutine returned instead of yielding",
                     {"name", name()});
        return value();
    }

    // finish: resumes for the last time and gives what the function returned; it must not yield again.
    template <class... Injected>
    Return finish(Injected&&... injected) {
        const bool yielded = resume(std::forward<Injected>(injected)...);
        PIRN_REQUIRE(!yielded,
                     "finish() was called, but the coroutine yielded instead of returning",
                     {"name", name()});
        return static_cast<Return>(take_result());
    }

    // value: what the coroutine yielded last; the object itself, on its stack, valid until the next
    // resume. Never suspends.
    yield_reference value() const
        requires(!std::is_void_v<Yield>)
    {
        PIRN_REQUIRE(status() == coroutine_status::suspended,
                     "only a suspended coroutine has a yielded value", {"name", name()},
                     {"status", to_string(status())});
        return *static_cast<std::remove_reference_t<Yield>*>(frame_->transfer);
    }

    // result: what the function returned; valid as long as the coroutine. Never suspends.
    return_reference result() const
        requires(!std::is_void_v<Return>)
    {
        PIRN_REQUIRE(done() && frame_->transfer != nullptr,
                     "only a coroutine whose function has returned has a result", {"name", name()},
                     {"status", to_string(status())});
        return *static_cast<std::remove_reference_t<Return>*>(frame_->transfer);
    }

  private:
    decltype(auto) take_result() {
        if constexpr (!std::is_void_v<Return>) {
            return static_cast<Return&&>(result());
        }
    }
};

} // namespace pirn
