// SPDX-License-Identifier: MIT
//
// Alarms on the event loop.
#include <pirn/runtime/alarm.hpp>

#include <pirn/loop/loop.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/sched/task.hpp>

#include <utility>

namespace pirn {

void alarm::set(time_point when) { set(when, nullptr); }

void alarm::set(time_point when, detail::task* for_task) {
    unset();
    if (when == never) {
        return;
    }
    where_ = &current_loop();
    tied_ = for_task;
    if (tied_ != nullptr) {
        ++tied_->ties;
    }
    timer_.deadline = when;
    where_->submit(timer_);
}

void alarm::unset() noexcept {
    if (where_ != nullptr) {
        std::exchange(where_, nullptr)->withdraw(timer_);
        untie();
    }
}

void alarm::untie() noexcept {
    if (detail::task* const held = std::exchange(tied_, nullptr)) {
        --held->ties;
    }
}

void alarm::timer::done(operation& what) noexcept {
    alarm& self = static_cast<timer&>(what).whose;
    if (what.result() < 0) {
        self.where_->submit(
            what); // the kernel has refused the loop to go on; its time has not come
        return;
    }
    self.where_ = nullptr;
    self.untie();
    self.ring_(self);
}

} // namespace pirn
