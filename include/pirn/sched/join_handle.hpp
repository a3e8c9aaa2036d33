// SPDX-License-Identifier: MIT
//
// The owner's end of a task, in the manner of std::jthread: it stops and joins when it goes out of
// scope, unless it was joined or detached before.
//
//   pirn::join_handle<int> answer = pirn::spawn([] { return 42; });
//   use(answer.get());
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/sched/task.hpp>

#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pirn {

namespace detail {

// What does not depend on the result's type.
class join_handle_base {
  public:
    join_handle_base() noexcept = default;
    join_handle_base(join_handle_base&& other) noexcept
        : task_{std::exchange(other.task_, nullptr)} {}
    join_handle_base& operator=(join_handle_base&& other) noexcept {
        if (this != &other) {
            let_go();
            task_ = std::exchange(other.task_, nullptr);
        }
        return *this;
    }

    // valid: whether there is a task to join: not moved from, not detached, get() not called.
    bool valid() const noexcept { return task_ != nullptr; }

    // done: whether the task has ended. Never suspends.
    bool done() const noexcept { return checked().ended(); }

    // name: as given in the options. Never suspends.
    std::string_view name() const noexcept { return checked().name(); }

    // join: waits for the task to end, whatever its outcome. Throws `cancelled` if the caller is asked
    // to stop meanwhile; the task goes on. Outside of any task, runs the scheduler until then. Suspends.
    void join() { wait_for_end(checked(), true); }

    // request_stop: asks the task to leave: its suspending calls end with `cancelled` from now on.
    // Returns at once. Never suspends.
    void request_stop() noexcept { ask_to_stop(checked()); }

    // detach: lets the task run on by itself. Should an error leave it, that is reported on stderr.
    // Never suspends.
    void detach() noexcept {
        checked();
        release(*std::exchange(task_, nullptr));
    }

  protected:
    explicit join_handle_base(task& which) noexcept : task_{&which} {}
    // Stops and joins. Suspends.
    ~join_handle_base() { let_go(); }

    task& checked() const noexcept {
        PIRN_REQUIRE(task_ != nullptr, "a join_handle was used that has no task any more");
        return *task_;
    }

    void let_go() noexcept {
        if (task_ != nullptr) {
            stop_and_join(*task_);
            release(*std::exchange(task_, nullptr));
        }
    }

    task* task_ = nullptr;
};

} // namespace detail

// join_handle: for a task that returns a T, which may be void or a reference. Used on the thread of the
// task's scheduler.
template <class T = void>
class [[nodiscard(
    "the task is stopped at once when its join_handle is dropped; keep the handle, or "
    "detach()")]] join_handle : public detail::join_handle_base {
  public:
    join_handle() noexcept = default;

    // get: joins, and gives the result or throws what the task threw. Once. Suspends.
    T get();

  private:
    friend class scheduler;
    using join_handle_base::join_handle_base;
};

// ---------------------------------------------------------------------------------------------------

template <class T>
T join_handle<T>::get() {
    join();
    // The result stands on the task's stack: the reference is given up when it has been moved out.
    struct releaser {
        ~releaser() { detail::release(*which); }
        detail::task* which;
    } const at_the_end{std::exchange(task_, nullptr)};
    detail::take_failure(*at_the_end.which);
    if constexpr (!std::is_void_v<T>) {
        return static_cast<T&&>(
            *static_cast<std::remove_reference_t<T>*>(at_the_end.which->transfer));
    }
}

} // namespace pirn
