// SPDX-License-Identifier: MIT
//
// Which part of which stack a suspended coroutine does not need. How pages are given back: stack/give_back.
//
// Age is told without a clock and without a store at the switch, by `parent`. A suspend leaves it as it is, the
// resumer; a sweep writes a mark there; the resume that comes next finds no resumer of its own there, takes
// the slow path, and writes itself.
//
//                  sweep                      sweep, or reclaim
//   the resumer ──────────► seen_waiting ───────────────────────► given_back      a sweep passes it by
//        ▲                       │                                    │
//        └───────────────────────┴─────────── resume ─────────────────┘
#include <pirn/coro/reclaim.hpp>

#include "coro/measure.hpp"
#include "stack/give_back.hpp"

#include <array>

namespace pirn {

namespace detail {

namespace {

// Collects the areas of many stacks, and gives back as many at once as it has room for.
class areas {
  public:
    void add(std::span<std::byte> pages) noexcept {
        if (pages.empty()) {
            return;
        }
        all_[size_++] = pages;
        if (size_ == all_.size()) {
            give_back();
        }
    }
    std::size_t finish() noexcept {
        give_back();
        return bytes_;
    }

  private:
    void give_back() noexcept {
        if (size_ != 0) {
            bytes_ += give_back_touched(std::span{all_}.first(size_));
        }
        size_ = 0;
    }

    std::array<std::span<std::byte>, 128> all_;
    std::size_t size_ = 0;
    std::size_t bytes_ = 0;
};

// What lies below `low_end` on the coroutine's stack.
void add_stack(frame& of, const std::byte* low_end, areas& into) noexcept {
    const std::byte* low = of.where().memory.data();
    // Elsewhere: where it is not known, or the coroutine has changed to a stack that is not ours.
    const bool stands_here = low_end > low && low_end <= low + of.where().memory.size();
    if (!stands_here || of.ground->source == nullptr || !of.ground->source->owns_pages()) {
        return;
    }
    remember_use(of);
    const auto dead = static_cast<std::size_t>(low_end - low);
    into.add(whole_pages_of(of.where().memory.first(dead), of.where().guard_size == 0));
}

// A coroutine that was suspended from within others stands on several stacks. Its own context holds the
// innermost; the context of each inner one holds the resumer of it, which is the next one out.
void add_all_stacks(frame& suspended, areas& into) noexcept {
    const arch::context* waiting = &suspended.context;
    frame* at = suspended.innermost != nullptr ? suspended.innermost : &suspended;
    while (at != &suspended) {
        add_stack(*at, arch::low_end(*waiting), into);
        waiting = &at->context;
        at = at->parent;
    }
    add_stack(suspended, arch::low_end(*waiting), into);
}

} // namespace
} // namespace detail

std::size_t reclaim(std::span<const coroutine_ref> which) noexcept {
    detail::areas found;
    for (const coroutine_ref& one : which) {
        detail::frame& at = detail::frame_access::of(one);
        if (at.parent != detail::given_back && at.status() == coroutine_status::suspended) {
            at.parent = detail::given_back;
            detail::add_all_stacks(at, found);
        }
    }
    return found.finish();
}

std::size_t reclaim_idle(std::span<const coroutine_ref> which) noexcept {
    detail::areas found;
    for (const coroutine_ref& one : which) {
        detail::frame& at = detail::frame_access::of(one);
        if (at.parent == detail::seen_waiting) {
            at.parent = detail::given_back;
            detail::add_all_stacks(at, found);
        } else if (at.parent != detail::given_back && at.status() == coroutine_status::suspended) {
            at.parent = detail::seen_waiting;
        }
    }
    return found.finish();
}

} // namespace pirn
