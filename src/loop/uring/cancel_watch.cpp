// SPDX-License-Identifier: MIT
//
// Cancel requests that the kernel has answered without ending the operation. While a request moves from the kernel's first
// attempt to one of its worker threads, a cancel request does not find it (seen on Linux 6.18, with connects to a UNIX
// socket whose backlog is full), and the worker then waits as if nothing had been asked. So what may wait on a worker is
// asked again until it has ended, at first after 5 ms, then less often.
#include <pirn/base/time.hpp>

#include "loop/uring/uring.hpp"

#include <algorithm>
#include <chrono>

namespace pirn::detail {
namespace {

using namespace std::chrono_literals;

constexpr duration first_pause = 5ms;
constexpr duration longest_pause = 100ms;

} // namespace

// may_hold_worker: whether the kernel may wait for an operation of this kind on a thread of its own. For others it waits
// by readiness, and finds them.
bool may_hold_worker(operation_kind kind) noexcept {
    return kind == operation_kind::connect || kind == operation_kind::splice ||
           kind == operation_kind::send_file || kind >= operation_kind::open;
}

void uring_backend::watch_cancel() noexcept {
    if (watched_cancels_++ == 0) {
        ask_again_after_ = first_pause;
        ask_again_at_ = clock::now() + first_pause;
    }
}

// unwatch_cancel: what has ended is not asked any more.
void uring_backend::unwatch_cancel(const operation& ended) noexcept {
    if (watched_cancels_ == 0 || ended.state() != operation_state::cancelling ||
        !may_hold_worker(ended.kind())) {
        return;
    }
    --watched_cancels_;
    if (watched_cancels_ == 0) {
        ask_again_at_ = never;
    }
}

// ask_again: when it is time to.
void uring_backend::ask_again() noexcept {
    const time_point now = clock::now();
    if (now < ask_again_at_) {
        return;
    }
    for (operation* at = taken_.front(); at != nullptr;) {
        operation& what = *at;
        at = taken_.next(what); // request_cancel may move it to another queue
        if (what.state() == operation_state::cancelling && may_hold_worker(what.kind())) {
            request_cancel(what);
        }
    }
    ask_again_after_ = std::min(2 * ask_again_after_, longest_pause);
    ask_again_at_ = now + ask_again_after_;
}

} // namespace pirn::detail
