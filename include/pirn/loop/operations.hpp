// SPDX-License-Identifier: MIT
//
// What can be asked of an event loop. Each is a plain object with public parameters: fill them in,
// submit, and read result() in the completion. The parameters, and the memory they point to, must
// stay unchanged until then.
//
// A descriptor used here is the caller's. Before it is closed, the operations on it have completed
// and loop::release has been told.
#pragma once

#include <pirn/base/bytes.hpp>
#include <pirn/base/list.hpp>
#include <pirn/base/time.hpp>
#include <pirn/loop/operation.hpp>

struct sockaddr;

namespace pirn {

// nop_operation: completes with 0 on the next run. For tests, and to reach the loop's turn.
class nop_operation : public operation {
  public:
    explicit nop_operation(completion done) noexcept : operation{operation_kind::nop, done} {}
};

// timer_operation: completes with 0 once the monotonic clock has reached the deadline, never before;
// -ECANCELED when cancelled. A deadline in the past completes on the next run.
class timer_operation : public operation {
  public:
    timer_operation(time_point until, completion done) noexcept
        : operation{operation_kind::timer, done}, deadline{until} {}
    ~timer_operation() { require_idle(); } // before its place in the wheel goes

    time_point deadline;

  private:
    friend class loop;
    friend class timers;
    friend struct detail::operation_access;
    list_link place_;
};

// poll_operation: completes when a descriptor that is not ours is ready. `events` and the result are
// poll(2)'s bits: POLLIN, POLLOUT, and POLLERR and POLLHUP which come unasked. A regular file is always
// ready for both; -EINVAL when it is asked for anything else. One poll operation per descriptor at a
// time; between two of them the descriptor may be closed without telling the loop.
class poll_operation : public operation {
  public:
    poll_operation(int fd, short wanted, completion done) noexcept
        : operation{operation_kind::poll, done}, descriptor{fd}, events{wanted} {}

    int descriptor;
    short events;
};

// accept_operation: completes with a new descriptor: close-on-exec, and fit for this loop's
// operations. The caller owns it. -EMFILE and -ENFILE come back at once; backing off is the caller's.
class accept_operation : public operation {
  public:
    accept_operation(int listener, completion done) noexcept
        : operation{operation_kind::accept, done}, descriptor{listener} {}

    int descriptor;
};

// connect_operation: completes with 0 when connected. After a failure or a cancellation the socket is
// in no useful state: close it.
class connect_operation : public operation {
  public:
    connect_operation(int socket, const sockaddr* to, unsigned length, completion done) noexcept
        : operation{operation_kind::connect, done}, descriptor{socket}, address{to},
          address_size{length} {}

    int descriptor;
    const sockaddr* address;
    unsigned address_size; // bytes
};

// receive_operation: completes with the number of bytes received, 0 at the end of the stream. One per
// descriptor at a time.
class receive_operation : public operation {
  public:
    receive_operation(int socket, mutable_bytes into, completion done) noexcept
        : operation{operation_kind::receive, done}, descriptor{socket}, buffer{into} {}

    int descriptor;
    mutable_bytes buffer;
    // A hint that nothing has arrived yet, as after a receive that came back short: the kernel waits first, and does
    // not try in vain. Whatever is there is received all the same.
    bool wait_first = false;
};

// send_operation: completes with the number of bytes that the kernel took, which may be fewer than
// asked for. Never raises SIGPIPE. One per descriptor at a time.
class send_operation : public operation {
  public:
    send_operation(int socket, bytes from, completion done) noexcept
        : operation{operation_kind::send, done}, descriptor{socket}, buffer{from} {}

    int descriptor;
    bytes buffer;
};

} // namespace pirn
