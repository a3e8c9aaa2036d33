// SPDX-License-Identifier: MIT
//
// Waiting for the first of several things.
//
//   pirn::select(pirn::on(lines.receiving(), [&](std::optional<line> next) { … }),
//                pirn::on(replies.sending(answer), [&](bool sent) { … }),
//                pirn::on(pirn::after(1s), [&] { … }),
//                pirn::on(worker, [&] { … }),              // a join_handle: its task has ended
//                pirn::on(ready, [&] { … }),               // an event or an auto_event
//                pirn::on(token, [&] { … }),               // an std::stop_token
//                pirn::default_case([&] { … }));           // nothing of the above at once
//
// A case can be kept and used later, unless it refers to a temporary: then that does not compile.
//
// Cases are registrations: nothing has begun before select, exactly one of them happens, and the others have had
// no effect at all: no value is moved, no event is taken. If several are ready, one is chosen at random. Then
// its function is called, outside of all locks.
//
// From plain threads too, which block; except for join_handles, which belong to their scheduler's tasks.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/time.hpp>
#include <pirn/sched/join_handle.hpp>
#include <pirn/sync/event.hpp>
#include <pirn/sync/parking_lot.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

namespace pirn {

namespace detail {

template <class Case, class From, class Function>
struct registered;
template <class Function>
struct by_default;

// A case made from a reference: an event.
template <class Source>
struct by_reference {
    Source& which;
};

// NOLINTBEGIN(cppcoreguidelines-virtual-class-destructor): final
struct PIRN_EXPORT time_case;
struct PIRN_EXPORT join_case;
struct PIRN_EXPORT stop_case;
// NOLINTEND(cppcoreguidelines-virtual-class-destructor)

} // namespace detail

// on: a case, and what to do when it is the one. Never suspends.
//   channel::receiving()     Function(std::optional<T>), of nothing when the channel is closed and empty
//   channel::sending(value)  Function(bool), false when the channel is closed
//   the others               Function()
template <class Registration, class Function>
    requires(requires { typename Registration::select_case_type; })
auto on(Registration what, Function function) {
    using result =
        detail::registered<typename Registration::select_case_type, Registration, Function>;
    if constexpr (std::move_constructible<Registration>) {
        return result{std::move(what), std::move(function)};
    } else {
        return result{what.again(), std::move(function)};
    }
}
template <class Function>
auto on(event& what, Function function) {
    return detail::registered<event::select_case_type, detail::by_reference<event>, Function>{
        {what}, std::move(function)};
}
template <class Function>
auto on(auto_event& what, Function function) {
    return detail::registered<auto_event::select_case_type, detail::by_reference<auto_event>,
                              Function>{{what}, std::move(function)};
}
template <class Function>
auto on(time_point deadline, Function function) {
    return detail::registered<detail::time_case, time_point, Function>{deadline,
                                                                       std::move(function)};
}
template <class Function>
auto on(const detail::join_handle_base& task, Function function) {
    return detail::registered<detail::join_case, const detail::join_handle_base*, Function>{
        &task, std::move(function)};
}
template <class Function>
void on(const detail::join_handle_base&& task, Function function) = delete; // give it a name
template <class Function>
auto on(std::stop_token token, Function function) {
    return detail::registered<detail::stop_case, std::stop_token, Function>{std::move(token),
                                                                            std::move(function)};
}

// default_case: what to do when no other case is ready; select then does not wait.
template <class Function>
auto default_case(Function function) {
    return detail::by_default<Function>{std::move(function)};
}

// when: the case, if the condition holds; else one that is never ready. Never suspends.
template <class Case>
Case when(bool condition, Case what) {
    if constexpr (std::move_constructible<Case>) {
        what.enabled = condition;
        return what;
    } else {
        return Case{what.from.again(), std::move(what.function), condition};
    }
}

// select: waits until one of the cases is ready, carries it out, and calls its function. Gives what the function
// returns, as the common type of all of them; if they return nothing, the case's index from 0. With a default
// case, never waits. Throws `cancelled` if the task is asked to stop, and then no case has happened; what a
// function throws. Thread-safe. Suspends.
template <class... Cases>
auto select(Cases... cases);

// ---------------------------------------------------------------------------------------------------

namespace detail {

struct PIRN_EXPORT time_case final : select_case {
    explicit time_case(time_point until) noexcept { deadline = until; }
    outcome attempt(woken& wake) override;
};

struct PIRN_EXPORT join_case final : select_case {
    explicit join_case(const join_handle_base* handle) noexcept;
    outcome attempt(woken& wake) override;
    void arm() noexcept override;
    void disarm() noexcept override;

