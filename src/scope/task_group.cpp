// SPDX-License-Identifier: MIT
//
// Groups: the account of tasks, their errors, and the wait for the last.
#include <pirn/scope/task_group.hpp>

#include "sched/access.hpp"

#include <new>

namespace pirn {

namespace detail {

void start_state::wait() {
    if (!settled) {
        waiter here; // not to be aborted: what asks us asks the task too, and that ends
        starter = &here;
        park(here);
        starter = nullptr;
    }
    if (failure) {
        std::rethrow_exception(std::move(failure));
    }
    if (!ready) {
        throw_if_stopped();
        throw_error(std::make_error_code(std::errc::operation_canceled), "task_group::start");
    }
}

void start_state::settle() noexcept {
    settled = true;
    if (starter != nullptr) {
        unpark(*starter);
    }
}

namespace {

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
    if (size_ > 0) {
        cancel({});
        wait_for_all();
    }
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
    if (!node_.asked_here()) {
        origin_ = {"its group was cancelled", where};
        detail::request_cancel(node_, origin_);
    }
}

void task_group::begin(detail::task& fresh) noexcept {
    ++size_;
    detail::start_within(fresh, *owner_.home, node_, hook_);
}

// Cannot be aborted: whoever asks the owner to stop asks the tasks too, as the group hangs in the owner's scope.
void task_group::wait_for_all() {
    PIRN_REQUIRE(detail::current_task() == &owner_,
                 "a task_group was waited for by another task than the one that made it",
                 {"owner", owner_.name()});
    while (size_ > 0) {
        waiter here;
        waiting_ = &here;
        park(here);
        waiting_ = nullptr;
    }
}

void task_group::hook::ended(end_hook& self, detail::task& which) noexcept {
    task_group& group = static_cast<hook&>(self).whose;
    if (which.failure) {
        group.keep_error(std::exchange(which.failure, nullptr));
    }
    if (--group.size_ == 0 && group.waiting_ != nullptr) {
        unpark(*std::exchange(group.waiting_, nullptr));
    }
}

void task_group::keep_error(std::exception_ptr what) noexcept {
    if (!first_) {
        first_ = std::move(what);
        if (!node_.asked_here()) {
            origin_ = {"another task of its group failed", {}};
            detail::request_cancel(node_, origin_);
        }
        return;
    }
    try {
        further_.push_back(what);
    } catch (const std::bad_alloc&) {
        detail::report_error("a task of a group", what);
    }
}

} // namespace pirn
