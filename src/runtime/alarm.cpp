// SPDX-License-Identifier: MIT
//
// Alarms on the event loop.
#include <pirn/runtime/alarm.hpp>

#include <pirn/loop/loop.hpp>
#include <pirn/runtime/runtime.hpp>

#include <utility>

namespace pirn {

void alarm::set(time_point when) {
    unset();
    if (when == never) {
        return;
    }
    where_ = &current_loop();
    timer_.deadline = when;
    where_->submit(timer_);
}

void alarm::unset() noexcept {
    if (where_ != nullptr) {
        std::exchange(where_, nullptr)->withdraw(timer_);
    }
}

void alarm::timer::done(operation& what) noexcept {
    alarm& self = static_cast<timer&>(what).whose;
    self.where_ = nullptr;
    self.ring_(self);
}

} // namespace pirn
