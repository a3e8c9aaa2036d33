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
#include <pirn/loop/buffers.hpp>
#include <pirn/loop/child.hpp>
#include <pirn/loop/multishot.hpp>
#include <pirn/loop/operation.hpp>
#include <pirn/loop/operations.hpp>
#include <pirn/loop/splice.hpp>
#include <pirn/loop/work.hpp>

#include "os/fork.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <vector>

namespace pirn::detail {

// operation_access: the private parts of an operation, for the loop's own files.
struct operation_access {
    using queue = list<operation, &operation::link_>;

    static void set_result(operation& what, int result) noexcept { what.result_ = result; }
    static unsigned generation(const operation& what) noexcept { return what.generation_; }
    static bool taken(const operation& what) noexcept { return what.taken_; }
    static void set_taken(operation& what, bool value) noexcept { what.taken_ = value; }
    static void forget(operation& what) noexcept {
        what.state_ = operation_state::idle;
        what.taken_ = false;
        what.link_.forget();
    }
    static void forget(timer_operation& what) noexcept { what.place_.forget(); }
    static void forget(multishot_operation& what) noexcept {
        what.report_.forget();
        what.ended_ = false;
    }
    static bool queued(const operation& what) noexcept { return what.link_.linked(); }
    static std::uint8_t& flags(operation& what) noexcept { return what.flags_; }
    static std::uint8_t flags(const operation& what) noexcept { return what.flags_; }

    // The queue of those that have something to report; its ends.
    using reports = list<multishot_operation, &multishot_operation::report_>;
    static bool reporting(const multishot_operation& what) noexcept {
        return what.report_.linked();
    }
    static int& last(multishot_operation& what) noexcept { return what.last_; }
    static bool& ended(multishot_operation& what) noexcept { return what.ended_; }

    static bool has_room(const accept_many_operation& what) noexcept {
        return what.count_ < accept_many_operation::room;
    }
    static void put_accepted(accept_many_operation& what, int descriptor) noexcept {
        what.accepted_[(what.first_ + what.count_++) % accept_many_operation::room] = descriptor;
    }
    static bool take_accepted(accept_many_operation& what, int& descriptor) noexcept {
        if (what.count_ == 0) {
            return false;
        }
        descriptor = what.accepted_[what.first_];
        what.first_ = static_cast<std::uint8_t>((what.first_ + 1) % accept_many_operation::room);
        --what.count_;
        return true;
    }

    static buffer_pool& pool(const receive_borrowed_operation& what) noexcept {
        return *what.pool_;
    }
    static std::uint32_t& oldest(receive_borrowed_operation& what) noexcept { return what.oldest_; }
    static std::uint32_t& newest(receive_borrowed_operation& what) noexcept { return what.newest_; }

    static os::handle& pidfd(child_operation& what) noexcept { return what.pidfd_; }
    static const os::handle& pidfd(const child_operation& what) noexcept { return what.pidfd_; }

    static std::array<os::handle, 2>& pipe(send_file_operation& what) noexcept {
        return what.pipe_;
    }
    static int& inside(send_file_operation& what) noexcept { return what.inside_; }
    static int& sent(send_file_operation& what) noexcept { return what.sent_; }

    static pool_door*& door(pooled_operation& what) noexcept { return what.door_; }
    static bool is_call(const pooled_operation& what) noexcept { return what.is_call_; }
    static void*& runner(pooled_operation& what) noexcept { return what.runner_; }
    static std::atomic<int>& stop(pooled_operation& what) noexcept { return what.stop_; }
};

// operation_queue: operations in the order of arrival. Each is in at most one.
using operation_queue = operation_access::queue;

// outbox: what the loop is to deliver.
struct outbox {
    operation_queue finished;
    operation_access::reports reports; // multishot operations, with something to report or ended

    bool empty() const noexcept { return finished.empty() && reports.empty(); }
};

// generation_now: of this process, as far as an operation has room to remember it.
inline unsigned generation_now() noexcept { return os::fork_generation() % 64; }

// left_behind: whether an operation in flight is the copy that a fork has made of the parent's.
inline bool left_behind(const operation& what) noexcept {
    return operation_access::generation(what) != generation_now();
}

// leave_behind: makes such a copy idle. The lists that it was in are of no use here.
void leave_behind(operation& what) noexcept;

constexpr bool is_multishot(operation_kind kind) noexcept {
    return kind == operation_kind::accept_many || kind == operation_kind::receive_borrowed;
}

// operation_flag: bits of operation::flags_, all clear at submit.
namespace operation_flag {
inline constexpr std::uint8_t finished = 0x80; // in the loop's queue of finished ones
inline constexpr std::uint8_t on_pool = 0x40;  // the blocking pool has it, not the backend
inline constexpr std::uint8_t backend = 0x3f;  // whatever its keeper wants to remember
} // namespace operation_flag

class backend {
  public:
    explicit backend(outbox& out) noexcept : out_{out} {}
    backend(const backend&) = delete;
    backend& operator=(const backend&) = delete;
    virtual ~backend() = default;

