// SPDX-License-Identifier: MIT
//
// Coroutine storage: an object of the owner's that every function on the coroutine's stack can reach, without
// being handed it down.
//
//   pirn::coroutine_storage<request> of_this_one{...};
//   pirn::coroutine<> handler{{.storage = &of_this_one}, serve};
//
//   void log(std::string_view what) { pirn::storage<request>().lines.push_back(what); }   // called by serve
//
// What a thread_local is to a thread. Nested coroutines have storages of their own, or none.
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/coro/current.hpp>

#include <utility>

namespace pirn {

namespace detail {

// storage_type: its address stands for the type, without RTTI. Not const, or a linker might fold several.
template <class T>
inline char storage_type{};

struct any_storage {
    const void* type;
};

} // namespace detail

// coroutine_storage: a T that is given to a coroutine by its address, in coroutine_options::storage. Belongs to
// the owner, and outlives the coroutine. Several coroutines may share one.
template <class T>
class coroutine_storage : public detail::any_storage {
  public:
    template <class... Arguments>
    explicit coroutine_storage(Arguments&&... arguments)
        : any_storage{&detail::storage_type<T>}, value{std::forward<Arguments>(arguments)...} {}
    coroutine_storage(const coroutine_storage&) = delete;
    coroutine_storage& operator=(const coroutine_storage&) = delete;

    T value;
};

// find_storage: the storage of a coroutine; null when it has none, or one of another type. Never suspends.
template <class T>
T* find_storage(const coroutine_ref& of) noexcept {
    detail::any_storage* const any = detail::frame_access::of(of).storage;
    return any != nullptr && any->type == &detail::storage_type<T>
               ? &static_cast<coroutine_storage<T>*>(any)->value
               : nullptr;
}

// find_storage: that of the innermost running coroutine; null also outside of any. Never suspends.
template <class T>
T* find_storage() noexcept {
    const auto running = current();
    return running ? find_storage<T>(*running) : nullptr;
}

// storage: the same, where there must be one. Never suspends.
template <class T>
T& storage() {
    T* const found = find_storage<T>();
    PIRN_REQUIRE(found != nullptr,
                 "the running coroutine has no storage of this type; give it one in "
                 "coroutine_options::storage",
                 {"name", current() ? current()->name() : "(no coroutine)"});
    return *found;
}

} // namespace pirn
