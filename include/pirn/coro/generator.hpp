// SPDX-License-Identifier: MIT
//
// A generator: a coroutine seen as a range. Values come out one at a time, as they are asked for, and
// the function that makes them may be as recursive as it likes:
//
//   void walk(node* at, auto& yield) {
//       if (at == nullptr) return;
//       walk(at->left, yield);
//       yield(at->value);
//       walk(at->right, yield);
//   }
//   for (int& value : pirn::generator<int>{[&](auto& yield) { walk(root, yield); }}) use(value);
#pragma once

#include <pirn/coro/coroutine.hpp>

#include <cstddef>
#include <iterator>
#include <memory>
#include <ranges>
#include <source_location>
#include <type_traits>
#include <utility>

namespace pirn {

// generator: a single-pass range of T&. Nothing is copied: the loop sees the very object that was
// yielded. generator<const T> shows it read-only.
template <class T>
class generator : public std::ranges::view_interface<generator<T>> {
    using coroutine_type = coroutine<T&>;

  public:
    class iterator;

    // From any callable that takes the yielder, and arguments for it; with options first if wanted.
    // Nothing runs until begin(). Throws std::bad_alloc when there is no stack. Never suspends.
    template <class Function>
        requires(std::is_constructible_v<coroutine_type, Function>)
    explicit generator(Function&& function,
                       std::source_location where = std::source_location::current())
        : coroutine_{coroutine_options{.where = where}, std::forward<Function>(function)} {}

    template <class Function, PIRN_ARGUMENT_TYPES>
        requires(detail::present_types<PIRN_ARGUMENT_NAMES>::size > 0 &&
                 std::is_constructible_v<coroutine_type, Function, PIRN_ARGUMENT_NAMES>)
    explicit generator(Function&& function, PIRN_ARGUMENTS,
                       std::source_location where = std::source_location::current())
        : coroutine_{std::forward<Function>(function), PIRN_FORWARD_ARGUMENTS, where} {}

    template <class Function, class... Arguments>
        requires(std::is_constructible_v<coroutine_type, const coroutine_options&, Function,
                                         Arguments...>)
    generator(const coroutine_options& options, Function&& function, Arguments&&... arguments)
        : coroutine_{options, std::forward<Function>(function),
                     std::forward<Arguments>(arguments)...} {}

    // begin: runs to the first value. To be called once. What the function throws comes out here and
    // out of ++.
    iterator begin();
    std::default_sentinel_t end() const noexcept { return {}; }

  private:
    coroutine_type coroutine_;
};

template <class T>
class generator<T>::iterator {
  public:
    using value_type = std::remove_cv_t<T>;
    using difference_type = std::ptrdiff_t;

    explicit iterator(coroutine_type& source) noexcept : source_{&source} {}

    T& operator*() const { return source_->value(); }
    T* operator->() const { return std::addressof(source_->value()); }
    iterator& operator++() {
        source_->resume();
        return *this;
    }
    void operator++(int) { ++*this; }

    friend bool operator==(const iterator& at, std::default_sentinel_t) noexcept {
        return at.source_->done();
    }

  private:
    coroutine_type* source_;
};

// ---------------------------------------------------------------------------------------------------

template <class T>
typename generator<T>::iterator generator<T>::begin() {
    PIRN_REQUIRE(coroutine_.status() == coroutine_status::start,
                 "a generator can be walked only once", {"name", coroutine_.name()},
                 {"status", to_string(coroutine_.status())});
    coroutine_.resume();
    return iterator{coroutine_};
}

} // namespace pirn
