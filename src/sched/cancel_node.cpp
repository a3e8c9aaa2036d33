// SPDX-License-Identifier: MIT
//
// The tree of what can be cancelled.
#include <pirn/sched/cancel_node.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/sched/task.hpp>

#include "sched/access.hpp"

namespace pirn::detail {
namespace {

// Those who are to be called once no lock is held.
using hooks = cancel_hook*;

// tell: a task whose innermost node this is gets to know, and its wait ends. The node is locked.
void tell(cancel_node& where, hooks& heard) noexcept {
    where.asked.store(true, std::memory_order_release);
    if (cancel_hook* const hook = where.on_asked) {
        where.on_asked = nullptr;
        hook->references.fetch_add(1, std::memory_order_relaxed);
        hook->next = heard;
        heard = hook;
    }
    task* const self = where.whose;
    if (self == nullptr || self->innermost != &where) {
        return;
    }
    self->stop_requested.store(true, std::memory_order_relaxed);
    end_wait_early(*self);
}

bool to_be_told(const cancel_node& what) noexcept {
    return !what.asked.load(std::memory_order_relaxed) && !what.shielded;
}

// lock_first_to_tell: beginning with this sibling; locked when it is returned. The parent is locked.
cancel_node* lock_first_to_tell(cancel_node& parent, cancel_node* sibling, bool shared) noexcept {
    for (; sibling != nullptr; sibling = parent.children.next(*sibling)) {
        if (shared) {
            sibling->guard.lock();
        }
        if (to_be_told(*sibling)) {
            return sibling;
        }
        if (shared) {
            sibling->guard.unlock();
        }
    }
    return nullptr;
}

// spread: tells everything from `top` down, depth first. The way back up is by the parents, so that no depth
// needs a stack; the nodes on it are locked.
void spread(cancel_node& top, bool shared, hooks& heard) noexcept {
    tell(top, heard);
    cancel_node* at = &top;
    for (;;) {
        if (cancel_node* const below = lock_first_to_tell(*at, at->children.front(), shared)) {
            tell(*below, heard);
            at = below;
            continue;
        }
        cancel_node* beside = nullptr;
        while (at != &top && beside == nullptr) {
            cancel_node* const up = at->parent;
            cancel_node* const following = up->children.next(*at);
            if (shared) {
                at->guard.unlock();
            }
            beside = lock_first_to_tell(*up, following, shared);
            at = up;
        }
        if (beside == nullptr) {
            return;
        }
        tell(*beside, heard);
        at = beside;
    }
}

void call_all(hooks heard) noexcept {
    while (heard != nullptr) {
        cancel_hook& now = *heard;
        heard = now.next;
        now.call(now);
    }
}

} // namespace

bool tree_shared() noexcept { return shared_here(); }

void hang(cancel_node& what, cancel_node& below) noexcept {
    const holding held{below.guard, shared_here()};
    what.parent = &below;
    below.children.push_back(what);
    what.asked.store(what.asked_here() || (below.is_asked() && !what.shielded),
                     std::memory_order_release);
}

void take_down(cancel_node& what) noexcept {
    PIRN_ASSERT(what.children.empty(), "a scope ended before what is inside of it");
    cancel_node* const parent = what.parent;
    if (parent == nullptr) {
        if (shared_here()) { // whoever tells this node may still be at it
            const holding held{what.guard};
        }
        return;
    }
    const bool shared = shared_here();
    const holding above{parent->guard, shared};
    const holding here{what.guard, shared};
    parent->children.erase(what);
    what.parent = nullptr;
}

void enter(cancel_node& what, task& self) noexcept {
    cancel_node& below = *self.innermost;
    const bool shared = shared_here();
    const holding above{below.guard, shared};
    const holding here{what.guard, shared};
    what.whose = &self;
    what.parent = &below;
    below.children.push_back(what);
    const bool asked = what.asked_here() || (below.is_asked() && !what.shielded);
    what.asked.store(asked, std::memory_order_release);
    self.innermost = &what;
    self.stop_requested.store(asked, std::memory_order_relaxed);
}

void leave(cancel_node& what) noexcept {
    task& self = *what.whose;
    PIRN_REQUIRE(self.innermost == &what && what.children.empty(),
                 "a cancel_scope ended before a task_group or scope that was made inside it; let "
                 "that end first",
                 {"task", self.name()});
    cancel_node& parent = *what.parent;
    const bool shared = shared_here();
    const holding above{parent.guard, shared};
    const holding here{what.guard, shared};
    self.innermost = &parent;
    self.stop_requested.store(parent.is_asked(), std::memory_order_relaxed);
    parent.children.erase(what);
    what.parent = nullptr;
    what.whose = nullptr;
    what.asked.store(what.asked_here(), std::memory_order_release); // alone again
}

void leave_early(cancel_node& scope) noexcept {
    task& self = *scope.whose;
    if (self.innermost == &scope) {
        leave(scope);
        return;
    }
    cancel_node& parent = *scope.parent;
    const bool shared = shared_here();
    const holding above{parent.guard, shared};
    const holding here{scope.guard, shared};
    while (cancel_node* const child = scope.children.pop_front()) {
        const holding moved{child->guard, shared};
        child->parent = &parent;
        parent.children.push_back(*child);
    }
    parent.children.erase(scope);
    scope.parent = nullptr;
    scope.whose = nullptr;
}

void withdraw_request(cancel_node& scope) noexcept {
    task& self = *scope.whose;
    const bool shared = shared_here();
    const holding above{scope.parent->guard, shared};
    cancel_node* at = &scope;
    if (shared) {
        at->guard.lock();
    }
    at->origin.store(nullptr, std::memory_order_release);
    bool asked = scope.parent->is_asked() && !scope.shielded;
    at->asked.store(asked, std::memory_order_release);
    // Below a node that is still cancelled, everything is. The scopes of a task form one chain: each has one child
    // that belongs to the task; its other children are groups.
    while (!asked && at != self.innermost) {
        cancel_node* child = at->children.front();
        while (child->whose != &self) {
            child = at->children.next(*child);
        }
        if (shared) {
            child->guard.lock();
            at->guard.unlock();
        }
        at = child;
        asked = at->asked_here();
        at->asked.store(asked, std::memory_order_release);
    }
    self.stop_requested.store(self.innermost->is_asked(), std::memory_order_relaxed);
    if (shared) {
        at->guard.unlock();
    }
}

cancelling::cancelling(cancel_node& what) noexcept : node_{what}, shared_{shared_here()} {
    if (shared_) {
        node_.guard.lock();
    }
}

cancelling::~cancelling() {
    const hooks heard = heard_;
    if (shared_) {
        node_.guard.unlock(); // from here on, the node may be gone
    }
    call_all(heard);
}

void cancelling::request(const cancel_origin& why) noexcept {
    node_.origin.store(&why, std::memory_order_release);
    if (!node_.is_asked()) {
        spread(node_, shared_, heard_);
    }
}

void request_cancel(cancel_node& what, const cancel_origin& why) noexcept {
    cancelling now{what};
    if (now.first()) {
        now.request(why);
    }
}

bool hear(cancel_node& what, cancel_hook& hook) noexcept {
    const holding held{what.guard, shared_here()};
    if (what.is_asked()) {
        return true;
    }
    what.on_asked = &hook;
    return false;
}

void forget(cancel_node& what) noexcept {
    const holding held{what.guard, shared_here()};
    what.on_asked = nullptr;
}

void set_shielded(cancel_node& what, bool shielded) noexcept {
    hooks heard = nullptr;
    {
        cancel_node* const parent = what.parent;
        const bool shared = shared_here();
        spin_lock none;
        const holding upper{parent != nullptr ? parent->guard : none, shared};
        const holding here{what.guard, shared};
        what.shielded = shielded;
        const bool above = parent != nullptr && parent->is_asked();
        if (!shielded && above && !what.is_asked()) {
            spread(what, shared, heard);
        } else if (shielded && what.is_asked() && !what.asked_here()) {
            // Up with the shield when it has come already: what is inside may do its last things. Only for the
            // node where the task stands: what hangs below was told, and a request is not taken back.
            what.asked.store(false, std::memory_order_release);
            if (what.whose != nullptr && what.whose->innermost == &what) {
                what.whose->stop_requested.store(false, std::memory_order_relaxed);
            }
        }
    }
    call_all(heard);
}

const cancel_origin* origin_of(const cancel_node& what) noexcept {
    for (const cancel_node* at = &what; at != nullptr && at->is_asked(); at = at->parent) {
        if (at->asked_here()) {
            return at->origin.load(std::memory_order_acquire);
        }
    }
    return nullptr;
}

} // namespace pirn::detail