    // serves: whether the kernel does this without a thread of ours; otherwise the loop gives it to the
    // pool. Asked only for what the pool can do.
    virtual bool serves(const operation& what) const noexcept = 0;

    // submit: takes the operation in. It may be finished at once.
    virtual void submit(operation& what) noexcept = 0;

    // attempt: true when the kernel has answered without waiting; the result is set and the operation
    // not taken in. Otherwise the same as submit.
    virtual bool attempt(operation& what) noexcept = 0;

    // cancel: the operation was taken in and is not finished. It gets finished once the kernel has
    // let go of it, in this call or later.
    virtual void cancel(operation& what) noexcept = 0;

    // resume: what a multishot operation had to report is delivered: it may go on if it had stopped for
    // want of room.
    virtual void resume(multishot_operation& what) noexcept = 0;

    // attach, detach: a buffer ring begins and ends.
    virtual void attach(buffer_pool& /*pool*/) noexcept {}
    virtual void detach(buffer_pool& /*pool*/) noexcept {}

    // enrol, strike: the same, for all backends. Throws std::bad_alloc.
    void enrol(buffer_pool& pool);
    void strike(buffer_pool& pool) noexcept;

    // is_starved: whether a receive on the descriptor waits for a buffer.
    bool is_starved(int descriptor) const noexcept;

    // feed: buffers are free: serves those who starve for one, and lets the kernel have the rest.
    virtual void feed(buffer_pool& pool) noexcept = 0;

    // release: forgets what is known about a descriptor.
    virtual void release(int descriptor) noexcept = 0;

    // poll: hands over what is queued and finishes what the kernel is done with. Waits until then for
    // a completion or a wake, not at all when the time is time_point::min(). May return early with
    // nothing. True when there was a wake. Throws std::system_error when the kernel refuses to go on.
    virtual bool poll(time_point until) = 0;

    // give_up: after poll has thrown: finishes everything that it has with this result, a negative errno. From now on
    // poll waits for a wake alone, and what would have to wait for the kernel is finished with the same result.
    virtual void give_up(int refusal) noexcept = 0;

    // refusal: what it was given up with, 0 before.
    int refusal() const noexcept { return refusal_; }

    // wake: ends a poll that waits, or keeps the next one from waiting. Thread- and signal-safe.
    virtual void wake() noexcept = 0;

    // descriptor: becomes readable when there is something to do in poll; from the first call on. Throws
    // std::system_error when that cannot be had.
    virtual int descriptor() = 0;

    // before_wait: before somebody else waits on the descriptor: hands over what is queued. False when poll has
    // something to do at once, whatever the descriptor says.
    virtual bool before_wait() noexcept = 0;

    // next: when poll is to be called again at the latest, though nothing has come; it limits its own waits.
    virtual time_point next() const noexcept { return never; }

    // abandon: in a child process: closes its descriptors, which are the parent's too, and nothing else. What
    // is left of it is good for nothing, its destructor included.
    virtual void abandon() noexcept = 0;

    virtual const char* name() const noexcept = 0;
    virtual int socket_flags() const noexcept = 0;

  protected:
    void finish(operation& what, int result) noexcept {
        operation_access::set_result(what, result);
        operation_access::flags(what) |= operation_flag::finished;
        out_.finished.push_back(what);
    }
    // report, end: the same for one that reports several times.
    void report(multishot_operation& what) noexcept {
        if (!operation_access::reporting(what)) {
            out_.reports.push_back(what);
        }
    }
    void end(multishot_operation& what, int result) noexcept {
        operation_access::last(what) = result;
        operation_access::ended(what) = true;
        operation_access::flags(what) |= operation_flag::finished;
        report(what);
    }
    bool nothing_finished() const noexcept { return out_.empty(); }

    // end_of_refused: the result of an operation that ends by a refusal.
    int end_of_refused(const operation& what) const noexcept {
        return what.state() == operation_state::cancelling ? -ECANCELED : refusal_;
    }
    void set_refusal(int refusal) noexcept { refusal_ = refusal; }
    const std::vector<buffer_pool*>& pools() const noexcept { return pools_; }

    // wait_for_buffer: into the queue of those that found no buffer. wait_no_longer: out of it. next_waiting: takes out
    // the first; null when there is none.
    void wait_for_buffer(receive_borrowed_operation& operation) noexcept;
    void wait_no_longer(receive_borrowed_operation& operation) noexcept;
    receive_borrowed_operation* next_waiting(buffer_pool& pool) noexcept;

  private:
    outbox& out_;
    void count_starving(int descriptor, std::int32_t by) noexcept;

    std::vector<buffer_pool*> pools_;
    std::vector<std::int32_t> starving_on_; // how many operations wait for a buffer, by descriptor
    bool starving_counted_ = true;          // false once there was no memory for that
    int refusal_ = 0;
};

} // namespace pirn::detail
