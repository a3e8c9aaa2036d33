// SPDX-License-Identifier: MIT
//
// The contract between the loop and a backend: who asks the kernel. The loop keeps the account, the
// timers and the queue of finished operations, and calls completions; a backend only carries requests
// to the kernel and brings back results. It never calls a completion: it puts the operation into the
// queue of finished ones, and the loop calls from there when the backend is not on the stack.
//
//                    submit, attempt, cancel                  finish(operation, result)
//   loop.cpp ───────────────────────────────────► backend ────────────────────────────────► finished
//      ▲                   poll                                                                 │
//      └──────────────────────────── deliver: completions are called ───────────────────────────┘
//
// Everything but wake() is called by the loop's thread.
#pragma once

#include <pirn/base/list.hpp>
#include <pirn/base/time.hpp>
#include <pirn/loop/child.hpp>
#include <pirn/loop/operation.hpp>
#include <pirn/loop/work.hpp>

#include <cstdint>

namespace pirn::detail {

// operation_access: the private parts of an operation, for the loop's own files.
struct operation_access {
    using queue = list<operation, &operation::link_>;

    static void set_result(operation& what, int result) noexcept { what.result_ = result; }
    static bool queued(const operation& what) noexcept { return what.link_.linked(); }
    static std::uint8_t& flags(operation& what) noexcept { return what.flags_; }

    static os::handle& pidfd(child_operation& what) noexcept { return what.pidfd_; }
    static const os::handle& pidfd(const child_operation& what) noexcept { return what.pidfd_; }

    static pool_door*& door(pooled_operation& what) noexcept { return what.door_; }
    static void*& runner(pooled_operation& what) noexcept { return what.runner_; }
    static std::atomic<int>& stop(pooled_operation& what) noexcept { return what.stop_; }
};

// operation_queue: operations in the order of arrival. Each is in at most one.
using operation_queue = operation_access::queue;

// operation_flag: bits of operation::flags_, all clear at submit.
namespace operation_flag {
inline constexpr std::uint8_t finished = 0x80; // in the loop's queue of finished ones
inline constexpr std::uint8_t on_pool = 0x40;  // the blocking pool has it, not the backend
inline constexpr std::uint8_t backend = 0x0f;  // whatever its keeper wants to remember
} // namespace operation_flag

class backend {
  public:
    explicit backend(operation_queue& finished) noexcept : finished_{finished} {}
    backend(const backend&) = delete;
    backend& operator=(const backend&) = delete;
    virtual ~backend() = default;

    // serves: whether the kernel does this without a thread of ours; otherwise the loop gives it to the
    // pool. Asked only for what the pool can do.
    virtual bool serves(operation_kind kind) const noexcept = 0;

    // submit: takes the operation in. It may be finished at once.
    virtual void submit(operation& what) noexcept = 0;

    // attempt: true when the kernel has answered without waiting; the result is set and the operation
    // not taken in. Otherwise the same as submit.
    virtual bool attempt(operation& what) noexcept = 0;

    // cancel: the operation was taken in and is not finished. It gets finished once the kernel has
    // let go of it, in this call or later.
    virtual void cancel(operation& what) noexcept = 0;

    // release: forgets what is known about a descriptor.
    virtual void release(int descriptor) noexcept = 0;

    // poll: hands over what is queued and finishes what the kernel is done with. Waits until then for
    // a completion or a wake, not at all when the time is time_point::min(). May return early with
    // nothing. True when there was a wake. Throws std::system_error when the kernel refuses to go on.
    virtual bool poll(time_point until) = 0;

    // wake: ends a poll that waits, or keeps the next one from waiting. Thread- and signal-safe.
    virtual void wake() noexcept = 0;

    virtual const char* name() const noexcept = 0;
    virtual int socket_flags() const noexcept = 0;

  protected:
    void finish(operation& what, int result) noexcept {
        operation_access::set_result(what, result);
        operation_access::flags(what) |= operation_flag::finished;
        finished_.push_back(what);
    }
    bool nothing_finished() const noexcept { return finished_.empty(); }

  private:
    operation_queue& finished_;
};

} // namespace pirn::detail
