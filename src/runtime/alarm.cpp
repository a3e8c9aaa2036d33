// SPDX-License-Identifier: MIT
//
// Alarms: a timer whose completion is a function.
#include <pirn/runtime/alarm.hpp>

#include <pirn/loop/loop.hpp>
#include <pirn/runtime/runtime.hpp>

namespace pirn {

alarm::alarm(ring_function ring) noexcept
    : timer_operation{never, &completed}, ring_{ring}, loop_{current_loop()} {}

void alarm::set(time_point when) noexcept {
    deadline = when;
    loop_.submit(*this);
}

void alarm::off() noexcept {
    if (!in_flight()) {
        return;
    }
    waiter on;
    turning_off_ = &on;
    loop_.cancel(*this);
    park(on);
    turning_off_ = nullptr;
}

void alarm::completed(operation& timer) noexcept {
    auto& self = static_cast<alarm&>(static_cast<timer_operation&>(timer));
    if (self.turning_off_ != nullptr) {
        unpark(*self.turning_off_); // whether or not it was its time: nobody is interested any more
    } else if (self.result() == 0) {
        self.ring_(self);
    }
}

} // namespace pirn
