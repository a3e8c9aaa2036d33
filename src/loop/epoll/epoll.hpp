// SPDX-License-Identifier: MIT
//
// The epoll backend: a proactor made of readiness. An operation is tried at once; if the kernel would
// have to wait, it joins the queue of its descriptor, and is tried again when epoll tells of an edge.
// A descriptor is registered once, for every direction and edge-triggered, when something first has
// to wait on it: from then on waiting costs no system call.
//
//   epoll.cpp      taking operations in and out; the registration of descriptors
//   wait.cpp       waiting for edges and serving those who waited
//   many.cpp       what reports several times
//   perform.cpp    the system call behind each kind of operation
//   interest.cpp   who waits on a descriptor, and whether it is worth asking
#pragma once

#include <pirn/os/handle.hpp>

#include "base/valgrind.hpp"
#include "loop/backend.hpp"
#include "loop/epoll/interest.hpp"
#include "os/wakeup.hpp"

#include <cstddef>
#include <cstdint>

#include <sys/epoll.h>

namespace pirn::detail {

// Everything that a stream can tell, so that no later wait has to change the registration. EPOLLPRI
// only because urgent data makes a short receive mean nothing.
inline constexpr std::uint32_t every_edge = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;

// epoll_flag: bits in the flags of an operation.
//
//   receive_borrowed, accept_many   starves: waits for a buffer or for room
//                                   stalled: has enough for this turn
//   what reads                      unasked: waits without an attempt, as an earlier receive has emptied the socket
namespace epoll_flag {
inline constexpr std::uint8_t starves = 0x01;
inline constexpr std::uint8_t stalled = 0x02;
inline constexpr std::uint8_t unasked = 0x04;
} // namespace epoll_flag

class epoll_backend final : public backend {
  public:
    // Throws std::system_error when a descriptor cannot be had.
    explicit epoll_backend(outbox& out);

    bool serves(const operation& what) const noexcept override;
    void submit(operation& what) noexcept override;
    bool attempt(operation& what) noexcept override;
    void cancel(operation& what) noexcept override;
    void resume(multishot_operation& what) noexcept override;
    void feed(buffer_pool& pool) noexcept override;
    void release(int descriptor) noexcept override;
    bool poll(time_point until) override;
    void give_up(int refusal) noexcept override;
    void wake() noexcept override { wakeup_.wake(); }
    int descriptor() override;
    bool before_wait() noexcept override { return true; }
    void abandon() noexcept override;
    const char* name() const noexcept override { return "epoll"; }
    int socket_flags() const noexcept override;

  private:
    bool worth_asking(const interest* place, const operation& what) const noexcept;
    bool owes_attempt(const interest& place, const operation& operation) const noexcept;
    int wait_on(interest& place, operation& what) noexcept;
    int watch(interest& place, int descriptor, registration how, std::uint32_t events) noexcept;
    void unwatch(interest& place, int descriptor) noexcept;
    void learn(interest& place, const operation& what, int result) noexcept;

    void submit_many(multishot_operation& what) noexcept;
    void cancel_many(multishot_operation& what) noexcept;
    void serve_many(interest& place, multishot_operation& what) noexcept;
    void go_on(interest& place, multishot_operation& what) noexcept;
    void stop_waiting(interest& place, multishot_operation& what) noexcept;

    int wait_for_edges(epoll_event* events, int room, time_point until) noexcept;
    void serve(interest& place, int descriptor, std::uint32_t events) noexcept;
    void forget(interest& place, int descriptor) noexcept;
    void settle(interest& place, int descriptor) noexcept;
    void serve_queue(interest& place, operation_queue& queue, bool& ready) noexcept;
    void move_to_other_end(operation_queue& queue, operation& what) noexcept;
    void serve_poll(interest& place, std::uint32_t events) noexcept;
    void end_poll(interest& place, int result) noexcept;

    os::handle epoll_;
    os::wakeup wakeup_;
    interest_table table_;
    std::size_t waiting_ = 0; // operations in the table
    bool embedded_ = false;   // another loop waits for our descriptor
    // The kernel has epoll_pwait2. valgrind 3.19 does not know it, and would print a warning.
    bool has_nanoseconds_ = !detail::under_valgrind();
};

} // namespace pirn::detail
