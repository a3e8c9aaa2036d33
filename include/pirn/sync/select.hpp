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
#include <initializer_list>
#include <optional>
#include <span>
#include <stop_token>
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

template <class Live>
void enter_one(std::size_t index, Live& one, std::span<select_case*> into, std::size_t& count,
               bool& has_default) noexcept {
    if constexpr (requires { one.itself; }) {
        if (one.enabled) {
            one.itself.index = index;
            into[count++] = &one.itself;
        }
    } else {
        has_default = one.enabled;
    }
}

template <class Result, class Live>
Result finish_at(void* live) {
    return static_cast<Result>(static_cast<Live*>(live)->finish());
}

// What a select of many cases compiles in grows with their number and not with its square: so no name but that of
// select itself and of these two holds the types of all cases, and no fold is as deep as they are many.
template <std::size_t Index, class Live>
struct nth_case {
    Live live;
};
template <class Indices, class... Cases>
struct cases_in_order;
template <std::size_t... Index, class... Cases>
struct cases_in_order<std::index_sequence<Index...>, Cases...>
    : nth_case<Index, live_case<Cases>>... {
    explicit cases_in_order(Cases&... cases)
        : nth_case<Index, live_case<Cases>>{live_case<Cases>(cases)}... {}

    // enter: notes the enabled cases, their number and the default case. Never suspends.
    void enter(std::span<select_case*> into, std::size_t& count, bool& has_default) noexcept {
        const std::array<int, sizeof...(Cases)> done{
            (enter_one(Index, static_cast<nth_case<Index, live_case<Cases>>&>(*this).live, into,
                       count, has_default),
             0)...};
        static_cast<void>(done);
    }

    // finish: calls the function of the case with that index.
    template <class Result>
    Result finish(std::size_t index) {
        using by_address = Result (*)(void*);
        constexpr std::array<by_address, sizeof...(Cases)> functions{
            &finish_at<Result, live_case<Cases>>...};
        const std::array<void*, sizeof...(Cases)> addresses{
            &static_cast<nth_case<Index, live_case<Cases>>&>(*this).live...};
        return functions[index](addresses[index]);
    }
};

consteval std::size_t count_true(std::initializer_list<bool> of) {
    std::size_t count = 0;
    for (const bool each : of) {
        count += each ? 1 : 0;
    }
    return count;
}
consteval std::size_t first_true(std::initializer_list<bool> of) {
    std::size_t index = 0;
    for (const bool each : of) {
        if (each) {
            return index;
        }
        ++index;
    }
    return 0;
}

// select_result: the common type of all; without looking for one where all are the same.
template <class First, class... Others>
struct select_result
    : std::conditional_t<count_true({std::is_same_v<First, Others>...}) == sizeof...(Others),
                         std::type_identity<First>, std::common_type<First, Others...>> {};

} // namespace detail

template <class... Cases>
auto select(Cases... cases) {
    static_assert(sizeof...(Cases) > 0, "a select of nothing would wait for ever");
    static_assert(detail::count_true({Cases::is_default...}) <= 1,
                  "a select has at most one default case");
    constexpr std::size_t all = sizeof...(Cases);

    detail::cases_in_order<std::make_index_sequence<all>, Cases...> live{cases...};
    std::array<detail::select_case*, all> chosen_from{};
    std::array<detail::spin_lock*, all> locks{};
    std::size_t count = 0;
    bool has_default = false;
    live.enter(chosen_from, count, has_default);

    const detail::select_case* const won =
        detail::choose(std::span{chosen_from}.first(count), locks, has_default);
    // The position of the default case, or 0, which is then not used; known to the compiler.
    constexpr std::size_t default_at = detail::first_true({Cases::is_default...});
    const std::size_t winner = won != nullptr ? won->index : default_at;

    constexpr std::size_t returning_nothing =
        detail::count_true({std::is_void_v<detail::finished<detail::live_case<Cases>>>...});
    if constexpr (returning_nothing == all) {
        live.template finish<void>(winner);
        return winner;
    } else {
        using result =
            typename detail::select_result<detail::finished<detail::live_case<Cases>>...>::type;
        return live.template finish<result>(winner);
    }
}

} // namespace pirn
