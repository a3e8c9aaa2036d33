// SPDX-License-Identifier: MIT
//
// Setting the rings up, and the three ways to enter the kernel.
//
// With DEFER_TASKRUN the kernel finishes our requests only while we are inside it, on this thread,
// instead of interrupting us. It says so by a flag in the ring (TASKRUN_FLAG): reading that makes a
// turn with nothing to do free of system calls.
#include "loop/uring/ring.hpp"

#include <pirn/base/config.hpp>
#include <pirn/base/error.hpp>
#include <pirn/base/live.hpp>

#include "base/sanitizers.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

namespace pirn::detail {
namespace {

// What to ask for, best first; a kernel answers EINVAL to a flag that it does not know.
constexpr std::array set_up_flags{
    // Linux 6.1: one thread submits, and completions are made when it asks for them.
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
        IORING_SETUP_SUBMIT_ALL,
    // Linux 5.19: completions are made when it enters the kernel for whatever reason.
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
    0U,
};

// A wait with a timeout (Linux 5.11), no completion ever dropped (5.5), and, without a bit of its
// own, the multishot poll that wakes us: it came with RSRC_TAGS in 5.13.
constexpr unsigned needed_features =
    IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_RSRC_TAGS;

int set_up(io_uring& ring, unsigned submissions, unsigned completions) {
    int result = 0;
    for (const unsigned flags : set_up_flags) {
        io_uring_params parameters{};
        parameters.flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
        parameters.cq_entries = completions;
        result = io_uring_queue_init_params(submissions, &ring, &parameters);
        if (result != -EINVAL) {
            break;
        }
    }
    return result;
}

// liburing maps and unmaps past ThreadSanitizer, which then takes what two rings have written, one after the other at the
// same address, for a race. This stands for the address space.
constinit char mapped_memory = 0;

void after_mapping() noexcept {
    if (under_thread_sanitizer()) {
        __tsan_acquire(&mapped_memory);
    }
}

void before_unmapping() noexcept {
    if (under_thread_sanitizer()) {
        __tsan_release(&mapped_memory);
    }
}

// Neither is a failure: the caller looks at the clock and at the queue in any case.
int unless_early(int result) noexcept {
    return result == -EINTR || result == -ETIME ? 0 : std::min(result, 0);
}

// ThreadSanitizer keeps signals back until the thread comes by a function of the C library, and liburing
// enters the kernel past all of them. Under it no wait is long, so that a turn, which reads the wakeup's
// descriptor, comes soon.
time_point unless_signals_are_kept_back(time_point until) noexcept {
    if (under_thread_sanitizer()) {
        return std::min(until, clock::now() + std::chrono::milliseconds{20});
    }
    return until;
}

__kernel_timespec rest_until(time_point until) noexcept {
    const duration rest = std::max(until - clock::now(), duration::zero());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(rest);
    return {seconds.count(), (rest - seconds).count()};
}

} // namespace

uring_ring::uring_ring(unsigned submissions, unsigned completions) {
    if (const int error = set_up(ring_, submissions, completions)) {
        throw_error(error_of(error), "io_uring_setup");
    }
    after_mapping();
    requests_ = request_set::ask(ring_);
    if ((ring_.features & needed_features) != needed_features || !requests_.suffices()) {
        io_uring_queue_exit(&ring_);
        throw_error(error_of(-EOPNOTSUPP), "io_uring_register");
    }
    // A policy may allow the set-up and refuse the rest.
    if (const int error = enter_once()) {
        before_unmapping();
        io_uring_queue_exit(&ring_);
        throw_error(error_of(error), "io_uring_enter");
    }
    count_descriptors(1);
}

// enter_once: a request that does nothing, there and back. 0 or a negative errno.
int uring_ring::enter_once() noexcept {
    constexpr int most_attempts = 100; // a signal may come each time, but not for ever
    io_uring_prep_nop(io_uring_get_sqe(&ring_));
    int result = -EINTR;
    for (int i = 0; i < most_attempts && result == -EINTR; ++i) {
        result = io_uring_submit_and_wait(&ring_, 1);
    }
    io_uring_cqe* done = nullptr;
    if (result >= 0 && io_uring_peek_cqe(&ring_, &done) == 0) {
        io_uring_cqe_seen(&ring_, done);
    }
    return std::min(result, 0);
}

void uring_ring::end_requests() noexcept {
    io_uring_sync_cancel_reg all{};
    all.fd = -1;
    all.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
    all.timeout = {5, 0};
    io_uring_register_sync_cancel(&ring_, &all);
}

unsigned uring_ring::cancel_flags() const noexcept {
    // The flag came with Linux 5.19 and no bit of its own; this bit came with 6.3.
    constexpr unsigned registered_by_registered_ring =
        1U << 13; // IORING_FEAT_REG_REG_RING, not in liburing 2.3
    return (ring_.features & registered_by_registered_ring) != 0 ? IORING_ASYNC_CANCEL_ALL : 0U;
}

uring_ring::~uring_ring() { close(); }

// liburing unmaps and closes, and asks the ring for nothing.
void uring_ring::close() noexcept {
    if (ring_.ring_fd >= 0) {
        before_unmapping();
        io_uring_queue_exit(&ring_);
        ring_.ring_fd = -1;
        count_descriptors(-1);
    }
}

int uring_ring::notify(int descriptor) noexcept {
    return io_uring_register_eventfd(&ring_, descriptor);
}

io_uring_sqe* uring_ring::entry() noexcept {
    io_uring_sqe* free = io_uring_get_sqe(&ring_);
    if (free == nullptr) {
        io_uring_submit(&ring_); // a refusal shows below, and again at the next flush
        free = io_uring_get_sqe(&ring_);
    }
    return free;
}

void uring_ring::listen(bool wanted) noexcept {
    io_uring_cq_eventfd_toggle(&ring_, wanted); // a kernel without the flag always writes
    // Of two that write first and read then, one sees the other's: the kernel notes what it has, and reads the flag.
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

bool uring_ring::ready() const noexcept { return holds_back() || io_uring_cq_ready(&ring_) > 0; }

// holds_back: whether the kernel has something that it gives only to who enters it.
bool uring_ring::holds_back() const noexcept {
    constexpr unsigned held_back = IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN;
    return (IO_URING_READ_ONCE(*ring_.sq.kflags) & held_back) != 0;
}

int uring_ring::flush() noexcept {
    if (holds_back()) {
        return unless_early(io_uring_submit_and_get_events(&ring_));
    }
    return io_uring_sq_ready(&ring_) == 0 ? 0 : unless_early(io_uring_submit(&ring_));
}

int uring_ring::flush_and_wait(time_point until) noexcept {
    until = unless_signals_are_kept_back(until);
    io_uring_cqe* first = nullptr;
    if (until == never) {
        return unless_early(io_uring_submit_and_wait_timeout(&ring_, &first, 1, nullptr, nullptr));
    }
    __kernel_timespec timeout = rest_until(until);
    return unless_early(io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr));
}

int uring_ring::wait(time_point until) noexcept {
    io_uring_cqe* first = nullptr;
    __kernel_timespec timeout = rest_until(until);
    return unless_early(io_uring_wait_cqes(&ring_, &first, 1, &timeout, nullptr));
}

} // namespace pirn::detail
