// SPDX-License-Identifier: MIT
//
// Values that belong to a task and to whatever it spawns: the number of the request, whoever is logged in, a trace.
//
//   inline pirn::task_local<std::string> request;          // in some header; the object is only a key
//
//   request.with("r-17", [&] {                             // in here, and in the tasks that are spawned in here
//       log(*request);
//       group.spawn([] { log(*request); });
//   });
//
// A value is set for the duration of a function and cannot be changed, so that a child may read it at any time
// without a lock, also after its parent has gone on. After Java's ScopedValue and Python's contextvars.
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/base/export.hpp>
#include <pirn/sched/task.hpp>

#include <atomic>
#include <functional>
#include <type_traits>
#include <utility>

namespace pirn {

namespace detail {

// local_values: one value, and those that were set before it under other keys. Shared by all tasks that can see it; each
// of them, and each value set later, keeps a reference.
//
// A value that is set again hides the one before it, which must not be kept by a chain of tasks each of which sets it and
// spawns the next. So the chain of a new value leaves it out: what stands above it is linked a second time, by a link
// without a value of its own.
struct local_values {
    local_values(const void* of, local_values* earlier,
                 void (*how)(local_values&) noexcept) noexcept
        : key{of}, before{earlier}, owner{this}, destroy{how} {}
    local_values(local_values& again, local_values* earlier) noexcept
        : key{again.key}, before{earlier}, owner{again.owner}, destroy{nullptr} {}

    const void* const key;
    local_values* const before;
    local_values* const owner; // the link that has the value: mostly this one
    void (*const destroy)(local_values&) noexcept;
    std::atomic<std::uint32_t> references{1}; // to this link
    std::atomic<std::uint32_t> links{1};      // of an owner: those that have its value
};

// share, drop: one reference more, one less. Thread-safe. Never suspend.
inline local_values* share(local_values* values) noexcept {
    if (values != nullptr) {
        values->references.fetch_add(1, std::memory_order_relaxed);
    }
    return values;
}
PIRN_EXPORT void drop(local_values* values) noexcept;

// without: the same values but that of this key, with a reference of the caller's. Throws std::bad_alloc. Never suspends.
PIRN_EXPORT local_values* without(local_values* values, const void* key);

// find_local: the owner of the value of that key that the current task can see, or null. Never suspends.
PIRN_EXPORT local_values* find_local(const void* key) noexcept;

} // namespace detail

// task_local: a key. Used by any task, on any thread; its address is its identity, so it is a global or lives as long
// as the tasks that use it.
template <class T>
class task_local {
  public:
    task_local() noexcept = default;
    task_local(const task_local&) = delete;
    task_local& operator=(const task_local&) = delete;

    // with: calls the function with this value set, and returns what it returns. Called inside a task. Throws
    // std::bad_alloc. Suspends if the function does.
    template <class Function>
    decltype(auto) with(T value, Function&& function) const;

    // get: the value, or null where none is set, and outside of any task. Valid as long as the function of `with`, or
    // the task that asks. Never suspends.
    const T* get() const noexcept;
    // value_or: a copy of it, or of this. Never suspends.
    T value_or(T otherwise) const {
        const T* const set = get();
        return set != nullptr ? *set : std::move(otherwise);
    }
    // A programmer error where none is set. Never suspends.
    const T& operator*() const {
        const T* const set = get();
        PIRN_REQUIRE(set != nullptr, "a task_local was read where it has no value");
        return *set;
    }
    const T* operator->() const { return &**this; }

  private:
    struct node : detail::local_values {
        node(const void* of, detail::local_values* earlier, T&& with)
            : local_values{of, earlier,
                           [](local_values& self) noexcept { delete static_cast<node*>(&self); }},
              value{std::move(with)} {}
        const T value;
    };
};

// ---------------------------------------------------------------------------------------------------

template <class T>
template <class Function>
decltype(auto) task_local<T>::with(T value, Function&& function) const {
    detail::task* const self = detail::current_task();
    PIRN_REQUIRE(self != nullptr, "a task_local was set outside of any task");
    struct setting {
        setting(detail::task& of, const void* key, T&& with) : whose{of}, before{of.locals} {
            struct reference {
                ~reference() { detail::drop(values); }
                detail::local_values* values;
            } others{detail::without(before, key)};
            mine = new node{key, others.values, std::move(with)};
            others.values = nullptr; // it is the node's
            whose.locals = mine;
        }
        ~setting() {
            whose.locals = before;
            detail::drop(mine);
        }
        setting(const setting&) = delete;
        setting& operator=(const setting&) = delete;
        detail::task& whose;
        detail::local_values* before;
        node* mine = nullptr;
    } const set{*self, this, std::move(value)};
    return std::invoke(std::forward<Function>(function));
}

template <class T>
const T* task_local<T>::get() const noexcept {
    detail::local_values* const found = detail::find_local(this);
    return found != nullptr ? &static_cast<node*>(found)->value : nullptr;
}

} // namespace pirn
