// SPDX-License-Identifier: MIT
//
// The two rings shared with the kernel, owned: set-up with the best that this kernel grants, handing
// over, waiting. Knows nothing of operations. liburing does the mapping and the memory barriers.
//
// Results are in the kernel's form. What a caller has to expect besides success: -EAGAIN and -EBUSY,
// the kernel cannot take more at the moment and the rest stays queued. Anything else is the end.
#pragma once

#include <pirn/base/time.hpp>

#include "loop/uring/probe.hpp"

#include <liburing.h>

namespace pirn::detail {

class uring_ring {
  public:
    // `completions` is the room for results that nobody has looked at yet; the kernel keeps what does
    // not fit. Throws std::system_error when the kernel or its policy does not give what we need.
    uring_ring(unsigned submissions, unsigned completions);
    uring_ring(const uring_ring&) = delete;
    uring_ring& operator=(const uring_ring&) = delete;
    ~uring_ring();

    // close: gives everything back before the end, as the destructor does. Never suspends.
    void close() noexcept;

    // notify: from now on, an eventfd is written when there is something to reap or to fetch. 0 or a negative errno.
    // Never suspends.
    int notify(int descriptor) noexcept;

    // listen: whether the kernel writes it. What came before is seen by ready, what comes later is written.
    // Never suspends.
    void listen(bool wanted) noexcept;

    // ready: whether there is something to reap, or to fetch by a flush. Never suspends.
    bool ready() const noexcept;

    // entry: a free entry of the submission queue. When that is full it is handed over first; null
    // when even then there is none. Never suspends.
    io_uring_sqe* entry() noexcept;

    // flush: hands over what is queued, and fetches what the kernel holds back for us. No system call
    // when there is neither. Never suspends.
    int flush() noexcept;

    // flush_and_wait: hands over what is queued and waits for a completion, at most until then. May
    // return early with none. Suspends the thread.
    int flush_and_wait(time_point until) noexcept;

    // wait: the same, handing over nothing. Suspends the thread.
    int wait(time_point until) noexcept;

    // reap: calls visit(completion) for each completion that there is, and gives its place back, until
    // there is none or visit says false; that one stays.
    template <class Visit>
    void reap(Visit visit);

    // end_requests: has the kernel end all requests that it has, and waits for those that it is in the middle of, for a
    // few seconds at most. Their completions may never come. For a ring that cannot be entered any more; before Linux 6.0
    // nothing happens. Suspends the thread.
    void end_requests() noexcept;

    // unsubmitted: calls visit(entry) for each entry that the kernel has not taken.
    template <class Visit>
    void unsubmitted(Visit visit);

    // raw: for the registration of buffers.
    io_uring& raw() noexcept { return ring_; }

    // requests: what this kernel knows. Never suspends.
    const request_set& requests() const noexcept { return requests_; }

    // cancel_flags: the flags of a cancel request. Never suspends.
    unsigned cancel_flags() const noexcept;

  private:
    int enter_once() noexcept;
    bool holds_back() const noexcept;

    io_uring ring_{};
    request_set requests_;
};

// ---------------------------------------------------------------------------------------------------

template <class Visit>
void uring_ring::reap(Visit visit) {
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring_, head, completion) {
        if (!visit(static_cast<const io_uring_cqe&>(*completion))) {
            break;
        }
        ++count;
    }
    io_uring_cq_advance(&ring_, count);
}

template <class Visit>
void uring_ring::unsubmitted(Visit visit) {
    const unsigned mask = *ring_.sq.kring_mask;
    for (unsigned at = *ring_.sq.khead; at != ring_.sq.sqe_tail; ++at) {
        visit(static_cast<const io_uring_sqe&>(ring_.sq.sqes[at & mask]));
    }
}

} // namespace pirn::detail
