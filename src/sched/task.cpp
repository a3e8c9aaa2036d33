// SPDX-License-Identifier: MIT
//
// The life of a task around its function: started, joined, stopped, reported, freed.
#include <pirn/sched/task.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>
#include <pirn/sched/crew.hpp>

#include "base/places.hpp"
#include "sched/access.hpp"

#include <cstdio>
#include <exception>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace pirn::detail {
namespace {

constinit const cancel_origin asked_to_stop{"request_stop", {}};

void leave_wait_queue(waiter& on) noexcept;
task* awaited(const waiter& on) noexcept;

constexpr wait_kind for_end{"the end of a task", &awaited};

// A wait for the end of another task.
struct join_waiter : waiter {
    explicit join_waiter(task& what, bool cancellable) noexcept
        : waiter{cancellable ? &leave_wait_queue : nullptr}, other{what} {
        kind = &for_end;
    }
    // Also when the wait is unwound.
    ~join_waiter() {
        if (!over) {
            forget_end(other, *this);
        }
    }
    join_waiter(const join_waiter&) = delete;
    join_waiter& operator=(const join_waiter&) = delete;

    task& other;
};

// Nothing to do when the end has come first: the unpark is on its way.
void leave_wait_queue(waiter& on) noexcept {
    auto& self = static_cast<join_waiter&>(on);
    {
        const holding held{self.other.guard, shared_here()};
        if (!self.link.linked()) {
            return;
        }
        self.other.joiners.erase(self);
    }
    unpark(self);
}

task* awaited(const waiter& on) noexcept { return &static_cast<const join_waiter&>(on).other; }

// own_scheduler: of this thread, among those that share tasks with this one.
scheduler& own_scheduler(scheduler& any) {
    if (scheduler_access::alone(any) || scheduler_access::on_its_thread(any)) {
        return any;
    }
    const crew& all = *any.shares_with();
    for (std::size_t i = 0; i < all.size(); ++i) {
        scheduler* const one = all.member(i);
        if (one != nullptr && scheduler_access::on_its_thread(*one)) {
            return *one;
        }
    }
    fail("a task was joined on a thread that has no scheduler", "own_scheduler",
         std::source_location::current(), {});
}

} // namespace

task* current_task() noexcept { return running_task(); }

bool spend_answer() noexcept {
    scheduler* here = scheduler::current();
    if (here == nullptr) {
        return true;
    }
    return scheduler_access::spend_answer(*here);
}

void start(task& fresh, scheduler& home) noexcept { scheduler_access::begin(home, fresh); }

void start_within(task& fresh, scheduler& home, cancel_node& below, end_hook& hook,
                  bool keeps_reference) noexcept {
    fresh.references.store(keeps_reference ? 2 : 1, std::memory_order_relaxed);
    fresh.on_end = &hook;
    hang(fresh.root, below);
    if (fresh.root.is_asked()) {
        fresh.stop_requested.store(true, std::memory_order_relaxed);
    }
    start(fresh, home);
}

bool give_up(task& which) noexcept {
    if (!shared_here()) {
        const std::uint32_t left = which.references.load(std::memory_order_relaxed) - 1;
        which.references.store(left, std::memory_order_relaxed);
        return left == 0;
    }
    // acquire and release: what others did with the task has happened before it is freed.
    return which.references.fetch_sub(1, std::memory_order_acq_rel) == 1;
}

void release(task& which) noexcept {
    if (!give_up(which)) {
        return;
    }
    if (which.failure) {
        report_failure(which);
    }
    destroy_frame(which);
}

void wait_for_end(task& other, bool cancellable) {
    task* self = running_task();
    if (cancellable && self != nullptr && PIRN_UNLIKELY(stop_refuses())) {
        check_stop();
    }
    if (other.ended()) {
        return;
    }
    PIRN_REQUIRE(self != &other, "a task cannot wait for its own end", {"name", other.name()});
    scheduler& theirs = *other.home.load(std::memory_order_acquire);
    if (self == nullptr) {
        own_scheduler(theirs).run_until_ended(other);
        return;
    }
    scheduler& ours = *self->home.load(std::memory_order_relaxed);
    PIRN_REQUIRE(&ours == &theirs ||
                     (ours.shares_with() != nullptr && ours.shares_with() == theirs.shares_with()),
                 "a task can only join tasks of its own scheduler or crew", {"name", self->name()},
                 {"other", other.name()});
    join_waiter on{other, cancellable};
    if (!tell_end(other, on)) {
        return;
    }
    // If the other one has not begun, it does now, in our place: that is what we wait for.
    park_for(on, scheduler_access::take_now(ours, other) ? &other : nullptr);
    if (cancellable && !other.ended()) {
        note_stop();
        throw cancelled{};
    }
}

