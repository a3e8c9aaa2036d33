// SPDX-License-Identifier: MIT
//
// The event loop: a proactor. Operations go in, completions come out, and nothing here knows about
// coroutines. Usable alone, callback style; runtime/ puts coroutines on top. docs/loop.md shows both.
//
// A loop belongs to the thread that made it: everything but wake() is called there.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/time.hpp>
#include <pirn/loop/operations.hpp>
#include <pirn/loop/options.hpp>

#include <cstddef>
#include <memory>
#include <system_error>

namespace pirn {

enum class run_mode : std::uint8_t {
    until_idle, // until no operation is in flight
    once,       // wait for at least one completion or a wake, deliver what there is, return
    nowait,     // deliver what there is, return
};

class PIRN_EXPORT loop {
  public:
    // Throws std::system_error when not even epoll can be had.
    explicit loop(const loop_options& options = {});
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;
    // No operation may be in flight any more. In a child process after fork it closes its descriptors, touches
    // nothing that is the parent's, and asks for nothing.
    ~loop();

    // submit: hands the operation to the kernel. Never fails: what goes wrong arrives as the result.
    // The operation is idle before. In a child process after fork the result is -ESRCH, whatever it is.
    // Never suspends.
    void submit(operation& what) noexcept;

    // attempt: like submit, but when the kernel can answer without waiting, true: the operation is
    // idle again, its result set, and the completion will not be called. Never suspends.
    bool attempt(operation& what) noexcept;

    // cancel: asks an operation in flight to end early. Its completion still comes, with -ECANCELED
    // or with the result that was faster. Idle operations are left alone. Never suspends.
    void cancel(operation& what) noexcept;

    // withdraw: takes a timer back: its completion will not be called, and it is idle at once. Nothing happens to
    // one that is idle. Never suspends.
    void withdraw(timer_operation& what) noexcept;

    // release: the descriptor is about to be closed; no operation is in flight on it. To be called
    // for every descriptor that was used here. Never suspends.
    void release(int descriptor) noexcept;

    // run: delivers completions; returns how many. Waits at most until `until` where the mode waits.
    // What a completion submits is delivered by the next turn at the earliest, so that run(once) and
    // run(nowait) always come back. When the kernel refuses to go on, all operations get that refusal as their result,
    // but for those that the blocking pool has, which it waits for; then it throws std::system_error, once: nothing is in
    // flight unless a completion has submitted it. See refusal. In a child process after fork it
    // delivers what was submitted there, all refused, and throws std::system_error (no_such_process) when there is
    // nothing of that.
    // Suspends the thread, not a coroutine.
    std::size_t run(run_mode mode = run_mode::until_idle, time_point until = never);

    // wake: makes a waiting run return, whatever its mode; when none is waiting, the next run does not
    // wait. Several wakes may count as one. What was written before it is seen after that run.
    // Thread-safe, and safe in a signal handler. Never suspends.
    void wake() noexcept;

    // now: the time by which timers are due: the monotonic clock, unless loop_options::time is another.
    // Never suspends.
    time_point now() const noexcept;

    // descriptor: for waiting in a foreign loop: readable, in the sense of poll(2), when run(nowait) has something to
    // do, a wake included; timers are next_deadline's. The same one each time, the loop's own; from the first call
    // on a turn costs a system call more on io_uring. Throws std::system_error when it cannot be had.
    // Never suspends.
    int descriptor();

    // next_deadline: until when a foreign loop may wait for the descriptor, in the time of now(): now itself when
    // there is something to do already, `never` when there is no timer. Hands over what has been submitted, hence to be
    // called before each such wait, and after everything that is done with the loop. Never suspends.
    time_point next_deadline() noexcept;

    // pending: operations in flight. Never suspends.
    std::size_t pending() const noexcept;

    // refusal: the error with which the kernel has refused to go on, none while the loop serves. From then on
    // timers, wakes and the blocking pool still work, and descriptors are closed; other operations get this error, unless
    // they are answered without a wait. Never suspends.
    std::error_code refusal() const noexcept;

    // backend_name: "uring" or "epoll". Never suspends.
    const char* backend_name() const noexcept;

    // socket_flags: what socket(2) and accept4(2) need in their type or flags argument so that the
    // descriptor fits this backend (SOCK_CLOEXEC, and SOCK_NONBLOCK where it is needed).
    // Never suspends.
    int socket_flags() const noexcept;

  private:
    friend class buffer_ring;
    struct state;
    std::unique_ptr<state> state_;
};

} // namespace pirn
