// SPDX-License-Identifier: MIT
//
// The tree of what can be cancelled.
#include <pirn/sched/cancel_node.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/sched/task.hpp>

namespace pirn::detail {
namespace {

// tell: a task whose innermost node this is gets to know, and its wait ends.
void tell(cancel_node& where) noexcept {
    where.asked = true;
    if (where.on_asked != nullptr) {
        where.on_asked->call(*where.on_asked);
    }
    task* const self = where.whose;
    if (self == nullptr || self->innermost != &where) {
        return;
    }
    self->stop_requested = true;
    waiter* const on = self->parked_on;
    if (on != nullptr && on->abort != nullptr) {
        on->abort(*on);
    }
}

bool to_be_told(const cancel_node& what) noexcept { return !what.asked && !what.shielded; }

// first_to_tell: beginning with this sibling.
cancel_node* first_to_tell(cancel_node& parent, cancel_node* sibling) noexcept {
    while (sibling != nullptr && !to_be_told(*sibling)) {
        sibling = parent.children.next(*sibling);
    }
    return sibling;
}

// spread: tells everything from `top` down, depth first. The way back up is by the parents, so that no depth
// needs a stack.
void spread(cancel_node& top) noexcept {
    tell(top);
    cancel_node* at = &top;
    for (;;) {
        if (cancel_node* const below = first_to_tell(*at, at->children.front())) {
            tell(*below);
            at = below;
            continue;
        }
        cancel_node* beside = nullptr;
        while (at != &top && beside == nullptr) {
            cancel_node* const up = at->parent;
            beside = first_to_tell(*up, up->children.next(*at));
            at = up;
        }
        if (beside == nullptr) {
            return;
        }
        tell(*beside);
        at = beside;
    }
}

} // namespace

void hang(cancel_node& what, cancel_node& below) noexcept {
    what.parent = &below;
    below.children.push_back(what);
    what.asked = what.asked_here() || (below.asked && !what.shielded);
}

void take_down(cancel_node& what) noexcept {
    PIRN_ASSERT(what.children.empty(), "a scope ended before what is inside of it");
    if (what.parent != nullptr) {
        what.parent->children.erase(what);
        what.parent = nullptr;
    }
}

void enter(cancel_node& what, task& self) noexcept {
    what.whose = &self;
    hang(what, *self.innermost);
    self.innermost = &what;
    self.stop_requested = what.asked;
}

void leave(cancel_node& what) noexcept {
    task& self = *what.whose;
    self.innermost = what.parent;
    self.stop_requested = what.parent->asked;
    take_down(what);
}

void request_cancel(cancel_node& what, const cancel_origin& why) noexcept {
    if (what.asked_here()) {
        return;
    }
    what.origin = &why;
    if (!what.asked) {
        spread(what);
    }
}

void set_shielded(cancel_node& what, bool shielded) noexcept {
    what.shielded = shielded;
    const bool above = what.parent != nullptr && what.parent->asked;
    if (!shielded && above && !what.asked) {
        spread(what);
    } else if (shielded && what.asked && !what.asked_here()) {
        // Up with the shield when it has come already: what is inside may do its last things. Only for the
        // node where the task stands: what hangs below was told, and a request is not taken back.
        what.asked = false;
        if (what.whose != nullptr && what.whose->innermost == &what) {
            what.whose->stop_requested = false;
        }
    }
}

const cancel_origin* origin_of(const cancel_node& what) noexcept {
    for (const cancel_node* at = &what; at != nullptr && at->asked; at = at->parent) {
        if (at->asked_here()) {
            return at->origin;
        }
    }
    return nullptr;
}

} // namespace pirn::detail
