// SPDX-License-Identifier: MIT
//
// Waking a task from anywhere: another thread, a callback of a foreign library, a signal handler. Notifications that
// come before anybody looks are one.
//
//   pirn::io::notifier done;
//   library_start([](void* to) { static_cast<pirn::io::notifier*>(to)->notify(); }, &done);
//   done.wait();
//
// Where no signal handler takes part, auto_event (sync/event.hpp) does the same without a descriptor.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/os/handle.hpp>

#include <atomic>
#include <system_error>

namespace pirn::io {

class PIRN_EXPORT notifier {
  public:
    // Takes a descriptor. Throws std::system_error when there is none. Never suspends.
    notifier();
    notifier(const notifier&) = delete;
    notifier& operator=(const notifier&) = delete;
    // Nobody may be waiting.
    ~notifier();

    // notify: lets wait return, now or when it is called. Thread-safe, and safe in a signal handler. Never suspends.
    void notify() noexcept;

    // wait: until notified since the last time. What was written before notify is seen after it. One task at a time.
    // Suspends.
    void wait();
    void wait(std::error_code& error);

    // try_wait: whether notified since the last time. Never suspends.
    [[nodiscard("whether it was done is the answer; look at it")]] bool try_wait() noexcept;

  private:
    os::handle event_;
    std::atomic<int> asked_{0}; // set by notify, cleared by wait
    bool waited_for_ = false;   // the waiter's own
};

} // namespace pirn::io
