// SPDX-License-Identifier: MIT
//
// The io_uring backend: operations into entries of the submission queue.
#include <pirn/loop/operations.hpp>

#include "loop/buffers.hpp"
#include "loop/child.hpp"
#include "loop/uring/prepare.hpp"
#include "loop/uring/tag.hpp"
#include "loop/uring/uring.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

namespace pirn::detail {
namespace {

// Room for completions per place for submissions. A turn submits little and reaps much: thousands of
// idle connections may speak at once. What does not fit costs a detour through the kernel's list.
constexpr unsigned completions_per_submission = 16;

unsigned completions_for(const loop_options& options) noexcept {
    return options.completion_slots == 0
               ? options.submission_slots * completions_per_submission
               : std::max(std::bit_ceil(options.submission_slots), options.completion_slots);
}

void prepare_cancel(io_uring_sqe& entry, operation& target, unsigned flags) noexcept {
    io_uring_prep_cancel(&entry, &target, 0);
    entry.cancel_flags = flags;
    io_uring_sqe_set_data64(&entry, uring_tag::cancel);
}

} // namespace

uring_backend::uring_backend(const loop_options& options, outbox& out)
    : backend{out}, ring_{options.submission_slots, completions_for(options)} {
    // Waiting before the first attempt came with IORING_OP_SOCKET, in Linux 5.19, and has no number of its own.
    waits_first_ = ring_.requests().knows(IORING_OP_SOCKET);
    no_signal_flag_ = ring_.requests().knows(uring_request::quiet_write);
    for (std::size_t kind = 0; kind < operation_kinds; ++kind) {
        const int request = request_for(static_cast<operation_kind>(kind));
        serves_.set(kind, request >= 0 && ring_.requests().knows(request));
    }
}

// The kernel tries without waiting and then arms its own poll; O_NONBLOCK would make it answer EAGAIN.
int uring_backend::socket_flags() const noexcept { return SOCK_CLOEXEC; }

bool uring_backend::serves(const operation& what) const noexcept {
    return refusal() == 0 && serves_.test(static_cast<std::size_t>(what.kind()));
}

void uring_backend::submit(operation& what) noexcept {
    if (refusal() != 0) {
        if (what.kind() == operation_kind::send_file) {
            auto& send = static_cast<send_file_operation&>(what);
            operation_access::inside(send) = operation_access::sent(send) = 0;
        }
        waiting_.push_back(what);
        end_all(waiting_);
        return;
    }
    if (what.kind() > operation_kind::send && !begin(what)) {
        return;
    }
    if (waiting_.empty()) {
        if (io_uring_sqe* const entry = ring_.entry()) {
            prepare(*entry, what);
            return;
        }
    }
    waiting_.push_back(what);
}

// begin: what some kinds need before the kernel can be asked. False when that has finished the operation.
bool uring_backend::begin(operation& what) noexcept {
    switch (what.kind()) {
    case operation_kind::child:
        if (const auto answer = ask_child(static_cast<child_operation&>(what))) {
            complete_last(what, *answer);
            return false;
        }
        break;
    case operation_kind::send_file:
        if (const int error = begin_send_file(static_cast<send_file_operation&>(what))) {
            complete_last(what, error);
            return false;
        }
        break;
    case operation_kind::send_zero_copy:
        if (!ring_.requests().knows(IORING_OP_SEND_ZC)) {
            operation_access::flags(what) |= zero_copy_flag::plain;
        }
        break;
    case operation_kind::accept_many:
        // Accepting many came with IORING_OP_SOCKET, in Linux 5.19, and has no number of its own.
        if (!ring_.requests().knows(IORING_OP_SOCKET)) {
            operation_access::flags(what) |= many_flag::one_by_one;
        }
        break;
    case operation_kind::receive_borrowed:
        choose_way(static_cast<receive_borrowed_operation&>(what));
        break;
    case operation_kind::read:
    case operation_kind::read_vector:
        if (const int error = refuse_offset(what)) {
            complete_last(what, error);
            return false;
        }
        break;
    case operation_kind::write:
    case operation_kind::write_vector:
        if (const int error = refuse_offset(what)) {
            complete_last(what, error);
            return false;
        }
        if (!no_signal_flag_ && writes_in_order(what)) {
            operation_access::flags(what) |= write_flag::by_worker;
        }
        break;
    default: break;
    }
    return true;
}

// prepare: the operation as an entry.
void uring_backend::prepare(io_uring_sqe& entry, operation& what) noexcept {
    if (what.kind() == operation_kind::splice || what.kind() == operation_kind::send_file) {
        prepare_splice(entry, what);
    } else if (what.kind() < operation_kind::work) {
        prepare_net(entry, what);
        if (what.kind() == operation_kind::receive &&
            static_cast<const receive_operation&>(what).wait_first && waits_first_) {
            entry.ioprio |= IORING_RECVSEND_POLL_FIRST;
        }
    } else {
        prepare_file(entry, what);
    }
    io_uring_sqe_set_data(&entry, &what);
    take(what);
}

// take, let_go: the kernel has the operation, and has it no more.
void uring_backend::take(operation& what) noexcept {
    taken_.push_back(what);
    operation_access::set_taken(what, true);
}

void uring_backend::let_go(operation& what) noexcept {
    if (operation_access::taken(what)) {
        taken_.erase(what);
        operation_access::set_taken(what, false);
    } else {
        cancels_.erase(what); // too late for it
    }
}

bool uring_backend::attempt(operation& what) noexcept {
    submit(what);
    return false;
}

void uring_backend::cancel(operation& what) noexcept {
    if (what.kind() == operation_kind::poll &&
        (operation_access::flags(what) & poll_flag::answered) != 0) {
        return; // under way already, for its own reasons
    }
    if (what.kind() == operation_kind::close) {
        return; // a descriptor that is half closed is of use to nobody
    }
    if (what.kind() == operation_kind::send_zero_copy &&
        (operation_access::flags(what) & zero_copy_flag::answered) != 0) {
        return; // sent; the kernel lets go of the buffer when it does
    }
    if (what.kind() == operation_kind::receive_borrowed) {
        std::uint8_t& flags = operation_access::flags(what);
        if ((flags & many_flag::starves) != 0) {
            wait_no_longer(static_cast<receive_borrowed_operation&>(what));
        }
        if ((flags & (many_flag::starves | many_flag::stalled)) != 0) {
            complete_last(what, -ECANCELED);
            return;
        }
    }
    if (refusal() != 0) {
        return; // it has ended
    }
    if (operation_access::queued(what) && !operation_access::taken(what)) {
        waiting_.erase(what); // the kernel has not seen it yet
        complete_last(what, -ECANCELED);
        return;
    }
    request_cancel(what);
    if (may_hold_worker(what.kind())) {
        watch_cancel();
    }
}

// The kernel takes a descriptor's file when a request is handed over and keeps nothing afterwards.
void uring_backend::release(int /*descriptor*/) noexcept {}

// hand_over: moves what waits for a place into the submission queue. False when it does not fit.
bool uring_backend::hand_over() noexcept {
    while (operation* const what = cancels_.front()) {
        io_uring_sqe* const entry = ring_.entry();
        if (entry == nullptr) {
            return false;
        }
        cancels_.erase(*what);
        prepare_cancel(*entry, *what, ring_.cancel_flags());
        take(*what);
    }
    while (operation* const what = waiting_.front()) {
        io_uring_sqe* const entry = ring_.entry();
        if (entry == nullptr) {
            return false;
        }
        waiting_.erase(*what);
        prepare(*entry, *what);
    }
    return true;
}

// request_cancel: asks the kernel to end an operation that it has.
void uring_backend::request_cancel(operation& what) noexcept {
    if (io_uring_sqe* const entry = ring_.entry()) {
        prepare_cancel(*entry, what, ring_.cancel_flags());
    } else {
        let_go(what);
        cancels_.push_back(what);
    }
}

// arm_wakeup: a multishot poll, edge-triggered: one completion per write to the eventfd until the
// kernel says otherwise. It owns no memory of ours, so that nothing has to be fetched back when the
// loop is destroyed. False when there is no place for it.
bool uring_backend::arm_wakeup() noexcept {
    if (wakeup_armed_) {
        return true;
    }
    io_uring_sqe* const entry = ring_.entry();
    if (entry == nullptr) {
        return false;
    }
    io_uring_prep_poll_multishot(entry, wakeup_.descriptor(), POLLIN);
    io_uring_sqe_set_data64(entry, uring_tag::wakeup);
    wakeup_armed_ = true;
    return true;
}

} // namespace pirn::detail
