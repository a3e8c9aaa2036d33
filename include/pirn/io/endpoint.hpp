// SPDX-License-Identifier: MIT
//
// What streams over a descriptor have in common: the descriptor, the loop that it is used on, and the
// operations that are in flight on it, so that closing it can end them first:
//
//   close:  cancel what is in flight ► wait until it has ended ► tell the loop ► close the descriptor
//
// so that neither a late completion nor a forgotten registration can meet the number's next owner.
//
// This is not API. It is installed because streams hold one, and those of the rooms above do too.
//
// It belongs to the loop on which it is first used. Tasks on other threads of the runtime may use it too: their
// operations are carried out over there, at the price of two ways between threads.
//
// Mutable state, under guard_: reading_, writing_ and others_ for the duration of an operation by the task that waits
// for it; closer_ and closed_ by the task that closes; loop_ and used_ by the first use. closed_ may be read without.
#pragma once

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/base/export.hpp>
#include <pirn/base/list.hpp>
#include <pirn/base/spin_lock.hpp>
#include <pirn/os/handle.hpp>
#include <pirn/runtime/await.hpp>
#include <pirn/runtime/runtime.hpp>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>

namespace pirn::io::detail {

// direction: who is in whose way: one reads and one writes at a time, and any number do what has its own
// place in the file.
enum class direction : std::uint8_t { reading, writing, other };

class PIRN_EXPORT endpoint {
  public:
    endpoint() noexcept = default;
    // Takes over a descriptor that is new to the loop.
    endpoint(os::handle&& owned, loop& used_on) noexcept;
    endpoint(endpoint&& other) noexcept;
    endpoint& operator=(endpoint&& other) noexcept;
    ~endpoint() { close(); }

    bool is_open() const noexcept { return descriptor() >= 0; }
    // closed: whether close was called. Who uses the stream cannot know that another task has closed it
    // meanwhile, so that using it then is an error; using one that was never open is a programmer error.
    bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }
    // -1 when there is none. Another task may close it at any time: whoever has read it and then marks the stream as in
    // use knows that it still holds.
    int descriptor() const noexcept { return number_.load(std::memory_order_relaxed); }

    // close: ends what is in flight, waits for it, closes the descriptor. 0, or the last word of the descriptor
    // about data written before. Suspends when something is in flight.
    int close() noexcept;

    // end_writing: ends a write that is in flight with -ECANCELED. A shutdown of the direction does not wake one that
    // waits for room in a UNIX socket. Done only on the loop's own thread unless it may suspend. Suspends if it may.
    void end_writing(bool may_suspend) noexcept;

    // is_elsewhere: whether it belongs to another loop than this one, as it has been used there. Never suspends.
    bool is_elsewhere(const loop& here) noexcept;

    // give_away: the descriptor, which the stream no longer has; nothing is in flight on it. Never suspends.
    [[nodiscard]] os::handle give_away() noexcept;

    // in_use: marks a direction as busy for the duration of an operation, and tells a closer when it no longer
    // is. Nothing is marked, and closed() is true, if it was closed before. A stream may be moved only while none lives.
    class PIRN_EXPORT in_use {
      public:
        in_use(endpoint& of, direction side, operation& what, loop& here);
        in_use(const in_use&) = delete;
        in_use& operator=(const in_use&) = delete;
        ~in_use();

        // where: the loop that carries it out.
        loop& where() const noexcept { return *loop_; }
        // wait: the operation's result; -ECANCELED when the stream has been closed meanwhile. Suspends.
        template <class Operation>
        int wait(loop& here, awaitable<Operation>& what) noexcept {
            return PIRN_UNLIKELY(loop_ != &here)
                       ? pirn::detail::await_elsewhere(*loop_, what, what.sleeper, &still_open,
                                                       &endpoint_)
                       : pirn::detail::await_on(here, what, what.sleeper);
        }

      private:
        friend class endpoint;
        static bool still_open(const void* of) noexcept {
            return !static_cast<const endpoint*>(of)->closed();
        }
        endpoint& endpoint_;
        loop* loop_ = nullptr;
        operation& what_;
        direction side_;
        bool refused_ = false; // it had been closed
        list_link link_;       // among the others
    };

  private:
    bool busy() const noexcept {
        return reading_ != nullptr || writing_ != nullptr || !others_.empty();
    }
    void cancel_all() noexcept;
    void cancel_writing() noexcept;
    void release() noexcept;

    os::handle handle_;
    std::atomic<int> number_{-1}; // of handle_, for those who only look
    loop* loop_ = nullptr;
    bool used_ = false;
    operation* reading_ = nullptr;
    operation* writing_ = nullptr;
    list<in_use, &in_use::link_> others_;
    waiter* closer_ = nullptr;
    std::atomic<bool> closed_{false};
    pirn::detail::spin_lock guard_;
};

// refuse: an error that is known without asking the kernel. It costs the task as much of its turn as any other
// answer, so that a loop on the error form does not keep the thread. Returns the error. Suspends.
PIRN_EXPORT int refuse(int error) noexcept;

// await_on: the operation's result, in the kernel's form; -ECANCELED when the stream has been closed, before
// or meanwhile. Suspends.
template <class Operation>
int await_on(endpoint& which, direction side, awaitable<Operation>& what) {
    if (which.closed()) {
        return refuse(-ECANCELED);
    }
    loop& here = current_loop();
    endpoint::in_use mark{which, side, what, here};
    // Marked already while others run, so that nobody moves the stream; but somebody may close it, and could
    // not cancel what is not in flight yet.
    pirn::detail::give_way();
    return which.closed() ? -ECANCELED : mark.wait(here, what);
}

// The same, with the error apart: 0 when there is one. Suspends.
template <class Operation>
std::size_t await_on(endpoint& which, direction side, awaitable<Operation>& what,
                     std::error_code& error) {
    const int result = await_on(which, side, what);
    error = error_of(result);
    return result < 0 ? 0 : static_cast<std::size_t>(result);
}

} // namespace pirn::io::detail
