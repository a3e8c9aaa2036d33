// SPDX-License-Identifier: MIT
//
// Something that happens, and may be waited for: `event` stays set until it is reset and lets everybody pass;
// `auto_event` lets one pass for each set and is reset by that.
//
//   pirn::event ready;
//   pirn::spawn([&] { prepare(); ready.set(); }).detach();
//   ready.wait();
//
// From any thread, tasks and others. Outside of any task, wait blocks the thread.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/sync/parking_lot.hpp>

namespace pirn {

class PIRN_EXPORT event {
  public:
    explicit event(bool is_set = false) noexcept : set_{is_set} {}
    event(const event&) = delete;
    event& operator=(const event&) = delete;
    // Nobody may be waiting.
    ~event();

    // set: from now on nobody waits; those who do go on. Thread-safe. Never suspends.
    void set() noexcept;

    // reset: from now on whoever calls wait does wait. Those let go by an earlier set still go on, even when
    // they have not run yet. Thread-safe. Never suspends.
    void reset() noexcept;

    // wait: until the event is set. Throws `cancelled` if the task is asked to stop. Thread-safe. Suspends.
    void wait();

    // is_set: at this moment. Thread-safe. Never suspends.
    bool is_set() const noexcept;

    // For `on` of select.hpp. NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): final
    struct select_case_type;

  private:
    mutable detail::spin_lock guard_;
    detail::wait_queue waiters_;
    bool set_;
};

class PIRN_EXPORT auto_event {
  public:
    explicit auto_event(bool is_set = false) noexcept : set_{is_set} {}
    auto_event(const auto_event&) = delete;
    auto_event& operator=(const auto_event&) = delete;
    // Nobody may be waiting.
    ~auto_event();

    // set: lets the first one pass that waits; if nobody does, the next one that comes. Several sets with nobody
    // waiting count as one. Thread-safe. Never suspends.
    void set() noexcept;

    // reset: takes back a set that has let nobody pass. Thread-safe. Never suspends.
    void reset() noexcept;

    // wait: until a set lets this one pass, first come, first served. Throws `cancelled` if the task is asked to
    // stop; the set is then somebody else's. Thread-safe. Suspends.
    void wait();

    // try_wait: passes if the event is set. Thread-safe. Never suspends.
    [[nodiscard("whether it was done is the answer; look at it")]] bool try_wait() noexcept;

    // For `on` of select.hpp. NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): final
    struct select_case_type;

  private:
    mutable detail::spin_lock guard_;
    detail::wait_queue waiters_;
    bool set_;
};

// ---------------------------------------------------------------------------------------------------

struct PIRN_EXPORT event::select_case_type final : detail::select_case {
    explicit select_case_type(event& of) noexcept : which{of} {
        guard = &of.guard_;
        queue = &of.waiters_;
    }
    detail::outcome attempt(detail::woken& wake) override;

    event& which;
};

struct PIRN_EXPORT auto_event::select_case_type final : detail::select_case {
    explicit select_case_type(auto_event& of) noexcept : which{of} {
        guard = &of.guard_;
        queue = &of.waiters_;
    }
    detail::outcome attempt(detail::woken& wake) override;

    auto_event& which;
};

} // namespace pirn
