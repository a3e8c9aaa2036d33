// SPDX-License-Identifier: MIT
//
// What every socket has in common: its descriptor, the loop that it is used on, and the operations that
// are in flight on it, so that closing it can end them first.
//
// This is not API. It is installed because streams and listeners hold one; tcp.hpp is what users see.
//
// A socket belongs to the loop on which it is first used. Tasks on other threads of the runtime may use it too: their
// operations are carried out over there, at the price of two ways between threads.
//
// Mutable state, under guard_: reading_ and writing_ are set for the duration of an operation by the task that waits
// for it; closer_ and closed_ by the task that closes; loop_ and used_ by the first use. closed_ may be read without.
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/base/export.hpp>
#include <pirn/base/spin_lock.hpp>
#include <pirn/os/handle.hpp>

#include <atomic>
#include <utility>

namespace pirn {
class loop;
class operation;
struct waiter;
} // namespace pirn

namespace pirn::net::detail {

class PIRN_EXPORT socket {
  public:
    socket() noexcept = default;
    // Takes over a descriptor that is new to the loop.
    socket(os::handle&& owned, loop& used_on) noexcept;
    socket(socket&& other) noexcept
        : handle_{std::move(other.handle_)}, loop_{std::exchange(other.loop_, nullptr)},
          used_{std::exchange(other.used_, false)}, closed_{other.closed()} {
        other.closed_.store(false, std::memory_order_relaxed);
        PIRN_REQUIRE(!other.busy(), "a stream was moved while an operation is in flight on it");
    }
    socket& operator=(socket&& other) noexcept;
    ~socket() { close(); }

    bool is_open() const noexcept { return static_cast<bool>(handle_); }
    // closed: whether close was called. Who uses the socket cannot know that another task has closed it
    // meanwhile, so that using it then is an error; using one that was never open is a programmer error.
    bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }
    int descriptor() const noexcept { return handle_.get(); }

    // close: ends what is in flight, waits for it, closes the descriptor. Suspends when something is in
    // flight.
    void close() noexcept;

    enum class direction { reading, writing };

    // in_use: marks a direction as busy for the duration of an operation, and tells a closer when it no
    // longer is.
    class PIRN_EXPORT in_use {
      public:
        in_use(socket& of, direction side, operation& what, loop& here) noexcept;
        in_use(const in_use&) = delete;
        in_use& operator=(const in_use&) = delete;
        ~in_use();

        // where: the loop on which it is carried out.
        loop& where() const noexcept { return *loop_; }

      private:
        socket& socket_;
        loop* loop_;
        operation*& slot_;
    };

  private:
    struct canceller;

    bool busy() const noexcept { return reading_ != nullptr || writing_ != nullptr; }
    void cancel_all_on(loop& here) noexcept;

    os::handle handle_;
    loop* loop_ = nullptr;
    bool used_ = false;
    operation* reading_ = nullptr;
    operation* writing_ = nullptr;
    waiter* closer_ = nullptr;
    std::atomic<bool> closed_{false};
    pirn::detail::spin_lock guard_;
};

} // namespace pirn::net::detail
