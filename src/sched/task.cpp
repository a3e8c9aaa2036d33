// SPDX-License-Identifier: MIT
//
// The life of a task around its function: started, joined, stopped, reported, freed.
#include <pirn/sched/task.hpp>

#include <pirn/base/assert.hpp>
#include <pirn/base/error.hpp>

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
constinit const cancel_origin everybody_leaves{"all tasks of the scheduler are asked to stop", {}};

void leave_wait_queue(waiter& on) noexcept;

// A wait for the end of another task.
struct join_waiter : waiter {
    explicit join_waiter(task& what, bool cancellable) noexcept
        : waiter{cancellable ? &leave_wait_queue : nullptr}, other{what} {}
    // Also when the wait is unwound.
    ~join_waiter() {
        if (link.linked()) {
            other.joiners.erase(*this);
        }
    }
    join_waiter(const join_waiter&) = delete;
    join_waiter& operator=(const join_waiter&) = delete;

    task& other;
};

void leave_wait_queue(waiter& on) noexcept {
    auto& self = static_cast<join_waiter&>(on);
    self.other.joiners.erase(self);
    unpark(self);
}

} // namespace

task* current_task() noexcept {
    auto* here = static_cast<scheduler*>(this_thread().worker);
    return here != nullptr ? scheduler_access::running(*here) : nullptr;
}

bool spend_answer() noexcept {
    scheduler* here = scheduler::current();
    if (here == nullptr) {
        return true;
    }
    unsigned& left = scheduler_access::answers_left(*here);
    if (left == 0) {
        return false;
    }
    --left;
    return true;
}

void start(task& fresh, scheduler& home) noexcept {
    fresh.home = &home;
    if (scheduler_access::everybody_leaves(home)) {
        request_cancel(fresh.root, everybody_leaves);
    }
    scheduler_access::alive(home).push_back(fresh);
    ++scheduler_access::alive_count(home);
    scheduler_access::runnable(home).push_back(fresh);
}

void start_within(task& fresh, scheduler& home, cancel_node& below, end_hook& hook) noexcept {
    fresh.references = 1;
    fresh.on_end = &hook;
    hang(fresh.root, below);
    fresh.stop_requested = fresh.root.asked;
    start(fresh, home);
}

void release(task& which) noexcept {
    if (--which.references > 0) {
        return;
    }
    if (which.failure) {
        report_failure(which);
    }
    destroy_frame(which);
}

void wait_for_end(task& other, bool cancellable) {
    if (cancellable) {
        throw_if_stopped();
    }
    if (other.ended()) {
        return;
    }
    task* self = current_task();
    PIRN_REQUIRE(self != &other, "a task cannot wait for its own end", {"name", other.name()});
    if (self == nullptr) {
        other.home->run_until_ended(other);
        return;
    }
    PIRN_REQUIRE(self->home == other.home, "a task can only join tasks of its own scheduler",
                 {"name", self->name()}, {"other", other.name()});
    join_waiter on{other, cancellable};
    other.joiners.push_back(on);
    park(on);
    if (cancellable && !other.ended()) {
        throw cancelled{};
    }
}

bool tell_end(task& other, waiter& on) noexcept {
    if (other.ended()) {
        return false;
    }
    other.joiners.push_back(on);
    return true;
}

void forget_end(task& other, waiter& on) noexcept {
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

void stop_and_join(task& which) noexcept {
    if (!which.ended()) {
        ask_to_stop(which);
        wait_for_end(which, false);
    }
}

std::string site_of(const task& which) {
    const std::source_location& site = which.created_at;
    return site.line() == 0 ? "an unknown place"
                            : site.file_name() + (":" + std::to_string(site.line()));
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

void report_error(const char* whose, const std::exception_ptr& what) noexcept {
    const auto say = [whose](const char* text) {
        std::fprintf(stderr, "pirn: an error left %s, and nobody asked: %s\n", whose, text);
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
