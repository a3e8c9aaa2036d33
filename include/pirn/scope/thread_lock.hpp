// SPDX-License-Identifier: MIT
//
// A lock of threads (std::mutex and the like) held by a task. Such a lock belongs to the thread, and the thread
// goes on with other tasks when its task suspends: the next one that wants the lock stops the thread for ever, and no
// report can say why. So a suspension is refused while one lives:
//
//   {
//       const pirn::thread_lock held{mutex}; // std::mutex mutex
//       table[key] = value;
//   }
//
// For what is held over a suspension: pirn::mutex, in sync/mutex.hpp.
#pragma once

#include <pirn/scope/no_suspend.hpp>

namespace pirn {

// thread_lock: locks on construction, which stops the thread while another one holds the lock, and unlocks on
// destruction. A suspension of the task that holds one is a programmer error, and its message names the task. Outside
// of any task it is a std::lock_guard. Mutex has `lock` and `unlock`.
template <class Mutex>
class [[nodiscard("it unlocks at once, unless it is given a name")]] thread_lock {
  public:
    // Throws what `lock` throws. Never suspends.
    explicit thread_lock(Mutex& mutex) : mutex_{mutex} { mutex_.lock(); }
    ~thread_lock() { mutex_.unlock(); }
    thread_lock(const thread_lock&) = delete;
    thread_lock& operator=(const thread_lock&) = delete;

  private:
    Mutex& mutex_;
    no_suspend promise_;
};

} // namespace pirn
