// SPDX-License-Identifier: MIT
//
// Why each of many tasks is asked to stop.
#pragma once

#include <pirn/sched/cancel_node.hpp>

#include <atomic>
#include <unordered_map>

namespace pirn::detail {

// origins: the request that reaches a node, looked up for many nodes of a tree. What was found is remembered for all
// nodes on the way, or each task of a deep tree would walk up to its root once more. For one look: the scopes of this
// thread's tasks, and what they are in, stay as they are meanwhile.
class origins {
  public:
    const cancel_origin* of(const cancel_node& node) {
        const cancel_origin* found = nullptr;
        const cancel_node* at = &node;
        for (; at != nullptr && at->is_asked(); at = at->parent) {
            if (at->asked_here()) {
                found = at->origin.load(std::memory_order_acquire);
                break;
            }
            if (const auto earlier = known_.find(at); earlier != known_.end()) {
                found = earlier->second;
                break;
            }
        }
        for (const cancel_node* passed = &node; passed != at; passed = passed->parent) {
            known_.emplace(passed, found);
        }
        return found;
    }

  private:
    std::unordered_map<const cancel_node*, const cancel_origin*> known_;
};

} // namespace pirn::detail
