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
// Nothing allocates, nothing recurses: a tree may be a million deep.
//
// Shared state, where the schedulers of a crew share tasks (elsewhere no lock is taken): each node has a lock. It
// guards the node, the list of its children, and their siblings-links. Who needs two takes the upper one first; who
// tells a tree holds every lock from the top down to where it is. `asked` and `origin` are read without.
//
//   what hangs below a node, and who stands in it    its own lock
//   parent, and where the task stands                that of the parent and its own
#pragma once

#include <pirn/base/export.hpp>
#include <pirn/base/list.hpp>
#include <pirn/base/spin_lock.hpp>

#include <atomic>
#include <source_location>
#include <string_view>

namespace pirn::detail {

struct task;

// cancel_origin: why, and where it was asked.
struct cancel_origin {
    std::string_view cause;
    std::source_location where;
};

// cancel_hook: who wants to hear of a request. Kept by whoever holds a reference, so that it may be called after
// the locks of the tree have been released.
struct cancel_hook {
    void (*call)(cancel_hook& self) noexcept; // gives up the reference that was taken for it
    cancel_hook* next = nullptr;              // of those to be called; only once in its life
    std::atomic<int> references{1};
};

struct cancel_node {
    // asked: here or above, as far as shields let it through. Thread-safe.
    bool is_asked() const noexcept { return asked.load(std::memory_order_acquire); }
    bool asked_here() const noexcept { return origin.load(std::memory_order_acquire) != nullptr; }

    cancel_node* parent = nullptr;
    list_link siblings;
    task* whose = nullptr; // the task that this is a part of; null for a group
    std::atomic<const cancel_origin*> origin{nullptr}; // of the request, once there was one
    cancel_hook* on_asked = nullptr; // hears of it once, when `asked` becomes true
    list<cancel_node, &cancel_node::siblings> children;
    std::atomic<bool> asked{false};
    bool shielded = false; // what is asked above does not reach here
    mutable spin_lock guard;
};

// tree_shared: whether the nodes that this thread can reach may be touched on others too. Never suspends.
PIRN_EXPORT bool tree_shared() noexcept;

// hang: puts a node below another. take_down: removes it; nothing hangs below it any more. Never suspend.
PIRN_EXPORT void hang(cancel_node& what, cancel_node& below) noexcept;
PIRN_EXPORT void take_down(cancel_node& what) noexcept;

// enter: the task goes into a scope of its own, which becomes its innermost. leave: and out again.
// Never suspend.
PIRN_EXPORT void enter(cancel_node& what, task& self) noexcept;
PIRN_EXPORT void leave(cancel_node& what) noexcept;

// leave_early: leaves a scope that need not be the innermost. Scopes and groups inside it move to its parent.
// On the task's thread. Never suspends.
PIRN_EXPORT void leave_early(cancel_node& scope) noexcept;

// withdraw_request: the request that was made at this scope no longer counts, neither here nor in the scopes of the
// same task inside it. Groups inside it that were cancelled stay cancelled. On the task's thread, inside the scope.
// Never suspends.
PIRN_EXPORT void withdraw_request(cancel_node& scope) noexcept;

// request_cancel: asks everything from this node down to stop, once. `why` lives as long as the node.
// Never suspends.
PIRN_EXPORT void request_cancel(cancel_node& what, const cancel_origin& why) noexcept;

// cancelling: the same in two steps, for those who keep the reason in the node's neighbourhood: what is written
// between the two is written once, and before anybody can read it.
class PIRN_EXPORT cancelling {
  public:
    explicit cancelling(cancel_node& what) noexcept;
    ~cancelling(); // releases the lock, then calls who wanted to hear of it
    cancelling(const cancelling&) = delete;
    cancelling& operator=(const cancelling&) = delete;

    // first: whether nobody has asked this node before.
    bool first() const noexcept { return !node_.asked_here(); }
    // request: asks.
    void request(const cancel_origin& why) noexcept;

  private:
    cancel_node& node_;
    bool shared_;
    cancel_hook* heard_ = nullptr;
};

// hear: sets who hears of requests to this node. True, and it will not be called, if it was asked before. forget: takes
// it back; a call may still be under way. On the node's own task. Never suspend.
PIRN_EXPORT bool hear(cancel_node& what, cancel_hook& hook) noexcept;
PIRN_EXPORT void forget(cancel_node& what) noexcept;

// set_shielded: a shield that goes lets through what was asked meanwhile. Never suspends.
PIRN_EXPORT void set_shielded(cancel_node& what, bool shielded) noexcept;

// origin_of: the request that reaches this node, the innermost one; null if none does. Never suspends.
PIRN_EXPORT const cancel_origin* origin_of(const cancel_node& what) noexcept;

} // namespace pirn::detail