bool tell_end(task& other, waiter& on) noexcept {
    const holding held{other.guard, shared_here()};
    if (other.over.load(std::memory_order_relaxed)) {
        return false;
    }
    other.joiners.push_back(on);
    return true;
}

void forget_end(task& other, waiter& on) noexcept {
    const holding held{other.guard, shared_here()};
    if (on.link.linked()) {
        other.joiners.erase(on);
    }
}

void ask_to_stop(task& which) noexcept {
    if (!which.ended()) {
        request_cancel(which.root, asked_to_stop);
    }
}

void take_failure(task& ended) {
    if (ended.failure) {
        std::rethrow_exception(std::exchange(ended.failure, nullptr));
    }
}

void keep_group_error(std::exception_ptr error) noexcept {
    task* const self = running_task();
    if (self == nullptr || self->group_error) {
        report_error("a task of a group", error);
        return;
    }
    self->group_error = std::move(error);
}

std::exception_ptr take_group_error() noexcept {
    task* const self = running_task();
    return self != nullptr ? std::exchange(self->group_error, nullptr) : nullptr;
}

void drop_unclaimed_group_error(task& self) noexcept {
    if (std::uncaught_exceptions() > 0) {
        return;
    }
    try {
        if (const std::exception_ptr handled = std::current_exception()) {
            std::rethrow_exception(handled);
        }
    } catch (const cancelled&) {
        return;
    } catch (...) { // NOLINT(bugprone-empty-catch): another error has taken its place
    }
    report_error("a task of a group", std::exchange(self.group_error, nullptr));
}

void settle_group_error(task& ended) noexcept {
    std::exception_ptr error = std::exchange(ended.group_error, nullptr);
    try {
        if (ended.failure) {
            std::rethrow_exception(ended.failure);
        }
    } catch (const cancelled&) {
        ended.failure = std::move(error);
        return;
    } catch (...) { // NOLINT(bugprone-empty-catch): the task has failed by itself, too
    }
    report_error("a task of a group", error);
}

void stop_and_join(task& which) noexcept {
    if (!which.ended()) {
        ask_to_stop(which);
        wait_for_end(which, false);
    }
}

std::string site_of(const task& which) { return in_words(which.created_at); }

std::string in_words(const std::source_location& site) {
    return site.line() == 0 ? "an unknown place"
                            : std::string{header_in_project(site.file_name())} + ":" +
                                  std::to_string(site.line());
}

void report_failure(task& which) noexcept {
    const auto say = [&which](const char* what) {
        const std::string_view name = which.name().empty() ? "unnamed" : which.name();
        std::fprintf(stderr,
                     "pirn: an error left task \"%.*s\", spawned at %s, and nobody asked: %s\n",
                     static_cast<int>(name.size()), name.data(), site_of(which).c_str(), what);
    };
    try {
        take_failure(which);
    } catch (const cancelled&) {
        // Left as it was asked to: no news.
    } catch (const std::exception& error) {
        say(error.what());
    } catch (...) {
        say("not a std::exception");
    }
}

void report_error(const char* whose, const std::exception_ptr& what,
                  std::string_view about) noexcept {
    const auto say = [whose, about](const char* text) {
        std::fprintf(stderr, "pirn: an error left %s, and nobody asked: %s%s%.*s%s\n", whose, text,
                     about.empty() ? "" : " (", static_cast<int>(about.size()), about.data(),
                     about.empty() ? "" : ")");
    };
    try {
        std::rethrow_exception(what);
    } catch (const cancelled&) { // NOLINT(bugprone-empty-catch): left as it was asked to: no news
    } catch (const std::exception& error) {
        say(error.what());
    } catch (...) {
        say("not a std::exception");
    }
}

} // namespace pirn::detail
