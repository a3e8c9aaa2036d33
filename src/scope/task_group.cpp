// SPDX-License-Identifier: MIT
//
// Groups: the account of tasks, their errors, and the wait for the last.
#include <pirn/scope/task_group.hpp>

#include <pirn/scope/errors.hpp>

#include "base/places.hpp"
#include "sched/access.hpp"
#include "scope/slot_wait.hpp"

#include <array>
#include <cstdio>
#include <exception>
#include <new>
#include <string_view>
#include <utility>

namespace pirn {

namespace detail {
namespace {

constexpr wait_kind for_start_of_task{"a task of a group to be ready"};

} // namespace

void start_state::wait(task& started) {
    struct releaser {
        ~releaser() { release(which); }
        task& which;
    } const at_the_end{started};
    bool interrupted = false;
    for (;;) {
        slot_wait here{guard, waits, for_start_of_task, !interrupted};
        {
            const holding held{guard, tree_shared()};
            if (settled) {
                break;
            }
            waits = &here;
        }
        park(here);
        if (here.interrupted) {
            interrupted = true;
            ask_to_stop(started);
        }
    }
    if (failure) {
        std::rethrow_exception(std::move(failure));
    }
    if (interrupted || !ready) {
        throw_if_stopped();
    }
    if (!ready) {
        throw_error(std::make_error_code(std::errc::operation_canceled), "task_group::start");
    }
}

void start_state::settle() noexcept {
    slot_wait* sleeper = nullptr;
    {
        const holding held{guard, tree_shared()};
        settled = true;
        sleeper = std::exchange(waits, nullptr);
    }
    if (sleeper != nullptr) { // else this state may be gone
        unpark(*sleeper);
    }
}

namespace {

constexpr wait_kind for_group_of_tasks{"the tasks of a group"};

// describe_failure: which task of a group failed, and what its error says.
std::string describe_failure(const task& failed, const std::exception_ptr& error) {
    const std::string name{failed.name()};
    return "a task of its group failed (" +
           (name.empty() ? "spawned at " + site_of(failed) : "\"" + name + "\"") +
           "): " + text_of(error);
}

failed_task mark_of(const task& failed) noexcept {
    failed_task mark;
    const std::string_view name = failed.name();
    name.copy(mark.name.data(), mark.name.size() - 1);
    mark.spawned_at = failed.created_at;
    return mark;
}

// report_group_error: as report_error, and names the task.
void report_group_error(const std::exception_ptr& error, const failed_task& failed) noexcept {
    const bool named = failed.name.front() != '\0';
    const std::string_view file = header_in_project(failed.spawned_at.file_name());
    std::array<char, 512> about{}; // no std::string: memory may be what is lacking
    std::snprintf(about.data(), about.size(), "%s%s%sspawned at %.*s:%u", named ? "\"" : "",
                  failed.name.data(), named ? "\", " : "", static_cast<int>(file.size()),
                  file.data(), static_cast<unsigned>(failed.spawned_at.line()));
    report_error("a task of a group", error, about.data());
}

task& required_owner() {
    task* const self = current_task();
    PIRN_REQUIRE(self != nullptr,
                 "a task_group was made outside of any task; make it inside pirn::run");
    return *self;
}

} // namespace
} // namespace detail

task_group::task_group()
    : owner_{detail::required_owner()}, exceptions_around_{std::uncaught_exceptions()},
      hook_{*this} {
    detail::enter(block_, owner_);
    detail::hang(node_, block_);
}

task_group::~task_group() {
    end();
    detail::take_down(node_);
    const bool ended_the_block = block_.asked_here();
    if (ended_the_block) {
        detail::withdraw_request(block_);
    }
    detail::leave_early(block_);
    if (!first_) {
        return; // there was none, or a call has delivered it, and its catcher could see the others
    }
    if (ended_the_block && std::uncaught_exceptions() > exceptions_around_) {
        detail::keep_group_error(std::move(first_));
    } else {
        detail::report_group_error(first_, first_failed_);
    }
    for (std::size_t i = 0; i < further_.size(); ++i) {
        detail::report_group_error(further_[i], further_failed_[i]);
    }
}

// end: cancels what is left, and waits for it.
void task_group::end() noexcept {
    if (size() > 0) {
        cancel({});
    }
    wait_for_all(false); // also for the last one to take its hands off
}

void task_group::wait() {
    wait_for_all(true);
    throw_first();
    detail::check_stop();
}

// throw_first: the error, once. From here on it is the owner's affair.
void task_group::throw_first() {
    if (block_.asked_here()) {
        detail::withdraw_request(block_);
    }
    if (first_) {
        std::rethrow_exception(std::exchange(first_, nullptr));
    }
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

void task_group::begin(detail::task& fresh, bool keeps_reference) noexcept {
    {
        const detail::holding held{guard_, detail::tree_shared()};
        ++size_;
    }
    scheduler* const here = scheduler::current();
    detail::start_within(fresh, here != nullptr ? *here : *owner_.home.load(), node_, hook_,
                         keeps_reference);
}

// wait_for_all: with `cancellable`, a request that reaches the owner cancels the group. It need not come from a scope
// that the group was made in, so it does not reach the tasks by itself.
void task_group::wait_for_all(bool cancellable) {
    PIRN_REQUIRE(detail::current_task() == &owner_,
                 "a task_group was waited for by another task than the one that made it",
                 {"owner", owner_.name()});
    const bool shared = detail::tree_shared();
    for (;;) {
        std::optional<detail::slot_wait> here;
        {
            const detail::holding held{guard_, shared};
            if (size_ == 0) {
                return;
            }
            here.emplace(guard_, waiting_, detail::for_group_of_tasks, cancellable);
            waiting_ = &*here;
        }
        park(*here);
        // The group cannot be cancelled in the middle of the request: the locks of the tree above the owner are held then.
        if (here->interrupted) {
            cancellable = false;
            detail::cancelling now{node_};
            if (now.first() && !node_.is_asked()) {
                origin_ = {"the wait for its group was cancelled", {}};
                now.request(origin_);
            }
        }
    }
}

void task_group::hook::ended(end_hook& self, detail::task& which) noexcept {
    task_group& group = static_cast<hook&>(self).whose;
    if (which.failure) {
        group.keep_error(std::exchange(which.failure, nullptr), which);
    }
    const detail::holding held{group.guard_, detail::tree_shared()};
    if (--group.size_ == 0 && group.waiting_ != nullptr) {
        unpark(*std::exchange(group.waiting_, nullptr));
    }
}

void task_group::keep_error(std::exception_ptr error, const detail::task& failed) noexcept {
    const detail::failed_task mark = detail::mark_of(failed);
    {
        const detail::holding held{guard_, detail::tree_shared()};
        if (first_) {
            try {
                further_failed_.resize(further_.size()); // as many as before, whatever failed then
                further_failed_.push_back(mark);
                further_.push_back(error);
            } catch (const std::bad_alloc&) {
                detail::report_group_error(error, mark);
            }
            return;
        }
        first_ = std::move(error);
        first_failed_ = mark;
    }
    const bool is_first_ever = failure_.empty();
    if (is_first_ever) {
        try {
            failure_ = detail::describe_failure(
                failed, first_);          // the owner takes it once the task has ended
        } catch (const std::bad_alloc&) { // NOLINT(bugprone-empty-catch): see below
        }
        block_origin_ = {failure_.empty() ? "a task of its group failed" : failure_.c_str(),
                         mark.spawned_at};
    }
    {
        detail::cancelling now{node_};
        if (now.first()) {
            origin_ = block_origin_;
            now.request(origin_);
        }
    }
    detail::request_cancel(block_, block_origin_);
}

} // namespace pirn
