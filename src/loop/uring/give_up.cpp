// SPDX-License-Identifier: MIT
//
// The io_uring backend: the kernel refuses to be entered, as it does when a process gives itself a stricter policy
// (seccomp) later on. What it has finished counts; everything else ends with the refusal, and the ring is closed, so
// that the kernel has no buffer of ours any more. From then on only wakes are waited for.
#include <pirn/loop/socket.hpp>

#include "loop/buffers.hpp"
#include "loop/uring/uring.hpp"

#include <cerrno>

#include <unistd.h>

namespace pirn::detail {

void uring_backend::give_up(int refusal) noexcept {
    reap(); // what it asks for again waits in a queue, and ends with the others
    set_refusal(refusal);
    listens_ = false;
    ring_.unsubmitted([this](const io_uring_sqe& entry) {
        if (entry.opcode == IORING_OP_CLOSE) {
            auto& close = *reinterpret_cast<operation*>(entry.user_data);
            let_go(close);
            waiting_.push_back(close);
        }
    });
    ring_.end_requests();
    ring_.close();
    end_all(taken_);
    watched_cancels_ = 0;
    ask_again_at_ = never;
    end_all(cancels_);
    end_all(waiting_);
    for (buffer_pool* const pool : pools()) {
        while (operation* const starving = next_waiting(*pool)) {
            waiting_.push_back(*starving);
        }
    }
    end_all(waiting_);
}

// end_all: finishes them with the refusal. Those in `waiting_` have never been with the kernel.
void uring_backend::end_all(operation_queue& queue) noexcept {
    const bool never_asked = &queue == &waiting_;
    while (operation* const what = queue.pop_front()) {
        operation_access::set_taken(*what, false);
        if (what->kind() == operation_kind::close && never_asked) {
            const int result = ::close(static_cast<const close_operation&>(*what).descriptor);
            finish(*what, result == 0 || errno == EINTR ? 0 : -errno);
        } else {
            complete_last(*what, end_of_refused(*what));
        }
    }
}

} // namespace pirn::detail
