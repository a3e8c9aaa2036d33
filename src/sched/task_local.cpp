// SPDX-License-Identifier: MIT
//
// Task locals, without their types: a chain of values, the latest first.
#include <pirn/sched/task_local.hpp>

namespace pirn::detail {
namespace {

// The link is over: its value is too, unless another link has it.
void end(local_values& link) noexcept {
    local_values& owner = *link.owner;
    if (&owner != &link) {
        delete &link;
    }
    // acquire and release: the last one destroys what others have read.
    if (owner.links.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        owner.destroy(owner);
    }
}

} // namespace

// A loop, as a chain may be long.
void drop(local_values* values) noexcept {
    // acquire and release: see end.
    while (values != nullptr && values->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        local_values* const before = values->before;
        end(*values);
        values = before;
    }
}

local_values* without(local_values* values, const void* key) {
    const local_values* hidden = values;
    while (hidden != nullptr && hidden->key != key) {
        hidden = hidden->before;
    }
    if (hidden == nullptr) {
        return share(values);
    }
    // From the hidden one up, which needs a way back: one link for each, as many as there are keys at most.
    local_values* made = share(hidden->before);
    for (const local_values* above = hidden; above != values;) {
        local_values* next = values;
        while (next->before != above) {
            next = next->before;
        }
        next->owner->links.fetch_add(1, std::memory_order_relaxed);
        try {
            made = new local_values{*next, made};
        } catch (...) {
            next->owner->links.fetch_sub(
                1, std::memory_order_relaxed); // it is not the last one: `next` has it
            drop(made);
            throw;
        }
        above = next;
    }
    return made;
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
    return at != nullptr ? at->owner : nullptr;
}

} // namespace pirn::detail
