// SPDX-License-Identifier: MIT
//
// The inside of a loop, shared by loop.cpp, which is what callers see, and turn.cpp, which is what `run` does.
//
// Shared state: `asked`, set by wake and cleared by the turn; the backend's wake, which the blocking pool
// rings too; the pool's door. Everything else belongs to the loop's thread.
#pragma once

#include <pirn/loop/loop.hpp>
#include <pirn/loop/test_clock.hpp>

#include "loop/backend.hpp"
#include "loop/pool_door.hpp"
#include "loop/timers.hpp"
#include "os/fork.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>

namespace pirn {

struct loop::state {
    // at_once: until then nobody waits, as no clock reading can lie before it.
    static constexpr time_point at_once = time_point::min();

    explicit state(const loop_options& options);

    // is_here: whether this is the process that made the loop, and not a child of it.
    bool is_here() const noexcept { return generation == os::fork_generation(); }
    time_point now() const noexcept { return time == nullptr ? clock::now() : time->now(); }

    void require_owner() const;
    void require_here(const char* caller) const;
    void require_fed(int descriptor) const;
    void admit(operation& what) const;
    void enter(operation& what) noexcept;
    void finish(operation& what, int result) noexcept;
    void leave(operation& what) noexcept;

    // turn: asks the kernel, waiting no longer than `until`, and calls the completions. True when somebody
    // called wake; the pool's threads ring the same bell for what they have done.
    bool turn(time_point until, std::size_t& delivered);
    bool poll(time_point until);
    time_point latest(time_point until);
    void expire() noexcept;
    std::size_t deliver() noexcept;
    std::size_t deliver_reports() noexcept;
    std::size_t refuse();

    detail::outbox out; // whose completions are still to be called
    std::unique_ptr<detail::backend> kernel;
    std::optional<std::system_error> refused; // by the kernel, and not thrown yet
    // The door that an operation for a pool goes out by.
    detail::pool_door& door_for(const pooled_operation& what) noexcept {
        return detail::operation_access::is_call(what) ? calls : door;
    }

    detail::pool_door door;  // files, names and work
    detail::pool_door calls; // pirn::blocking
    timers clockwork;
    test_clock* const time;
    std::size_t pending = 0;
    std::atomic<int> asked{0}; // somebody has called wake
    bool running = false;
    const unsigned generation = os::fork_generation();
    const std::thread::id owner = std::this_thread::get_id();
};

} // namespace pirn
