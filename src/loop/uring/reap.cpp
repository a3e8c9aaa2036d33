// SPDX-License-Identifier: MIT
//
// The io_uring backend: its part of the loop's turn.
#include <pirn/base/error.hpp>

#include "loop/child.hpp"
#include "loop/uring/prepare.hpp"
#include "loop/uring/tag.hpp"
#include "loop/uring/uring.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include <poll.h>

namespace pirn::detail {
namespace {

using namespace std::chrono_literals;

// How long to let the kernel catch its breath when it cannot take more and has nothing to give.
constexpr duration breath = 1ms;

// Numbers that the kernel keeps to itself elsewhere, and with which a splice that was interrupted ends.
bool was_interrupted(int result) noexcept {
    constexpr int first_restart = 512; // ERESTARTSYS
    constexpr int last_restart = 516;  // ERESTART_RESTARTBLOCK
    return result == -EINTR || (result <= -first_restart && result >= -last_restart);
}

// A request for which the kernel needs a worker thread of its own is given up, as if it had been cancelled, when a
// signal comes while that thread is made. Asked again a few times only: a file system may mean what it says.
bool was_given_up(operation& what, int result) noexcept {
    constexpr std::uint8_t all = 0x30; // of the flags, two bits that nobody else uses: how often
    constexpr std::uint8_t once = 0x10;
    std::uint8_t& flags = operation_access::flags(what);
    if (result != -ECANCELED || is_multishot(what.kind()) || (flags & all) == all ||
        (what.state() != operation_state::in_flight && what.kind() != operation_kind::close)) {
        return false;
    }
    flags = static_cast<std::uint8_t>(flags + once);
    return true;
}

} // namespace

bool uring_backend::poll(time_point until) {
    if (refusal() != 0) {
        return wakeup_.wait(nothing_finished() ? until : time_point::min());
    }
    stop_listening();
    if (watched_cancels_ > 0) {
        ask_again();
        until = std::min(until, ask_again_at_);
    }
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
    ring_.reap([&](const io_uring_cqe& completion) {
        if (must_wait(completion)) {
            return false;
        }
        woken |= complete(completion);
        return true;
    });
    return woken;
}

// must_wait: an accept_many that holds as many connections as it can. What the kernel has behind it waits
// with it, for a turn.
bool uring_backend::must_wait(const io_uring_cqe& completion) noexcept {
    if (completion.user_data == uring_tag::cancel || completion.user_data == uring_tag::wakeup) {
        return false;
    }
    const operation& what = *static_cast<operation*>(io_uring_cqe_get_data(&completion));
    return what.kind() == operation_kind::accept_many && completion.res >= 0 &&
           !operation_access::has_room(static_cast<const accept_many_operation&>(what));
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
    const bool more = (completion.flags & IORING_CQE_F_MORE) != 0;
    if (!more) {
        let_go(what);
        unwatch_cancel(what);
    }
    switch (what.kind()) {
    case operation_kind::poll:
        complete_poll(static_cast<poll_operation&>(what), completion.res, more);
        break;
    case operation_kind::child:
        complete_child(static_cast<child_operation&>(what), completion.res);
        break;
    case operation_kind::send_file:
        complete_send_file(static_cast<send_file_operation&>(what), completion.res);
        break;
    case operation_kind::send_zero_copy: complete_zero_copy(what, completion); break;
    case operation_kind::accept_many:
        complete_accept_many(static_cast<accept_many_operation&>(what), completion.res, more);
        break;
    case operation_kind::receive_borrowed:
        complete_borrowed(static_cast<receive_borrowed_operation&>(what), completion);
        break;
    case operation_kind::send:
    case operation_kind::send_message: complete_send(what, completion.res); break;
    case operation_kind::write:
    case operation_kind::write_vector: complete_write(what, completion.res); break;
    default: complete_last(what, completion.res);
    }
    return false;
}

// complete_write: one that the kernel does not understand for its flag is asked again without.
void uring_backend::complete_write(operation& what, int result) noexcept {
    if (result == -EOPNOTSUPP && writes_in_order(what) &&
        (operation_access::flags(what) & write_flag::by_worker) == 0) {
        no_signal_flag_ = false;
        operation_access::flags(what) |= write_flag::by_worker;
        retry(what);
    } else {
        complete_last(what, result);
    }
}

// complete_send: what finds no room waits for it, and what has waited is asked again.
void uring_backend::complete_send(operation& what, int result) noexcept {
    std::uint8_t& flags = operation_access::flags(what);
    const bool has_waited = (flags & send_flag::waits) != 0;
    flags &= static_cast<std::uint8_t>(~send_flag::waits);
    if (!has_waited && result == -EAGAIN) {
        flags |= send_flag::waits;
        retry(what);
    } else if (has_waited && result >= 0) {
        retry(what);
    } else {
        complete_last(what, result);
    }
}

// complete_last: the kernel has let go of the operation.
void uring_backend::complete_last(operation& what, int result) noexcept {
    if (was_interrupted(result) && what.kind() == operation_kind::close) {
        finish(what, 0); // the number is free by then
    } else if (was_given_up(what, result)) {
        waiting_.push_back(what);
    } else if (was_interrupted(result)) {
        retry(what); // a signal hit the kernel's worker thread, by our cancellation or by chance
    } else {
        if (what.kind() == operation_kind::child) {
            operation_access::pidfd(static_cast<child_operation&>(what)).close();
        } else if (what.kind() == operation_kind::send_file) {
            result = end_send_file(static_cast<send_file_operation&>(what), result);
        }
        if (is_multishot(what.kind())) {
            end(static_cast<multishot_operation&>(what), result);
        } else {
            finish(what, result);
        }
    }
}

// retry: asks the kernel again, unless the operation has been cancelled meanwhile.
void uring_backend::retry(operation& what) noexcept {
    if (what.state() == operation_state::in_flight) {
        waiting_.push_back(what);
    } else {
        complete_last(what, -ECANCELED);
    }
}

// complete_child: its pidfd has something to say, or nobody wants to hear it any more.
void uring_backend::complete_child(child_operation& what, int result) noexcept {
    if (result >= 0) {
        const auto answer = ask_child(what);
        if (!answer) {
            retry(what);
            return;
        }
        result = *answer;
    }
    complete_last(what, result);
}

void uring_backend::complete_poll(poll_operation& what, int result, bool more) noexcept {
    std::uint8_t& flags = operation_access::flags(what);
    if ((flags & poll_flag::answered) != 0) {
        if (!more) {
            finish(what, what.result());
        }
        return;
    }
    if (result >= 0) {
        result &= static_cast<std::uint16_t>(what.events) | POLLERR | POLLHUP;
        if (result == 0) {
            flags |= poll_flag::by_edges;
            if (!more) {
                retry(what);
            }
            return;
        }
    }
    if (more) {
        operation_access::set_result(what, result);
        flags |= poll_flag::answered;
        request_cancel(what);
    } else {
        complete_last(what, result);
    }
}

} // namespace pirn::detail
