// SPDX-License-Identifier: MIT
//
// Counting promises not to suspend; park.cpp looks.
#include <pirn/scope/no_suspend.hpp>

#include <pirn/sched/task.hpp>

namespace pirn {

no_suspend::no_suspend() noexcept : whose_{detail::current_task()} {
    if (whose_ != nullptr) {
        ++whose_->may_not_suspend;
    }
}

no_suspend::~no_suspend() {
    if (whose_ != nullptr) {
        --whose_->may_not_suspend;
    }
}

} // namespace pirn
