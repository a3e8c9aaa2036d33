// SPDX-License-Identifier: MIT
//
// The io_uring backend: its part of the loop's turn.
#include <pirn/base/error.hpp>

#include "loop/uring/tag.hpp"
#include "loop/uring/uring.hpp"

#include <algorithm>
#include <cerrno>

namespace pirn::detail {
namespace {

using namespace std::chrono_literals;

// How long to let the kernel catch its breath when it cannot take more and has nothing to give.
constexpr duration breath = 1ms;

} // namespace

bool uring_backend::poll(time_point until) {
    bool woken = wakeup_.consume();
    const bool wait = !woken && until != time_point::min() && nothing_finished();
    const bool everything = hand_over() && (!wait || arm_wakeup());
    const int result = wait && everything ? ring_.flush_and_wait(until) : ring_.flush();
    const bool refused = result == -EAGAIN || result == -EBUSY;
    if (result < 0 && !refused) {
        throw_error(error_of(result), "io_uring_enter");
    }
    woken |= reap();
    if (refused && wait && !woken && nothing_finished()) {
        // It is short of memory, or wants its completions collected first: wait for one of those,
        // and try again soon.
        ring_.wait(std::min(until, clock::now() + breath));
        woken |= reap();
    }
    return woken;
}

// reap: takes in all completions that there are. True when one of them was a wake.
bool uring_backend::reap() noexcept {
    bool woken = false;
    ring_.reap([&](const io_uring_cqe& completion) { woken |= complete(completion); });
    return woken;
}

bool uring_backend::complete(const io_uring_cqe& completion) noexcept {
    if (completion.user_data == uring_tag::cancel) {
        return false; // the operation tells for itself, and may not exist any more
    }
    if (completion.user_data == uring_tag::wakeup) {
        wakeup_armed_ = (completion.flags & IORING_CQE_F_MORE) != 0;
        return wakeup_.consume();
    }
    operation& what = *static_cast<operation*>(io_uring_cqe_get_data(&completion));
    if (operation_access::queued(what)) {
        cancels_.erase(what); // too late for it
    }
    int result = completion.res;
    if (result == -EINTR) {
        // A signal hit the kernel's worker thread: because of our cancellation, or by chance.
        if (what.state() == operation_state::in_flight) {
            waiting_.push_back(what);
            return false;
        }
        result = -ECANCELED;
    }
    finish(what, result);
    return false;
}

} // namespace pirn::detail
