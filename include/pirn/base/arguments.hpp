// SPDX-License-Identifier: MIT
//
// Functions that take any number of arguments and know the place of their caller. A default argument cannot stand
// behind a pack, so the arguments are parameters of their own, and each may be absent:
//
//   template <class Function, PIRN_ARGUMENT_TYPES>
//   auto spawn(Function&& function, PIRN_ARGUMENTS, std::source_location where = current());
//
// An argument that is absent is an empty object; the compiler removes it.
//
// This is not API. It is installed because templates use it.
#pragma once

#include <pirn/base/config.hpp>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace pirn::detail {

// absent: the type of an argument that was not given. Explicit, so that `{}` in a call is not taken for one.
struct absent {
    explicit constexpr absent() noexcept = default;
};

template <class... Types>
struct type_list {
    static constexpr std::size_t size = sizeof...(Types);
};

// present_types: the types before the first that is absent.
template <class Present, class... Rest>
struct collect_present {
    using type = Present;
};
template <class... Present, class... Rest>
struct collect_present<type_list<Present...>, absent, Rest...> {
    using type = type_list<Present...>;
};
template <class... Present, class First, class... Rest>
struct collect_present<type_list<Present...>, First, Rest...>
    : collect_present<type_list<Present..., First>, Rest...> {};
template <class... Maybe>
using present_types = typename collect_present<type_list<>, Maybe...>::type;

template <class Function, class Types>
inline constexpr bool is_callable_with = false;
template <class Function, class... Types>
inline constexpr bool is_callable_with<Function, type_list<Types...>> =
    std::is_invocable_v<std::decay_t<Function>, std::decay_t<Types>...>;

// callable_with: the function, moved or copied into a task, can be called with the arguments that are present, moved or
// copied there too; and there is at least one.
template <class Function, class... Maybe>
concept callable_with =
    present_types<Maybe...>::size > 0 && is_callable_with<Function, present_types<Maybe...>>;

// with_present: calls the action with the arguments that are present.
template <class Action, class... Maybe>
PIRN_ALWAYS_INLINE decltype(auto) with_present(Action&& action, Maybe&&... maybe) {
    std::tuple<Maybe&&...> all{std::forward<Maybe>(maybe)...};
    return [&]<std::size_t... Index>(std::index_sequence<Index...>) -> decltype(auto) {
        return action(std::get<Index>(std::move(all))...);
    }(std::make_index_sequence<present_types<Maybe...>::size>{});
}

} // namespace pirn::detail

// Room for twelve arguments. Each macro is a list for one place of a declaration: the template's parameters, the
// function's, the types by themselves, and the arguments as they are passed on.
#define PIRN_ARGUMENT_TYPES                                                                        \
    class A = ::pirn::detail::absent, class B = ::pirn::detail::absent,                            \
          class C = ::pirn::detail::absent, class D = ::pirn::detail::absent,                      \
          class E = ::pirn::detail::absent, class F = ::pirn::detail::absent,                      \
          class G = ::pirn::detail::absent, class H = ::pirn::detail::absent,                      \
          class I = ::pirn::detail::absent, class J = ::pirn::detail::absent,                      \
          class K = ::pirn::detail::absent, class L = ::pirn::detail::absent
#define PIRN_ARGUMENTS                                                                             \
    A &&a = A{}, B &&b = B{}, C &&c = C{}, D &&d = D{}, E &&e = E{}, F &&f = F{}, G &&g = G{},     \
      H &&h = H{}, I &&i = I{}, J &&j = J{}, K &&k = K{}, L &&l = L {}
#define PIRN_ARGUMENT_NAMES A, B, C, D, E, F, G, H, I, J, K, L
#define PIRN_FORWARD_ARGUMENTS                                                                     \
    std::forward<A>(a), std::forward<B>(b), std::forward<C>(c), std::forward<D>(d),                \
        std::forward<E>(e), std::forward<F>(f), std::forward<G>(g), std::forward<H>(h),            \
        std::forward<I>(i), std::forward<J>(j), std::forward<K>(k), std::forward<L>(l)
