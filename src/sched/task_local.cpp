// SPDX-License-Identifier: MIT
//
// Task locals, without their types: a chain of values, the latest first.
#include <pirn/sched/task_local.hpp>

namespace pirn::detail {

// A loop, as a chain may be long.
void drop(local_values* values) noexcept {
    // acquire and release: the last one destroys what others have read.
    while (values != nullptr && values->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        local_values* const before = values->before;
        values->destroy(*values);
        values = before;
    }
}

local_values* find_local(const void* key) noexcept {
    const task* const self = current_task();
    if (self == nullptr) {
        return nullptr;
    }
    local_values* at = self->locals;
    while (at != nullptr && at->key != key) {
        at = at->before;
    }
    return at;
}

} // namespace pirn::detail
