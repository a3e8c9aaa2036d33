// SPDX-License-Identifier: MIT
//
// A node in the tree of what can be cancelled: the whole of a task, a scope within it, or a group of tasks. A
// request to stop goes down the tree, and ends at shields:
//
//   task ─┬─ scope ── scope (innermost)       each task stands in its innermost node
//         └─ group ─┬─ task ── …              the tasks of a group hang below the group
//                   └─ task (shielded: stays)
//
// What is asked is remembered at each node, so that a task that enters or leaves one knows at once where it
// stands. The scope room makes these public. This is not API.
// It is installed because every task has one.
//
// Belongs to one scheduler; everything here is called on its thread. Nothing allocates, nothing recurses: a
// tree may be a million deep.
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/list.hpp>

#include <source_location>
#include <string_view>

namespace pirn::detail {

struct task;

// cancel_origin: why, and where it was asked.
struct cancel_origin {
    std::string_view cause;
    std::source_location where;
};

struct cancel_node;
struct cancel_hook {
    void (*call)(cancel_hook& self) noexcept; // must not change the tree
};

struct cancel_node {
    cancel_node* parent = nullptr;
    list_link siblings;
    task* whose = nullptr;                 // the task that this is a part of; null for a group
    const cancel_origin* origin = nullptr; // of the request, once there was one
    cancel_hook* on_asked = nullptr;       // hears of it once, when `asked` becomes true
    bool shielded = false;                 // what is asked above does not reach here
    bool asked = false;                    // here or above, as far as shields let it through
    list<cancel_node, &cancel_node::siblings> children;

    bool asked_here() const noexcept { return origin != nullptr; }
};

// hang: puts a node below another. take_down: removes it; nothing hangs below it any more. Never suspend.
PIRN_EXPORT void hang(cancel_node& what, cancel_node& below) noexcept;
PIRN_EXPORT void take_down(cancel_node& what) noexcept;

// enter: the task goes into a scope of its own, which becomes its innermost. leave: and out again.
// Never suspend.
PIRN_EXPORT void enter(cancel_node& what, task& self) noexcept;
PIRN_EXPORT void leave(cancel_node& what) noexcept;

// request_cancel: asks everything from this node down to stop, once. `why` lives as long as the node.
// Never suspends.
PIRN_EXPORT void request_cancel(cancel_node& what, const cancel_origin& why) noexcept;

// set_shielded: a shield that goes lets through what was asked meanwhile. Never suspends.
PIRN_EXPORT void set_shielded(cancel_node& what, bool shielded) noexcept;

// origin_of: the request that reaches this node, the innermost one; null if none does. Never suspends.
PIRN_EXPORT const cancel_origin* origin_of(const cancel_node& what) noexcept;

} // namespace pirn::detail
