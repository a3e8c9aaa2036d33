// SPDX-License-Identifier: MIT
//
// Something that is done once, whoever comes first; in the manner of std::call_once.
//
//   pirn::once opened;
//   opened.call([&] { connection = connect(); });   // may suspend; the others wait until it is done
//
// From any thread, tasks and others. Outside of any task, waiting blocks the thread.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/sync/parking_lot.hpp>

#include <functional>
#include <utility>

namespace pirn {

class PIRN_EXPORT once {
  public:
    once() noexcept = default;
    once(const once&) = delete;
    once& operator=(const once&) = delete;
    // Nobody may be waiting, or doing it.
    ~once();

    // call: calls the function, unless it was done; if somebody is at it, waits until that is known. When the
    // function throws, that comes out here, it was not done, and the first one that waits tries. Throws
    // `cancelled` if the task is asked to stop. Thread-safe. Suspends.
    template <class Function, class... Arguments>
    void call(Function&& function, Arguments&&... arguments);

    // done: whether it was done. Thread-safe. Never suspends.
    bool done() const noexcept;

  private:
    bool begin();
    void end(bool well) noexcept;

    mutable detail::spin_lock guard_;
    detail::wait_queue waiters_; // empty unless somebody is at it
    const void* at_it_ = nullptr;
    bool done_ = false;
};

// ---------------------------------------------------------------------------------------------------

template <class Function, class... Arguments>
void once::call(Function&& function, Arguments&&... arguments) {
    if (!begin()) {
        return;
    }
    struct ending {
        ~ending() { of.end(well); }
        once& of;
        bool well = false;
    } at_the_end{*this};
    std::invoke(std::forward<Function>(function), std::forward<Arguments>(arguments)...);
    at_the_end.well = true;
}

} // namespace pirn