    struct bell : waiter {
        explicit bell(join_case& for_case) noexcept : waiter{nullptr, &ring}, to{for_case} {}
        static void ring(waiter& on) noexcept;
        join_case& to;
    };
    task& awaited;
    bell at_its_end{*this};
};

struct PIRN_EXPORT stop_case final : select_case {
    explicit stop_case(std::stop_token from) noexcept : token{std::move(from)} {}
    outcome attempt(woken& wake) override;
    void arm() noexcept override;
    void disarm() noexcept override;

    struct ring {
        void operator()() const noexcept;
        stop_case* to;
    };
    std::stop_token token;
    std::optional<std::stop_callback<ring>> callback;
};

template <class Case, class From, class Function>
struct registered {
    using function_type = Function;
    static constexpr bool is_default = false;

    From from;
    Function function;
    bool enabled = true;
};

template <class Function>
struct by_default {
    using function_type = Function;
    static constexpr bool is_default = true;

    Function function;
    bool enabled = true;
};

// live_case: what a registration becomes for the duration of the select.
template <class Registered>
struct live_case;

template <class Case, class From, class Function>
struct live_case<registered<Case, From, Function>> {
    explicit live_case(registered<Case, From, Function>& what)
        : enabled{what.enabled}, function{what.function}, itself{source(what.from)} {}

    static decltype(auto) source(From& from) {
        if constexpr (requires { from.which; }) {
            return (from.which);
        } else {
            return (from);
        }
    }
    decltype(auto) finish() {
        if constexpr (requires { itself.finish(function); }) {
            return itself.finish(function);
        } else {
            return function();
        }
    }

    bool enabled;
    Function& function;
    Case itself;
};

template <class Function>
struct live_case<by_default<Function>> {
    explicit live_case(by_default<Function>& what)
        : enabled{what.enabled}, function{what.function} {}
    decltype(auto) finish() { return function(); }

    bool enabled;
    Function& function;
};

// choose: waits for one of the cases, whose order it changes, and gives it carried out; null if none is ready
// and there is a default. `locks` is room for as many. Suspends.
PIRN_EXPORT select_case* choose(std::span<select_case*> cases, std::span<spin_lock*> locks,
                                bool has_default);

template <class Live>
using finished = decltype(std::declval<Live&>().finish());

// finish_one: calls the function of the case with that index.
template <class Result, std::size_t Index, class Live>
Result finish_one(Live& live, std::size_t index) {
    if constexpr (Index + 1 < std::tuple_size_v<Live>) {
        if (index != Index) {
            return finish_one<Result, Index + 1>(live, index);
        }
    }
    return static_cast<Result>(std::get<Index>(live).finish());
}

} // namespace detail

template <class... Cases>
auto select(Cases... cases) {
    static_assert(sizeof...(Cases) > 0, "a select of nothing would wait for ever");
    static_assert((std::size_t{0} + ... + std::size_t{Cases::is_default}) <= 1,
                  "a select has at most one default case");
    constexpr std::size_t all = sizeof...(Cases);
    constexpr std::array<bool, all> are_default{Cases::is_default...};

    std::tuple<detail::live_case<Cases>...> live{cases...};
    std::array<detail::select_case*, all> chosen_from{};
    std::array<detail::spin_lock*, all> locks{};
    std::size_t count = 0;
    std::size_t index = 0;
    bool has_default = false;
    const auto enter = [&](auto& one) {
        if constexpr (requires { one.itself; }) {
            if (one.enabled) {
                one.itself.index = index;
                chosen_from[count++] = &one.itself;
            }
        } else {
            has_default = one.enabled;
        }
        ++index;
    };
    std::apply([&](auto&... each) { (enter(each), ...); }, live);

    const detail::select_case* const won =
        detail::choose(std::span{chosen_from}.first(count), locks, has_default);
    // The position of the default case, or 0, which is then not used; known to the compiler.
    constexpr std::size_t default_at = [](const auto& these) {
        for (std::size_t i = 0; i < these.size(); ++i) {
            if (these[i]) {
                return i;
            }
        }
        return std::size_t{0};
    }(are_default);
    const std::size_t winner = won != nullptr ? won->index : default_at;

    if constexpr ((std::is_void_v<detail::finished<detail::live_case<Cases>>> && ...)) {
        detail::finish_one<void, 0>(live, winner);
        return winner;
    } else {
        using result = std::common_type_t<detail::finished<detail::live_case<Cases>>...>;
        return detail::finish_one<result, 0>(live, winner);
    }
}

} // namespace pirn
