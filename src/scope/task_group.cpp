// SPDX-License-Identifier: MIT
//
// Groups: the account of tasks, their errors, and the wait for the last.
#include <pirn/scope/task_group.hpp>

#include "sched/access.hpp"

#include <new>

namespace pirn {

namespace detail {

void start_state::wait() {
    park(starter); // not to be aborted: what asks us asks the task too, and that ends
    if (failure) {
        std::rethrow_exception(std::move(failure));
    }
    if (!ready) {
        throw_if_stopped();
        throw_error(std::make_error_code(std::errc::operation_canceled), "task_group::start");
    }
}

void start_state::settle() noexcept { unpark(starter); }

namespace {

constexpr wait_kind for_group_of_tasks{"the tasks of a group"};

task& required_owner() {
    task* const self = current_task();
    PIRN_REQUIRE(self != nullptr,
                 "a task_group was made outside of any task; make it inside pirn::run");
    return *self;
}

} // namespace
} // namespace detail

task_group::task_group() : owner_{detail::required_owner()}, hook_{*this} {
    detail::hang(node_, *owner_.innermost);
}

task_group::~task_group() {
    if (size() > 0) {
        cancel({});
    }
    wait_for_all(); // also for the last one to take its hands off
    detail::take_down(node_);
    if (!first_) {
        return; // there was none, or wait has told it, and whoever caught it could see the others
    }
    detail::report_error("a task of a group", first_);
    for (const std::exception_ptr& each : further_) {
        detail::report_error("a task of a group", each);
    }
}

void task_group::wait() {
    wait_for_all();
    if (first_) {
        std::rethrow_exception(std::exchange(first_, nullptr));
    }
    throw_if_stopped();
}

void task_group::cancel(std::source_location where) noexcept {
    detail::cancelling now{node_};
    if (now.first()) {
        origin_ = {"its group was cancelled", where};
        now.request(origin_);
    }
}

std::size_t task_group::size() const noexcept {
    const detail::holding held{guard_, detail::tree_shared()};
    return size_;
}

void task_group::begin(detail::task& fresh) noexcept {
    {
        const detail::holding held{guard_, detail::tree_shared()};
        ++size_;
    }
    scheduler* const here = scheduler::current();
    detail::start_within(fresh, here != nullptr ? *here : *owner_.home.load(), node_, hook_);
}

// Cannot be aborted: whoever asks the owner to stop asks the tasks too, as the group hangs in the owner's scope.
void task_group::wait_for_all() {
    PIRN_REQUIRE(detail::current_task() == &owner_,
                 "a task_group was waited for by another task than the one that made it",
                 {"owner", owner_.name()});
    const bool shared = detail::tree_shared();
    for (;;) {
        std::optional<waiter> here;
        {
            const detail::holding held{guard_, shared};
            if (size_ == 0) {
                return;
            }
            here.emplace();
            here->kind = &detail::for_group_of_tasks;
            waiting_ = &*here;
        }
        park(*here);
    }
}

void task_group::hook::ended(end_hook& self, detail::task& which) noexcept {
    task_group& group = static_cast<hook&>(self).whose;
    if (which.failure) {
        group.keep_error(std::exchange(which.failure, nullptr));
    }
    const detail::holding held{group.guard_, detail::tree_shared()};
    if (--group.size_ == 0 && group.waiting_ != nullptr) {
        unpark(*std::exchange(group.waiting_, nullptr));
    }
}

void task_group::keep_error(std::exception_ptr what) noexcept {
    {
        const detail::holding held{guard_, detail::tree_shared()};
        if (first_) {
            try {
                further_.push_back(what);
            } catch (const std::bad_alloc&) {
                detail::report_error("a task of a group", what);
            }
            return;
        }
        first_ = std::move(what);
    }
    detail::cancelling now{node_};
    if (now.first()) {
        origin_ = {"another task of its group failed", {}};
        now.request(origin_);
    }
}

} // namespace pirn
