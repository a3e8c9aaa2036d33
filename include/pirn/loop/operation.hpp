// SPDX-License-Identifier: MIT
//
// One request to the kernel, owned by whoever asked. The loop allocates nothing per operation: the
// object is the queue entry, the place of the result and the address of the continuation at once. It
// must stay where it is from submit until its completion has been called.
//
//            submit                        kernel is done
//   idle ───────────► in_flight ───────────────────────────► idle, result() set, done(operation)
//                         │                    ▲
//                         │ cancel             │ -ECANCELED, or the result that came first
//                         └────► cancelling ───┘
//
// Whatever happens, the completion is called exactly once per submit, from loop::run and never from
// inside submit or cancel. Only then do the operation and its buffers belong to the caller again.
//
// In a child process after fork, the copy of an operation that is in flight in the parent is in flight for
// nobody: it may be destroyed, or submitted to a loop of the child.
//
// A few operations report several times per submit (multishot.hpp, buffers.hpp). more() tells the calls
// apart: while it is true the operation is still in flight; the call with more() == false is the last.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/list.hpp>

#include <cstddef>
#include <cstdint>

namespace pirn {

class loop;
class operation;

namespace detail {
struct operation_access; // how the backends reach the private parts: src/loop/backend.hpp
class pool_door;
} // namespace detail

enum class operation_kind : std::uint8_t {
    nop,
    timer,
    poll,
    accept,
    connect,
    receive,
    send,
    receive_message,
    send_message,
    close,
    child,
    splice,
    send_file,
    send_zero_copy,
    // Those that report several times.
    accept_many,
    receive_borrowed,
    // Those that never wait.
    socket,
    bind,
    listen,
    shutdown,
    // Those that the blocking pool can do; from here to the end.
    work,
    open,
    read,
    write,
    read_vector,
    write_vector,
    sync,
    allocate,
    truncate,
    status,
    rename,
    unlink,
    make_directory,
    read_directory,
};

// operation_kinds: how many there are.
inline constexpr std::size_t operation_kinds =
    static_cast<std::size_t>(operation_kind::read_directory) + 1;

enum class operation_state : std::uint8_t { idle, in_flight, cancelling };

// completion: called by loop::run on the loop's thread. It may submit, cancel and destroy operations,
// this one included. It must not throw.
using completion = void (*)(operation&) noexcept;

class PIRN_EXPORT operation {
  public:
    operation(const operation&) = delete;
    operation& operator=(const operation&) = delete;

    operation_kind kind() const noexcept { return kind_; }
    operation_state state() const noexcept { return state_; }
    bool in_flight() const noexcept { return state_ != operation_state::idle; }

    // result: in the kernel's form, zero or more on success, a negative errno otherwise. Valid while
    // idle, after a completion. Never suspends.
    int result() const noexcept { return result_; }

    // more: in a completion, whether the same submit will call it again. Never suspends.
    bool more() const noexcept { return more_; }

  protected:
    operation(operation_kind kind, completion done) noexcept : done_{done}, kind_{kind} {}
    ~operation() { require_idle(); }

    // require_idle: stops the program if it is in flight: the kernel may still write to it. One that a fork has
    // copied becomes idle.
    void require_idle() noexcept;

  private:
    friend class loop;
    friend struct detail::operation_access;

    completion done_;
    list_link link_; // in the loop's queue of completed ones, or in a backend's queue
    int result_ = 0;
    operation_kind kind_;
    operation_state state_ = operation_state::idle;
    std::uint8_t flags_ = 0; // the backend's own
    bool more_ : 1 = false;
    bool taken_ : 1 = false;          // io_uring: among the requests that the kernel has
    std::uint8_t generation_ : 6 = 0; // of the process, when submitted; see os/fork.hpp
};

} // namespace pirn
