// SPDX-License-Identifier: MIT
//
// Cancel scopes: a node in the scheduler's tree, with the ways to ask and to be told.
//
// Shared state, only with a stop_token:
//   link_in::posted    set by whoever requests the stop, on any thread; read by the scheduler's
#include <pirn/scope/cancel_scope.hpp>

#include <pirn/sched/task.hpp>

#include <atomic>
#include <cstdint>
#include <new>
#include <thread>

namespace pirn {

// A request that comes from another thread is carried to the scheduler's.
struct cancel_scope::link_in : detail::remote_call {
    link_in(cancel_scope& scope, detail::task& self, std::stop_token token)
        : remote_call{&arrived}, whose{scope}, task{self}, home{*self.home.load()},
          thread{std::this_thread::get_id()} {
        callback.emplace(std::move(token), request{*this}); // which may be called at once
    }

    static void arrived(remote_call& which) noexcept {
        auto& self = static_cast<link_in&>(which);
        self.posted.store(false, std::memory_order_relaxed);
        self.whose.cancel("a stop_token", {});
    }

    struct request {
        void operator()() const noexcept {
            if (std::this_thread::get_id() == to.thread) {
                to.whose.cancel("a stop_token", {});
            } else {
                to.posted.store(true, std::memory_order_relaxed); // post publishes it
                to.home.post(to);
            }
        }
        link_in& to;
    };

    cancel_scope& whose;
    detail::task& task;
    scheduler& home;
    std::thread::id thread;
    std::atomic<bool> posted{false};
    std::optional<std::stop_callback<request>> callback;
};

struct cancel_scope::link_out : detail::cancel_hook {
    link_out() : cancel_hook{&asked} {}
    static void asked(cancel_hook& self) noexcept {
        auto& out = static_cast<link_out&>(self);
        out.source.request_stop();
        let_go(out);
    }
    static void let_go(link_out& out) noexcept {
        // acquire and release: the last one deletes what the other one has used.
        if (out.references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete &out;
        }
    }
    std::stop_source source;
};

cancel_scope::cancel_scope() noexcept : alarm_{*this} {}

cancel_scope::cancel_scope(time_point deadline) noexcept : alarm_{*this}, deadline_{deadline} {}

cancel_scope::cancel_scope(std::stop_token token, time_point deadline)
    : alarm_{*this}, deadline_{deadline} {
    detail::task* const self = detail::current_task();
    PIRN_REQUIRE(self != nullptr, "a cancel_scope with a stop_token was made outside of any task");
    ++self->ties; // what is posted is posted to this thread
    struct untie {
        ~untie() { task->ties = static_cast<std::uint16_t>(task->ties - (made ? 0 : 1)); }
        detail::task* task;
        bool made = false;
    } guard{self};
    in_ = std::make_unique<link_in>(*this, *self, std::move(token));
    guard.made = true;
}

cancel_scope::~cancel_scope() {
    PIRN_REQUIRE(node_.whose == nullptr, "a cancel_scope was destroyed while it runs");
    if (in_ != nullptr) {
        in_->callback.reset(); // waits for one that is being called right now
        if (in_->posted.load(std::memory_order_relaxed)) {
            in_->home.call_posted();
        }
        --in_->task.ties;
    }
    if (out_ != nullptr) {
        detail::forget(node_);
        link_out::let_go(*out_);
    }
}

void cancel_scope::cancel(std::string_view cause, std::source_location where) noexcept {
    detail::cancelling now{node_};
    if (!now.first()) {
        return;
    }
    try {
        cause_ = cause;
    } catch (const std::bad_alloc&) {
        cause_.clear(); // the cause is lost, the cancellation is not
    }
    origin_ = {cause_, where};
    now.request(origin_);
}

std::string_view cancel_scope::cause() const noexcept {
    const detail::cancel_origin* const from = detail::origin_of(node_);
    return from != nullptr ? from->cause : std::string_view{};
}

std::source_location cancel_scope::where() const noexcept {
    const detail::cancel_origin* const from = detail::origin_of(node_);
    return from != nullptr ? from->where : std::source_location{};
}

void cancel_scope::set_deadline(time_point when) {
    deadline_ = when;
    if (node_.whose != nullptr) {
        PIRN_REQUIRE(scheduler::current() == node_.whose->home.load(std::memory_order_relaxed),
                     "a deadline was moved on another thread than the one that the scope runs on");
        if (when <= now()) {
            alarm_.unset();
            pass_deadline();
        } else {
            alarm_.set(when, node_.whose);
        }
    }
}

std::stop_token cancel_scope::stop_token() {
    if (out_ == nullptr) {
        out_ = new link_out;
        // The reference that a call gives up is taken by the one who calls.
        if (detail::hear(node_, *out_)) {
            out_->source.request_stop();
        }
    }
    return out_->source.get_token();
}

void cancel_scope::deadline_alarm::ring(alarm& which) noexcept {
    static_cast<deadline_alarm&>(which).whose.pass_deadline();
}

// On the thread of the task that is inside.
void cancel_scope::pass_deadline() noexcept {
    if (node_.asked_here()) {
        return;
    }
    overdue_ = true;
    stops_seen_ = node_.whose->stops_seen;
    cancel("the deadline", {});
}

void cancel_scope::begin() {
    detail::task* const self = detail::current_task();
    PIRN_REQUIRE(self != nullptr, "a cancel_scope was run outside of any task");
    PIRN_REQUIRE(node_.whose == nullptr,
                 "a cancel_scope was run inside of itself, or by two tasks");
    detail::enter(node_, *self);
    if (out_ != nullptr && node_.is_asked()) {
        out_->source.request_stop();
    }
    cut_short_ = false;
    stops_seen_ = self->stops_seen; // counts if the deadline has passed in an earlier run
    if (deadline_ != never && !node_.asked_here()) {
        if (deadline_ <= now()) {
            if (!node_.is_asked()) {
                self->attempt_left = attempt_granted_ = true;
            }
            pass_deadline();
        } else {
            alarm_.set(deadline_, self);
        }
    }
}

void cancel_scope::end() noexcept {
    alarm_.unset();
    detail::task& self = *node_.whose;
    cut_short_ = overdue_ && self.stops_seen != stops_seen_;
    if (std::exchange(attempt_granted_, false)) {
        self.attempt_left = false;
    }
    detail::leave(node_);
}

bool cancel_scope::was_ours() const noexcept { return node_.asked_here() && !stop_requested(); }

std::string_view cancel_cause() noexcept {
    const detail::task* const self = detail::current_task();
    const detail::cancel_origin* const from =
        self != nullptr ? detail::origin_of(*self->innermost) : nullptr;
    return from != nullptr ? from->cause : std::string_view{};
}

} // namespace pirn
